"""Checkpoints that fail while a run goes on: it goes on, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import streamflow as sf
from streamflow.flow.checkpoint import Store
from tests.support.survivor import Total, slowly

ROOT = Path(__file__).parents[1]


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


class LaterUnable(Total):
    """Cannot tell its state any more after some items."""

    def get_state(self) -> int:
        if self.sum > 100:
            raise OSError("the disk is on fire")
        return super().get_state()


def test_a_checkpoint_that_fails_later_is_a_warning_and_those_before_stay(where: Path) -> None:
    report = sf.Pipeline(LaterUnable()).run(slowly(40), checkpoint=where, items=3)

    assert len(report.results) == 40
    assert len(report.warnings) == 1
    assert "a checkpoint could not be taken" in report.warnings[0]
    assert "the disk is on fire" in report.warnings[0]
    assert list(where.iterdir())


def test_a_disk_that_is_full_is_a_warning_and_the_run_goes_on(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: Store, number: int, body: bytes) -> Path:
        raise sf.CheckpointError(str(store.path(number)), "No space left on device")

    monkeypatch.setattr(Store, "write", full)

    report = sf.Pipeline(Total()).run(slowly(20), checkpoint=where, items=5)

    assert len(report.results) == 20
    assert all("No space left" in warning for warning in report.warnings)


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")
def test_a_limit_that_the_system_sets_is_a_warning_too(tmp_path: Path) -> None:
    program = """
        import resource, sys
        import streamflow as sf

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        report = sf.Pipeline(sf.node(lambda x: x)).run(range(100), checkpoint=sys.argv[1])
        assert len(report.results) == 100
        (warning,) = report.warnings
        assert "File too large" in warning, warning
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "run")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})

    assert list((tmp_path / "run").iterdir()) == []


def test_results_that_cannot_be_kept_are_a_warning(where: Path) -> None:
    report = sf.Pipeline(sf.node(lambda _: threading.Lock())).run([1], checkpoint=where)

    assert len(report.results) == 1
    assert "lock" in report.warnings[0]


def test_results_from_a_process_that_cannot_be_kept_are_a_warning(where: Path) -> None:
    pipeline = sf.Pipeline("unkept")
    pipeline.add(sf.node(Stays), on="process")

    report = pipeline.run([1, 2], checkpoint=where)

    assert len(report.results) == 2
    assert "once is enough" in report.warnings[0]


class Stays:
    """Travels once, and no further."""

    def __init__(self, item: Any) -> None:
        self.item, self.travelled = item, False

    def __getstate__(self) -> dict[str, Any]:
        if self.travelled:
            raise TypeError("once is enough")
        return {"item": self.item, "travelled": True}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="of POSIX")
def test_a_process_that_is_started_anew_spoils_the_checkpoint_under_way_alone(
    tmp_path: Path, where: Path
) -> None:
    pipeline = sf.Pipeline("mended")
    process = sf.Process("worker", restart=1)
    pipeline.add(Dies, id="dies", on=process, file=str(tmp_path / "died"))

    report = pipeline.run(slowly(100), checkpoint=where, every=0.01)

    assert report.results[-1] == 99
    assert list(where.iterdir())
    again = pipeline.run(slowly(100), checkpoint=where, resume=True)
    assert again.results == report.results


class Dies(sf.Node):
    """Its first process dies at item 50."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def process(self, item: int) -> int:
        if item == 50 and not self.file.exists():
            self.file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item
