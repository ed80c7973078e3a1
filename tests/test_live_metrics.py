"""Metrics of a run that goes on: at any moment, from any thread, and over processes."""

from __future__ import annotations

import asyncio
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

import streamflow as sf
from streamflow.execution import Execution
from streamflow.metrics import Report
from streamflow.nodes import PassThrough
from streamflow.usage import peak_resident, resident
from tests.support.waiting import until


async def gated(gate: asyncio.Event, items: int) -> AsyncIterator[int]:
    """Numbers, of which the last waits for a gate."""
    for item in range(items - 1):
        yield item
    await gate.wait()
    yield items - 1


def chain(on: sf.Process | None = None) -> sf.Pipeline:
    """Two nodes, of which the second may have a process."""
    pipeline = sf.Pipeline("chain")
    first = pipeline.add(PassThrough(), id="first")
    first >> pipeline.add(PassThrough(), id="second", on=on or "inline")
    return pipeline


async def test_metrics_are_those_of_the_moment_and_do_not_change() -> None:
    gate = asyncio.Event()
    execution = chain().start(gated(gate, 10), collect=True)

    async with execution:
        await until(lambda: execution.metrics().nodes["second"].received == 9)
        before = execution.metrics()
        gate.set()
        await execution.wait()

    assert (before.state, before.nodes["second"].received) == ("running", 9)
    assert execution.metrics().nodes["second"].received == 10


async def test_metrics_leave_out_the_results() -> None:
    execution = chain().start([1, 2], collect=True)

    async with execution:
        report = await execution.wait()

    assert report.results == [1, 2]
    assert execution.metrics().results == ()


async def test_metrics_can_be_had_before_the_run() -> None:
    execution = chain().start([1])

    metrics = execution.metrics()

    assert (metrics.state, metrics.duration, metrics.nodes["first"].received) == ("pending", 0, 0)


async def test_metrics_tell_the_memory_of_the_pipelines_own_process() -> None:
    execution = chain().start([1], collect=True)

    async with execution:
        await execution.wait()

    (own,) = execution.metrics().processes
    assert (own.name, own.nodes, own.restarts) == (None, ("first", "second"), 0)
    assert 1_000_000 < own.rss <= own.rss_peak


async def test_metrics_tell_the_memory_of_each_process_and_its_peak_when_it_has_ended() -> None:
    gate = asyncio.Event()
    execution = chain(sf.Process("there")).start(gated(gate, 10), collect=True)

    async with execution:
        await until(lambda: execution.metrics().nodes["second"].received)
        own, there = execution.metrics().processes
        gate.set()
        report = await execution.wait()

    assert (own.nodes, there.name, there.nodes) == (("first",), "there", ("second",))
    assert 1_000_000 < there.rss <= there.rss_peak
    (gone,) = report.processes
    assert gone.rss == 0
    assert gone.rss_peak > 1_000_000


async def test_nothing_waits_on_an_edge_to_a_process_that_it_cannot_hold() -> None:
    gate = asyncio.Event()
    execution = chain(sf.Process("there")).start(gated(gate, 5_000), collect=True)
    looks: list[Report] = []

    def look() -> bool:
        looks.append(execution.metrics())
        return looks[-1].nodes["first"].received == 4_999

    async with execution:
        await until(look)
        gate.set()
        await execution.wait()

    for metrics in looks:
        (edge,) = metrics.edges.values()
        assert edge.max_items is not None
        assert edge.in_flight <= edge.max_items
        assert edge.sent == edge.received + sum(edge.dropped.values()) + edge.in_flight


async def test_any_thread_may_look_while_items_flow() -> None:
    execution = chain().start(range(50_000), collect=True, timing="exact")
    looks: list[Report] = []
    errors: list[BaseException] = []

    def watch() -> None:
        try:
            while not execution.state.final:
                looks.append(execution.metrics())
                assert looks[-1].to_json()
        except BaseException as error:
            errors.append(error)

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    async with execution:
        for watcher in watchers:
            watcher.start()
        report = await execution.wait()
    for watcher in watchers:
        await asyncio.to_thread(watcher.join)

    assert errors == []
    assert looks
    assert report.nodes["second"].time.count == 50_000
    assert execution.metrics().nodes["second"].time.count == 50_000


async def test_a_watcher_is_entered_before_the_first_item_and_left_after_the_last() -> None:
    seen: list[int] = []

    @asynccontextmanager
    async def watcher(execution: Execution) -> AsyncGenerator[None]:
        seen.append(execution.metrics().nodes["second"].received)
        yield
        seen.append(execution.metrics().nodes["second"].received)

    await asyncio.to_thread(lambda: chain().run(range(7), progress=watcher))

    assert seen == [0, 7]


def test_a_process_that_is_gone_holds_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert resident(process.pid) == 0


def test_memory_that_is_touched_shows() -> None:
    before = resident(os.getpid())

    block = mmap.mmap(-1, 50_000_000)  # fresh from the system: what was freed before may be there
    block.write(b"x" * len(block))

    assert resident() - before > 40_000_000
    assert peak_resident() > len(block)


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_the_peak_is_in_bytes_where_the_system_counts_otherwise(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    class Usage:
        ru_maxrss = 5

        def __init__(self, _who: int) -> None:
            pass

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", Usage)

    assert peak_resident() == {"darwin": 5, "linux": 5 * 1024}[platform]


def test_the_peak_on_windows_is_psutils(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    class Process:
        def memory_info(self) -> Process:
            return self

        peak_wset = 7

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil, "Process", Process)

    assert peak_resident() == 7
