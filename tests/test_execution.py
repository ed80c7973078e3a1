"""Executions: states, time, bounds, and what happens when things go wrong around them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import streamflow as sf
from streamflow.errors import DeadlockError
from streamflow.nodes import PassThrough
from streamflow.ports import Ports
from streamflow.testing import VirtualClock, assert_ledger, leak_check
from tests.support.waiting import until

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


def test_a_graph_that_locks_itself_fails_at_once_and_names_both_ports() -> None:
    @sf.node
    def count() -> Iterator[int]:
        yield from range(1000)

    def chunk(x: int) -> list[int] | None:
        kept.append(x)
        return kept if len(kept) % 100 == 0 else None

    kept: list[int] = []
    pipeline = sf.Pipeline("locked")
    head = pipeline.add(count)
    chunked = pipeline.add(sf.node(chunk), id="chunk", on="thread")
    passed = pipeline.add(PassThrough(), id="pass")
    head >> chunked
    head >> passed
    pipeline.merge(chunked, passed, policy="zip")

    with pytest.raises(DeadlockError) as caught:
        pipeline.run(collect=True)

    assert caught.value.empty == ("merge_zip.in_0",)
    assert caught.value.full == ("merge_zip.in_1",)
    assert "larger queue" in str(caught.value)


def test_a_fused_zip_that_cannot_pair_says_so_too() -> None:
    pipeline = sf.Pipeline("locked")
    head = pipeline.add(PassThrough(), id="head")
    never = pipeline.add(sf.node(lambda x: None), id="never")
    head >> never
    pipeline.merge(never, head, policy="zip")

    with pytest.raises(DeadlockError, match=r"merge_zip\.in_0 waits .* merge_zip\.in_1 is full"):
        pipeline.run(range(1000))


def test_a_node_that_holds_its_thread_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    def hog(x: int) -> int:
        time.sleep(0.3)
        return x

    pipeline = sf.Pipeline(PassThrough(), sf.node(hog))

    with caplog.at_level(logging.WARNING, logger="streamflow.stall"):
        report = pipeline.run([1], stall_after=0.05)

    assert [stall.node for stall in report.stalls] == ["hog"]
    assert "test_execution.py" in report.stalls[0].where
    assert "node 'hog' has held its thread" in caplog.text


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "latest"])
def test_a_slow_consumer_loses_by_policy_and_every_loss_is_counted(policy: Any) -> None:
    async def slow(x: int) -> int:
        await asyncio.sleep(0.1)
        return x

    @sf.node
    async def count() -> AsyncIterator[int]:
        for number in range(100):
            yield number
            await asyncio.sleep(0.01)

    pipeline = sf.Pipeline(policy)
    head = pipeline.add(count)
    head >> sf.queue(max_items=4, policy=policy) >> pipeline.add(sf.node(slow), id="slow")

    report = pipeline.run(clock=VirtualClock(), collect=True)

    edge = report.edges["count.out -> slow.in"]
    assert edge.sent == 100
    assert edge.dropped[policy] == 100 - edge.received
    assert 0 < edge.received < 30
    assert_ledger(report)


def test_a_full_link_fails_where_its_policy_says_so() -> None:
    async def slow(x: int) -> None:
        await asyncio.sleep(1)

    pipeline = sf.Pipeline("full")
    head = pipeline.add(PassThrough())
    head >> sf.queue(max_items=2, policy="error") >> pipeline.add(sf.node(slow), id="slow")

    with pytest.raises(sf.NodeError, match=r"LinkFull: pass_through\.out -> slow\.in is full"):
        pipeline.run(range(10), clock=VirtualClock())


def test_one_bound_on_bytes_holds_for_the_whole_graph() -> None:
    frame = sf.VideoFrame.from_ndarray(np.zeros((10, 100), np.uint8), format="gray8")
    peaks: list[int] = []

    def watch(x: sf.VideoFrame) -> sf.VideoFrame:
        peaks.append(sum(edge.bytes for edge in execution.report().edges.values()))
        return x

    pipeline = sf.Pipeline("bounded")
    handle = pipeline.add(PassThrough())
    for _ in range(4):
        following = pipeline.add(sf.node(lambda x: x))
        handle >> sf.queue() >> following
        handle = following
    handle >> sf.queue() >> pipeline.add(sf.node(watch))
    execution = pipeline.start([frame] * 200, clock="offline", max_bytes=3000, collect=True)

    async def run() -> sf.Report:
        async with execution:
            return await execution.wait()

    report = asyncio.run(run())

    assert len(report.results) == 200
    # Each of five links may hold one item whatever the bound says.
    assert max(peaks) <= 3000 + 5 * frame.nbytes


async def test_stop_names_a_node_that_does_not_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamflow.execution.GRACE", 0.05)
    monkeypatch.setattr("streamflow.scheduler.supervise.GRACE", 0.05)
    release = threading.Event()
    held = threading.Event()

    def hold(x: int) -> None:
        held.set()
        release.wait()

    pipeline = sf.Pipeline("held")
    pipeline.add(sf.node(hold), id="hold", on="thread")
    execution = pipeline.start()
    await execution.begin()
    await execution.inject("hold", 1)
    await until(held.is_set)

    with pytest.raises(sf.NodeTimeoutError, match=r"node 'hold' failed .* after stop"):
        await execution.stop(timeout=0.05)
    release.set()
    with pytest.raises(sf.NodeTimeoutError):
        await execution.wait()

    assert execution.state == "failed"


def test_nothing_leaks_over_many_runs() -> None:
    def run() -> None:
        pipeline = sf.Pipeline("leak")
        head = pipeline.add(PassThrough(), id="head")
        head >> pipeline.add(sf.node(lambda x: x), on="thread") >> PassThrough()
        assert pipeline.run(range(100)).results == list(range(100))

    run()
    with leak_check():
        for _ in range(30):
            run()


@pytest.mark.parametrize("where", ["inline", "thread", "async"])
def test_ctrl_c_cleans_up_in_reverse_order(where: str) -> None:
    program = f"""
