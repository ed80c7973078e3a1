"""Robustness: bounds, deadlocks, stalls, leaks, Ctrl-C: nothing hangs and nothing is lost."""

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
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamflow as sf
from streamflow.errors import DeadlockError
from streamflow.nodes import PassThrough
from streamflow.testing import VirtualClock, assert_ledger, leak_check
from tests.support.waiting import until

ROOT = Path(__file__).parent.parent


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
    assert "test_robustness.py" in report.stalls[0].where
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


def test_a_cleanup_that_does_not_return_is_named_and_keeps_no_other_from_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streamflow.scheduler.supervise.GRACE", 0.05)
    monkeypatch.setattr("streamflow.scheduler.placement.PATIENCE", 0.05)
    release = threading.Event()
    cleaned: list[str] = []

    class Hangs(sf.Node):
        def process(self, item: int) -> int:
            return item

        def cleanup(self) -> None:
            release.wait()

    class Clean(sf.Node):
        def process(self, item: int) -> int:
            return item

        def cleanup(self) -> None:
            cleaned.append("clean")

    pipeline = sf.Pipeline("hangs")
    pipeline.add(Clean()) >> pipeline.add(Hangs(), on="thread")

    with pytest.raises(sf.NodeTimeoutError, match=r"'hangs' failed in cleanup: .* not returned"):
        pipeline.run([1])
    release.set()

    assert cleaned == ["clean"]
