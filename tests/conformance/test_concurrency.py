"""Concurrency: several calls at once, results in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import streamflow as sf
from streamflow.graph import PlacementName
from streamflow.testing import VirtualClock, assert_ledger


class Fetch(sf.Node):
    """Takes the longer the earlier the item."""

    reentrant = True

    def __init__(self) -> None:
        self.under_way = self.most = 0

    async def process(self, x: int) -> int | None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(1 / (x + 1))
        self.under_way -= 1
        return None if x % 4 == 3 else x


def test_calls_overlap_and_results_keep_their_order() -> None:
    node = Fetch()
    pipeline = sf.Pipeline("wide")
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(node, concurrency=5) >> sf.node(lambda x: x)

    report = pipeline.run(range(20), clock=VirtualClock())

    assert list(report.results) == [x for x in range(20) if x % 4 != 3]
    assert node.most == 5
    assert report.nodes["fetch"].dropped == {"filtered": 5}
    assert_ledger(report)


class Meet(sf.Node):
    """Returns when two calls are under way at once, on two threads."""

    barrier = threading.Barrier(2, timeout=10)

    def process(self, x: int) -> tuple[int, int]:
        self.barrier.wait()
        return x, threading.get_ident()


def test_plain_calls_run_on_threads_each_with_an_instance(on: PlacementName) -> None:
    pipeline = sf.Pipeline("wide")
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(Meet, concurrency=2, on=on)

    report = pipeline.run(range(10))

    assert [x for x, _ in report.results] == list(range(10))
    assert len({thread for _, thread in report.results}) == 2


def generator(x: int) -> Iterator[int]:
    yield x
    yield -x


async def asynchronous_generator(x: int) -> AsyncIterator[int]:
    yield x
    yield -x


@pytest.mark.parametrize("function", [generator, asynchronous_generator])
def test_generators_keep_their_order_too(function: Any) -> None:
    pipeline = sf.Pipeline("wide")
    pipeline.add(wide(function), concurrency=3)

    assert list(pipeline.run(range(1, 4)).results) == [1, -1, 2, -2, 3, -3]


def wide(function: Any) -> sf.Node:
    decorated = sf.node(function)
    decorated.reentrant = True
    return decorated


@pytest.mark.parametrize("error", ["skip", "route", "fail"])
def test_error_policies_hold_for_each_call(error: Any) -> None:
    async def risky(x: int) -> int:
        if x == 3:
            raise ValueError("three")
        return x

    pipeline = sf.Pipeline("wide")
    pipeline.add(wide(risky), id="risky", concurrency=4, error=error)

    if error == "fail":
        with pytest.raises(sf.NodeError, match="'risky' failed in process on int 3: ValueError"):
            pipeline.run(range(6))
        return
    report = pipeline.run(range(6))

    assert list(report.results) == [0, 1, 2, 4, 5]
    assert report.nodes["risky"].failed == 1


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_call_that_takes_too_long_is_a_timeout(kind: str) -> None:
    async def slow(x: int) -> int:
        await asyncio.sleep(60 if x == 1 else 0)
        return x

    def slow_plain(x: int) -> int:
        threading.Event().wait(0.05 if x == 1 else 0)
        return x

    pipeline = sf.Pipeline("wide")
    function = slow if kind == "async" else slow_plain
    pipeline.add(wide(function), id="slow", concurrency=2, timeout=0.02)

    with pytest.raises(sf.NodeTimeoutError, match="'slow' failed in process on int 1"):
        pipeline.run(range(4))


def test_each_instance_is_initialized_flushed_and_cleaned_up_once() -> None:
    calls: list[str] = []

    class Node(sf.Node):
        async def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx
            calls.append("initialize")

        async def process(self, x: int) -> int:
            self.ctx.emit("out", -x)
            return x

        def flush(self) -> str:
            return "flushed"

        async def cleanup(self) -> None:
            calls.append("cleanup")

        def on_event(self, event: sf.events.Event) -> None:
            calls.append(type(event).__name__)

    @sf.node
    def count() -> Iterator[int]:
        yield 1
        yield 2

    pipeline = sf.Pipeline("wide")
    pipeline.add(count) >> pipeline.add(Node, concurrency=2)

    report = pipeline.run(collect=True)

    assert list(report.results) == [-1, 1, -2, 2, "flushed", "flushed"]
    assert calls == ["initialize", "initialize", "Start", "Start", "cleanup", "cleanup"]


async def test_a_failed_cleanup_of_one_instance_does_not_spare_the_others() -> None:
    cleaned: list[int] = []

    class Node(sf.Node):
        def process(self, x: int) -> int:
            return x

        def cleanup(self) -> None:
            cleaned.append(1)
            if len(cleaned) == 1:
                raise OSError("busy")

    pipeline = sf.Pipeline("wide")
    pipeline.add(Node, concurrency=3)

    with pytest.raises(sf.NodeError, match="'node' failed in cleanup: OSError: busy"):
        pipeline.run([1])

    assert len(cleaned) == 3
