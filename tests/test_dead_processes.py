"""Dead processes: what a kill, a crash or a hang costs, and what is left behind: nothing."""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import streamflow as sf
from streamflow.flow.ring_outlet import RingOutlet
from streamflow.testing import assert_ledger
from tests.support.chains import chain, same
from tests.support.waiting import until

SHARED = Path("/dev/shm")  # noqa: S108 - nothing of ours is to be there


class Killed(sf.Node):
    """Its process dies at one item; it counts what it has seen."""

    def __init__(self, at: int, number: int = signal.SIGKILL) -> None:
        self.at, self.number, self.count = at, number, 0

    def process(self, x: int) -> tuple[int, int]:
        if x == self.at:
            os.kill(os.getpid(), self.number)
        self.count += 1
        return x, self.count

    def get_state(self) -> int:
        return self.count

    def set_state(self, state: int) -> None:
        self.count = state


def open_descriptors() -> int:
    gc.collect()  # what a failed run refers to lives as long as its exception
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "killed by SIGKILL"), (signal.SIGSEGV, "segmentation")]
)
def test_a_process_that_dies_ends_the_run_and_says_how_and_where(number: int, words: str) -> None:
    pipeline = chain(Killed(5, number))

    with pytest.raises(sf.PeerLost) as caught:
        pipeline.run(range(100))

    text = str(caught.value)
    assert text.startswith(f"process 'far' (far) is lost: {words}")
    assert "the last it had taken was item" in text
    assert "over head.out -> far.in" in text


def test_a_run_ends_also_where_the_death_of_a_process_cannot_be_dealt_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: RingOutlet) -> None:
        raise sf.errors.RingCorrupt("it wrote what it should not")

    monkeypatch.setattr(RingOutlet, "abandon", fail)

    with pytest.raises(sf.errors.RingCorrupt, match="it wrote what it should not") as caught:
        chain(Killed(5)).run(range(100))

    assert isinstance(caught.value.__cause__, sf.PeerLost)


def test_nothing_is_left_of_a_process_that_dies() -> None:
    pipeline = chain(sf.node(same))
    pipeline.run([1])  # what is kept between runs is there now
    before = open_descriptors()

    for _ in range(5):
        with pytest.raises(sf.PeerLost):
            chain(Killed(5)).run(range(100))

    assert open_descriptors() == before
    assert not [file for file in SHARED.iterdir() if "streamflow" in file.name]


def test_a_process_that_is_started_again_loses_what_it_had_in_hand_alone() -> None:
    pipeline = chain(Killed(50), on=sf.Process(restart=1))

    report = pipeline.run(range(100))

    seen = [x for x, _ in report.results]
    assert seen == sorted(seen)
    assert 50 not in seen
    assert seen[-1] == 99
    assert report.warnings == (
        "process 'far' (far) is lost: killed by SIGKILL; it was started again",
    )
    edge = report.edges["head.out -> far.in"]
    assert (edge.sent, edge.received) == (100, 100)
    assert report.edges["far.out -> tail.in"].received == len(seen)
    assert_ledger(report)


def test_a_process_that_is_started_again_goes_on_from_its_last_state() -> None:
    class Slow(Killed):
        def process(self, x: int) -> tuple[int, int]:
            time.sleep(0.01)  # a state is asked for a few times a second
            return super().process(x)

    pipeline = chain(Slow(60), on=sf.Process(restart=1))

    results = dict(pipeline.run(range(100)).results)

    assert results[59] == 60
    assert 1 < results[61] <= 61


def test_a_process_dies_once_too_often() -> None:
    class Always(sf.Node):
        def process(self, x: int) -> int:
            os.kill(os.getpid(), signal.SIGKILL)
            return x

    pipeline = chain(Always(), on=sf.Process(restart=2))

    with pytest.raises(sf.PeerLost, match="killed by SIGKILL"):
        pipeline.run(range(10))