import asyncio, time
import streamflow as sf

class Node(sf.Node):
    def __init__(self, name): self.name = name
    def process(self, item):
        if self.name == "second":
            print("ready", flush=True)
            {"" if where == "async" else "time.sleep(0.05)"}
        return item
    def cleanup(self): print("cleanup", self.name, flush=True)

@sf.node
async def forever():
    while True:
        yield 1
        await asyncio.sleep(0.001)

pipeline = sf.Pipeline("interrupted")
second = pipeline.add(Node("second"), on={"'thread'" if where == "thread" else "'inline'"})
pipeline.add(forever) >> pipeline.add(Node("first")) >> second
try:
    pipeline.run(clock="live")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()

    lines = [line for line in output.splitlines() if line != "ready"]
    assert lines == ["cleanup second", "cleanup first", "interrupted"]


def test_a_context_tells_a_node_who_it_is() -> None:
    seen: dict[str, Any] = {}

    class Node(sf.Node):
        def __init__(self, gain: float = 1.0) -> None:
            pass

        def initialize(self, ctx: sf.NodeContext) -> None:
            ctx.state.set("count", 0)
            seen.update(vars(ctx))

        def process(self, item: int) -> int:
            return item

    pipeline = sf.Pipeline("context", metadata={"room": 7})
    pipeline.add(Node, gain=2.0)

    pipeline.run([1], session_id="abc")

    assert (seen["node_id"], seen["node_type"], seen["session_id"]) == ("node", "Node", "abc")
    assert seen["params"] == {"gain": 2.0}
    assert seen["metadata"] == {"room": 7}
    assert seen["instance_id"] == f"{seen['execution_id']}:node"
    assert seen["logger"].name == "streamflow.node.node"
    assert seen["connected"] == frozenset()


def test_memory_that_a_node_allocates_is_reported() -> None:
    held: list[Any] = []

    class Node(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self, item: int) -> None:
            held.append(self.ctx.allocate((1000,), np.uint8))
            if item:
                held.clear()

    report = sf.Pipeline(Node()).run([0, 0, 1, 0])

    assert (report.nodes["node"].memory, report.nodes["node"].memory_peak) == (1000, 3000)


def test_exact_timing_times_every_item() -> None:
    report = sf.Pipeline(PassThrough()).run(range(200), timing="exact")

    assert report.nodes["pass_through"].time.count == 200
    assert report.nodes["pass_through"].throughput > 0


def test_sampled_timing_times_one_item_in_sixty_four() -> None:
    report = sf.Pipeline(PassThrough()).run(range(6400))

    assert 90 <= report.nodes["pass_through"].time.count <= 110


def test_sync_pairs_by_time_over_links() -> None:
    def packets(step: int) -> Any:
        def source() -> Iterator[sf.Packet]:
            for pts in range(0, 300, step):
                yield sf.Packet(step, pts, Fraction(1, 100))

        return sf.node(source)

    pipeline = sf.Pipeline("sync")
    pipeline.merge(
        pipeline.add(packets(2), id="a"),
        pipeline.add(packets(3), id="b", on="thread"),
        policy="sync",
        tolerance=0.001,
    )

    report = pipeline.run(collect=True)

    assert [(a.pts, b.pts) for a, b in report.results] == [(p, p) for p in range(0, 300, 6)]
    assert_ledger(report)
    # What was not paired was dropped by policy, or had no partner left.
    assert sum(report.nodes["merge_sync"].dropped.values()) == 150 + 100 - 2 * 50


def test_writable_copies_only_what_another_may_see() -> None:
    class Draw(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self, item: int) -> sf.VideoFrame:
            return sf.VideoFrame.from_ndarray(self.ctx.allocate((4, 4)), format="gray8")

    def write(frame: sf.VideoFrame) -> sf.VideoFrame:
        return frame.writable()

    alone = sf.Pipeline("alone")
    alone.add(Draw()) >> alone.add(sf.node(write), id="write")
    shared = sf.Pipeline("shared")
    draw = shared.add(Draw())
    draw >> shared.add(sf.node(write), id="write")
    draw >> shared.add(PassThrough())

    assert alone.run([1, 2]).copied_bytes == 0
    report = shared.run([1, 2])
    assert report.edges["draw.out -> write.in"].copied_bytes == 32
    assert report.copied_bytes == 32


def test_a_sender_is_woken_by_any_room_before_its_receiver_sleeps() -> None:
    # The zip takes three of left's items beyond the window, and then waits for
    # right, which only the sender that waits for left can feed.
    @sf.node
    def count() -> Iterator[int]:
        yield from range(200)

    pipeline = sf.Pipeline("narrow")
    head = pipeline.add(count, on="thread")
    left = pipeline.add(sf.node(lambda x: x), id="left", on="thread")
    right = pipeline.add(sf.node(lambda x: x), id="right", on="thread")
    head >> sf.queue(max_items=32) >> left
    head >> sf.queue(max_items=32) >> right
    merge = pipeline.merge(left, right, policy="zip", max_items=3)
    merge >> sf.node(lambda pair: pair[0])

    assert list(pipeline.run(collect=True).results) == list(range(200))
