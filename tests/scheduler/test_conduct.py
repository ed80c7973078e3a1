"""The time of a whole run: what has not ended when it is over is ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

import streamflow as sf
from streamflow.graph import PlacementName
from streamflow.testing import VirtualClock, assert_ledger
from tests.support.trail import Trail


async def forever(x: int) -> int:
    await asyncio.Event().wait()
    return x


class Slow(sf.Node):
    """Is never ready."""

    def __init__(self, trail: Trail | None = None) -> None:
        self.trail = trail

    async def initialize(self, ctx: sf.NodeContext) -> None:
        await asyncio.Event().wait()

    def process(self, x: int) -> int:
        return x


@pytest.mark.parametrize(
    ("on", "seconds"),
    [
        ("inline", 0.1),
        ("thread", 0.1),
        # A worker that starts on a busy machine is not to be late already.
        pytest.param("process", 5.0, marks=pytest.mark.slow),
    ],
)
async def test_a_run_that_takes_too_long_fails_and_accounts_for_its_items(
    on: PlacementName, seconds: float
) -> None:
    pipeline = sf.Pipeline("late")
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(sf.node(forever), id="slow", on=on)

    execution = pipeline.start(range(9), timeout=seconds, clock="offline")

    async def run() -> None:
        async with execution:
            await execution.wait()

    with pytest.raises(TimeoutError, match=f"'late' has not ended within {seconds:g} s"):
        await run()

    report = execution.report()
    assert report.state == "failed"
    assert report.nodes["slow"].emitted == 0
    assert_ledger(report)


def test_a_run_goes_by_the_time_of_its_loop() -> None:
    clock = VirtualClock()

    async def run() -> float:
        pipeline = sf.Pipeline("late")
        pipeline.add(sf.node(forever))
        async with pipeline.start([1], timeout=3600, clock=clock) as execution:
            with pytest.raises(TimeoutError):
                await execution.wait()
        return execution.report().duration

    assert clock.run(run()) == 3600


def test_a_blocking_run_says_the_same() -> None:
    pipeline = sf.Pipeline("late")
    pipeline.add(sf.node(forever))

    with pytest.raises(TimeoutError, match="'late' has not ended within 60 s"):
        pipeline.run([1], clock=VirtualClock(), timeout=60)


def test_a_timeout_of_a_node_is_not_the_runs() -> None:
    pipeline = sf.Pipeline("prompt")
    pipeline.add(sf.node(forever), id="slow", timeout=1)

    with pytest.raises(sf.NodeTimeoutError, match="'slow' failed in process"):
        pipeline.run([1], clock=VirtualClock(), timeout=60)


async def test_the_time_of_initialization_counts() -> None:
    pipeline = sf.Pipeline("late")
    pipeline.add(Slow())
    execution = pipeline.start([1], timeout=0.02)

    with pytest.raises(TimeoutError, match=r"'late' has not ended within 0\.02 s"):
        await execution.begin()

    assert execution.state.value == "failed"


async def test_a_run_that_is_paused_when_its_time_is_over_ends_too() -> None:
    @sf.node
    async def count() -> AsyncIterator[int]:
        while True:
            await asyncio.sleep(0)
            yield 1

    pipeline = sf.Pipeline("late")
    pipeline.add(count) >> sf.node(lambda x: None)

    async with pipeline.start(timeout=0.05) as execution:
        await execution.pause()
        with pytest.raises(TimeoutError):
            await execution.wait()


async def test_a_run_that_ends_in_time_is_not_late() -> None:
    pipeline = sf.Pipeline("prompt")
    pipeline.add(sf.node(lambda x: x))

    async with pipeline.start([1], timeout=60, collect=True) as execution:
        report = await execution.wait()

    assert (report.state, list(report.results)) == ("completed", [1])
    assert not [t for t in threading.enumerate() if t.name.startswith("streamflow thread")]


async def test_a_node_that_fails_in_time_is_what_is_told() -> None:
    pipeline = sf.Pipeline("failing")
    pipeline.add(sf.node(lambda x: 1 // x), id="inverse")

    with pytest.raises(sf.NodeError, match="'inverse' failed"):
        async with pipeline.start([0], timeout=60) as execution:
            await execution.wait()
