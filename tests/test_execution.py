"""Executions: states, time, bounds, and what happens when things go wrong around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import streamflow as sf
from streamflow.nodes import PassThrough
from streamflow.ports import Ports
from streamflow.testing import VirtualClock, assert_ledger

ROOT = Path(__file__).parent.parent


async def test_an_execution_goes_through_its_states() -> None:
    pipeline = sf.Pipeline(PassThrough())
    execution = pipeline.start()
    states = [execution.state.value]

    async with execution:
        states.append(execution.state.value)
        await execution.pause()
        states.append(execution.state.value)
        await execution.resume()
        states.append(execution.state.value)
        await execution.end_inputs()
        await execution.wait()
        states.append(execution.state.value)

    assert states == ["pending", "running", "paused", "running", "completed"]


async def test_an_illegal_move_is_an_error() -> None:
    execution = sf.Pipeline("demo", PassThrough()).start()

    with pytest.raises(sf.StateError, match="cannot wait: execution 'demo' is pending"):
        await execution.wait()
    with pytest.raises(sf.StateError, match="cannot resume: execution 'demo' is pending"):
        await execution.resume()
    async with execution:
        with pytest.raises(sf.StateError, match="from running to initializing"):
            await execution.begin()
    with pytest.raises(sf.StateError, match="cannot go from cancelled to paused"):
        await execution.pause()
    with pytest.raises(sf.StateError, match="cannot stop"):
        await execution.stop()
    with pytest.raises(sf.StateError, match="cannot inject"):
        await execution.inject("pass_through", 1)


async def test_ports_that_do_not_exist_are_named() -> None:
    async with sf.Pipeline(PassThrough()).start() as execution:
        with pytest.raises(sf.GraphError, match=r"no input port box\.in; there are pass_thr"):
            await execution.inject("box", 1)
        with pytest.raises(sf.GraphError, match=r"no output port pass_through\.box"):
            execution.outputs("pass_through", "box")
        execution.outputs("pass_through")
        with pytest.raises(sf.GraphError, match=r"pass_through\.out is read already"):
            execution.outputs("pass_through")


async def test_a_connected_port_is_tapped_before_the_first_item_or_not_at_all() -> None:
    pipeline = sf.Pipeline(PassThrough(), PassThrough())

    async with pipeline.start() as execution:
        await execution.inject("pass_through", 1)
        await asyncio.sleep(0.01)
        with pytest.raises(sf.GraphError, match="must be asked for before the first item"):
            execution.outputs("pass_through")


async def test_what_nobody_reads_is_counted_as_unconnected() -> None:
    pipeline = sf.Pipeline(PassThrough())

    async with pipeline.start(range(5), clock="offline") as execution:
        report = await execution.wait()

    assert report.nodes["pass_through"].dropped == {"unconnected": 5}


async def test_a_reader_that_leaves_lets_the_pipeline_go_on() -> None:
    pipeline = sf.Pipeline(PassThrough())

    async with pipeline.start(range(1000), clock="offline") as execution:
        outputs = execution.outputs("pass_through")
        assert await anext(outputs) == 0
        await outputs.aclose()  # type: ignore[attr-defined]  # it is an async generator
        report = await execution.wait()

    assert report.nodes["pass_through"].emitted == 1000
    assert_ledger(report)


async def test_a_reader_is_told_of_a_failure() -> None:
    pipeline = sf.Pipeline(sf.node(lambda x: 10 // x))

    read: list[int] = []

    async def body() -> None:
        async with pipeline.start([2, 1, 0], clock="offline") as execution:
            async for item in execution.outputs("function"):
                read.append(item)  # noqa: PERF401 - a comprehension would lose what was read

    with pytest.raises(sf.NodeError, match="ZeroDivisionError"):
        await body()

    assert read == [5, 10]


def test_a_live_clock_waits_and_an_offline_clock_does_not() -> None:
    times: list[float] = []

    class Source(sf.Node):
        inputs: ClassVar[Ports] = {}

        def initialize(self, ctx: sf.NodeContext) -> None:
            self.clock = ctx.clock

        async def process(self) -> AsyncIterator[float]:
            for hour in range(4):
                await self.clock.sleep_until(hour * 3600)
                yield self.clock.time()

    def run(clock: Any) -> list[float]:
        pipeline = sf.Pipeline("clock")
        pipeline.add(Source()) >> sf.node(times.append)
        times.clear()
        pipeline.run(clock=clock)
        return list(times)

    assert run(VirtualClock()) == [0.0, 3600.0, 7200.0, 10800.0]
    assert run("offline")[-1] < 3600


def test_an_hour_long_run_stops_at_its_timeout() -> None:
    async def slow(x: int) -> None:
        await asyncio.sleep(3600)

    pipeline = sf.Pipeline(sf.node(slow))

    with pytest.raises(TimeoutError):
        pipeline.run([1], clock=VirtualClock(), timeout=60)