def test_a_source_that_would_begin_again_is_not_started_again() -> None:
    @sf.node
    def count() -> Iterator[int]:
        yield 1

    pipeline = sf.Pipeline("source")
    pipeline.add(count, id="count", on=sf.Process("p", restart=1)) >> sf.node(same)

    with pytest.raises(sf.GraphError, match="its source 'count' would begin again"):
        pipeline.run()


def test_under_skip_the_streams_of_a_dead_process_end_and_the_rest_goes_on() -> None:
    pipeline = chain(Killed(50), on=sf.Process(on_death="skip"))
    pipeline["head"] >> pipeline.add(sf.node(lambda x: ("beside", x)), id="beside")

    report = pipeline.run(range(100))

    assert [x for kind, x in report.results if kind == "beside"] == list(range(100))
    assert report.warnings == (
        "process 'far' (far) is lost: killed by SIGKILL; its streams have ended",
    )
    edge = report.edges["head.out -> far.in"]
    assert edge.sent == edge.received + edge.dropped["lost"] == 100
    assert_ledger(report)


def test_a_call_that_hangs_is_killed_at_its_timeout_and_named() -> None:
    pipeline = chain(sf.node(lambda x: time.sleep(60)), timeout=0.1)

    with pytest.raises(
        sf.NodeTimeoutError, match=r"node 'far' failed .* not returned within 0\.1 s, at .*\.py:"
    ):
        pipeline.run(range(3))


async def test_stop_ends_a_node_that_hangs_and_names_it() -> None:
    pipeline = chain(sf.node(lambda x: time.sleep(60)))

    async with pipeline.start(range(3), clock="offline", stall_after=0.1) as execution:
        await until(lambda: execution.report().stalls)
        report = await execution.stop(timeout=0.1)

    assert report.stalls[0].node == "far"
    assert any("process 'far'" in warning for warning in report.warnings)
    assert report.edges["head.out -> far.in"].in_flight == 0


def test_ctrl_c_ends_the_program_and_its_processes(tmp_path: Path) -> None:
    def interrupt(program: subprocess.Popen[str], worker: int) -> None:
        program.send_signal(signal.SIGINT)

    said = run_until_started(tmp_path, interrupt)

    assert said.rstrip().endswith("KeyboardInterrupt")


def test_a_program_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    def kill(program: subprocess.Popen[str], worker: int) -> None:
        program.kill()

    run_until_started(tmp_path, kill)


def test_a_worker_that_is_killed_from_outside_ends_the_program_with_one_sentence(
    tmp_path: Path,
) -> None:
    def kill(program: subprocess.Popen[str], worker: int) -> None:
        os.kill(worker, signal.SIGKILL)

    said = run_until_started(tmp_path, kill)

    assert "PeerLost: process 'far' (far) is lost: killed by SIGKILL" in said


def run_until_started(tmp_path: Path, strike: Callable[[subprocess.Popen[str], int], None]) -> str:
    """Start a program with a worker, strike, and wait until both are gone; what it said."""
    program, note = tmp_path / "program.py", tmp_path / "pid"
    program.write_text(
        textwrap.dedent(f"""
        import os, time
        import streamflow as sf

        def slow(x):
            open({str(note)!r} + ".new", "w").write(str(os.getpid()))
            os.replace({str(note)!r} + ".new", {str(note)!r})
            time.sleep(0.02)
            return x

        pipeline = sf.Pipeline("slow")
        pipeline.add(sf.node(lambda x: x)) >> pipeline.add(sf.node(slow), id="far", on="process")
        pipeline.run(range(100_000))
        """)
    )
    with subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not note.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        worker = int(note.read_text())
        handle = os.pidfd_open(worker)
        strike(process, worker)
        _, said = process.communicate(timeout=30)
        ended, _, _ = select.select([handle], [], [], 10)
        os.close(handle)
    assert ended, "the worker lives on"
    return said


def test_a_crash_in_c_is_told_with_the_line_that_led_to_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(sf.PeerLost, match="segmentation fault"):
        chain(sf.node(lambda x: ctypes.string_at(0))).run([1])

    assert "test_dead_processes.py" in capfd.readouterr().err
