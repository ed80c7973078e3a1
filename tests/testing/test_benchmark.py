"""The fixture: what pytest-benchmark records of a pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pytest_benchmark")

import streamflow as sf
from streamflow.nodes import PassThrough
from streamflow.testing.benchmark import PipelineBenchmark, benchmark_pipeline

ROOT = Path(__file__).parents[2]

SUITE = """
import streamflow as sf
from streamflow.nodes import PassThrough


def test_pass_through(benchmark_pipeline):
    report = benchmark_pipeline(sf.Pipeline(PassThrough()), range(500), rounds=3)
    assert len(report.results) == 500
"""


class Stats:
    """Stands in for what pytest-benchmark has measured."""

    def __init__(self, median: float) -> None:
        self.stats, self.median = self, median


class Recorder:
    """Stands in for pytest-benchmark's fixture."""

    def __init__(self, *, disabled: bool = False) -> None:
        self.disabled, self.extra_info, self.stats = disabled, dict[str, Any](), Stats(0.5)
        self.asked: dict[str, Any] = {}

    def pedantic(self, target: Any, *, kwargs: dict[str, Any], **asked: Any) -> Any:
        self.asked = asked
        return target(**kwargs)


@sf.node
def nine() -> Iterator[int]:
    yield from range(9)


def test_throughput_and_latency_of_items_that_are_fed() -> None:
    recorder = Recorder()

    report = PipelineBenchmark(recorder)(sf.Pipeline(PassThrough()), range(20), rounds=4)

    assert report.results == list(range(20))
    assert recorder.asked == {"rounds": 4, "warmup_rounds": 1}
    assert (recorder.extra_info["items"], recorder.extra_info["items_per_second"]) == (20, 40.0)
    assert 0 < recorder.extra_info["latency_p50"] <= recorder.extra_info["latency_max"]


def test_a_source_has_a_throughput_but_no_latency() -> None:
    recorder = Recorder()

    PipelineBenchmark(recorder)(sf.Pipeline("x", nine, PassThrough()))

    assert recorder.extra_info == {"items": 9, "items_per_second": 18.0}


def test_nothing_is_noted_where_nothing_is_measured() -> None:
    recorder = Recorder(disabled=True)

    PipelineBenchmark(recorder)(sf.Pipeline(PassThrough()), [1])

    assert recorder.extra_info == {}


def test_the_fixture_is_a_pipeline_benchmark(request: pytest.FixtureRequest) -> None:
    made: Any = benchmark_pipeline

    assert isinstance(made.__wrapped__(Recorder()), PipelineBenchmark)


def test_a_suite_of_a_users_own_has_the_figures_in_its_record(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from streamflow.testing.benchmark import benchmark_pipeline\n"
    )
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}

    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "--benchmark-json=record.json", "test_suite.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = json.loads((tmp_path / "record.json").read_text())["benchmarks"]
    assert record["extra_info"]["items"] == 500
    assert record["extra_info"]["items_per_second"] > 0
    assert {"latency_p50", "latency_p99", "latency_max"} <= set(record["extra_info"])
