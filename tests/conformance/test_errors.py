"""Errors: what a failing node costs, and what it never costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest

import streamflow as sf
from streamflow.graph import PlacementName
from tests.support.trail import Trail


def plain(x: int) -> int:
    if x % 3 == 2:
        raise ValueError(f"bad item {x}")
    return x


async def asynchronous(x: int) -> int:
    await asyncio.sleep(0)
    return plain(x)


def generator(x: int) -> Iterator[int]:
    yield plain(x)


async def asynchronous_generator(x: int) -> AsyncIterator[int]:
    yield plain(x)


KINDS = pytest.mark.parametrize(
    "function", [plain, asynchronous, generator, asynchronous_generator]
)


class Probe(sf.Node):
    """Notes which of its methods were called."""

    def __init__(self, calls: Trail, name: str) -> None:
        self.calls, self.name = calls, name

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.calls.append(f"initialize {self.name}")

    def process(self, item: Any) -> Any:
        return item

    def cleanup(self) -> None:
        self.calls.append(f"cleanup {self.name}")


@KINDS
def test_a_failing_node_ends_the_run_with_a_structured_error(
    function: Callable[..., Any], on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(sf.node(function), id="risky", on=on)

    with pytest.raises(sf.NodeError) as caught:
        pipeline.run(range(10))

    error = caught.value
    assert (error.node, error.phase, error.error_type) == ("risky", "process", "ValueError")
    assert error.message == "bad item 2"
    assert error.input_summary == "int 2"
    assert "in plain" in error.stack_trace
    assert isinstance(error.__cause__, ValueError)
    assert str(error) == "node 'risky' failed in process on int 2: ValueError: bad item 2"


@KINDS
def test_under_skip_an_item_that_fails_loses_itself_alone(
    function: Callable[..., Any], on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(sf.node(function), id="risky", on=on, error="skip")

    report = pipeline.run(range(10))

    assert list(report.results) == [0, 1, 3, 4, 6, 7, 9]
    node = report.nodes["risky"]
    assert (node.received, node.emitted, node.failed, node.dropped) == (10, 7, 3, {})


@KINDS
def test_under_route_a_failure_goes_to_the_error_port(
    function: Callable[..., Any], on: PlacementName, pipeline: sf.Pipeline
) -> None:
    risky = pipeline.add(sf.node(function), id="risky", on=on, error="route")
    good = risky["out"] >> sf.node(lambda x: ("good", x))
    bad = risky["error"] >> sf.node(lambda error: ("bad", error.item, error.message))
    pipeline.merge(good, bad)

    report = pipeline.run(range(4))

    assert sorted(report.results, key=str) == [
        ("bad", 2, "bad item 2"),
        ("good", 0),
        ("good", 1),
        ("good", 3),
    ]
    assert report.nodes["risky"].failed == 1


def test_every_cleanup_runs_in_reverse_order_after_a_failure(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    calls = trail
    a = pipeline.add(Probe(calls, "a"), id="a")
    b = pipeline.add(Probe(calls, "b"), id="b", on=on)
    a >> b >> sf.node(plain) >> pipeline.add(Probe(calls, "c"), id="c")

    with pytest.raises(sf.NodeError):
        pipeline.run(range(10))

    # A node is cleaned up before it travels, too.
    before = ["cleanup b"] if on == "process" else []
    assert calls[: len(before)] == before
    assert sorted(calls[len(before) : -3]) == ["initialize a", "initialize b", "initialize c"]
    assert calls[-3:] == ["cleanup c", "cleanup b", "cleanup a"]


def test_a_failed_initialize_is_cleaned_up_and_nothing_is_processed(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    calls = trail
    processed: list[int] = []

    class Broken(Probe):
        def initialize(self, ctx: sf.NodeContext) -> None:
            super().initialize(ctx)
            raise OSError("no model")

    a = pipeline.add(Probe(calls, "a"))
    a >> pipeline.add(Broken(calls, "broken"), on=on) >> sf.node(processed.append)

    with pytest.raises(sf.NodeError, match="'broken' failed in initialize: OSError: no model"):
        pipeline.run(range(10))

    assert processed == []
    assert calls.count("cleanup broken") == (2 if on == "process" else 1)
    assert calls.count("cleanup a") == 1


def test_a_failed_flush_says_so(on: PlacementName, pipeline: sf.Pipeline) -> None:
    class Broken(sf.Node):
        def process(self, item: int) -> int:
            return item

        def flush(self) -> None:
            raise OSError("disk full")

    pipeline.add(Broken(), on=on)

    with pytest.raises(sf.NodeError, match="'broken' failed in flush: OSError: disk full"):
        pipeline.run(range(3))


def test_a_failed_cleanup_is_reported_when_nothing_else_failed(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    class Broken(sf.Node):
        def process(self, item: int) -> int:
            return item

        file: str | None = None

        def initialize(self, ctx: sf.NodeContext) -> None:
            self.file = "open"

        def cleanup(self) -> None:
            if self.file is not None:
                raise OSError("still open")

    pipeline.add(Broken(), on=on)

    with pytest.raises(sf.NodeError, match="'broken' failed in cleanup: OSError: still open"):
        pipeline.run(range(3))


def test_an_error_names_shape_and_dtype_but_no_megabytes(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    @sf.node
    def detect(array: Any) -> Any:
        raise RuntimeError("out of memory")

    pipeline.add(detect, on=on)

    with pytest.raises(sf.NodeError) as caught:
        pipeline.run([np.zeros((720, 1280, 3), np.uint8)])

    assert caught.value.input_summary == "ndarray shape=(720, 1280, 3) dtype=uint8"
    assert len(str(caught.value)) < 300


def unawaited(x: int) -> Any:
    return asynchronous(x)


def uniterated(x: int) -> Any:
    return generator(x)


def misdirected(x: int) -> Any:
    return sf.Out("other", x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (unawaited, "returned a coroutine object"),
        (uniterated, "returned a generator object"),
        (misdirected, "emitted to port 'other', but has only 'out'"),
    ],
)
def test_a_result_that_cannot_be_meant_is_refused(
    function: Callable[..., Any], words: str, on: PlacementName, pipeline: sf.Pipeline
) -> None:
    pipeline.add(sf.node(function), on=on)

    with pytest.raises(sf.NodeError, match=words):
        pipeline.run([1])


def test_a_source_that_fails_is_named(on: PlacementName, pipeline: sf.Pipeline) -> None:
    @sf.node
    def count() -> Iterator[int]:
        yield 1
        raise OSError("cable pulled")

    source = pipeline.add(count, on=on)
    source >> sf.node(lambda x: x)

    with pytest.raises(sf.NodeError, match="'count' failed in process: OSError: cable pulled"):
        pipeline.run(collect=True)


def test_an_async_source_that_fails_is_named(on: PlacementName, pipeline: sf.Pipeline) -> None:
    @sf.node
    async def count() -> AsyncIterator[int]:
        yield 1
        raise OSError("cable pulled")

    source = pipeline.add(count, on=on)
    source >> sf.node(lambda x: x)

    with pytest.raises(sf.NodeError, match="'count' failed in process: OSError: cable pulled"):
        pipeline.run(collect=True)


def test_an_async_call_is_cancelled_at_its_timeout(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    async def slow(x: int) -> int:
        await asyncio.sleep(60 if x == 2 else 0)
        return x

    pipeline.add(sf.node(slow), id="slow", on=on, timeout=0.05)

    with pytest.raises(sf.NodeTimeoutError, match="'slow' failed in process on int 2"):
        pipeline.run(range(5))


def test_a_timeout_under_skip_loses_one_item(on: PlacementName, pipeline: sf.Pipeline) -> None:
    async def slow(x: int) -> int:
        await asyncio.sleep(60 if x == 2 else 0)
        return x

    pipeline.add(sf.node(slow), id="slow", on=on, timeout=0.05, error="skip")

    report = pipeline.run(range(5))

    assert list(report.results) == [0, 1, 3, 4]
    assert report.nodes["slow"].failed == 1


@pytest.mark.parametrize("kind", ["plain", "generator", "async generator"])
def test_a_synchronous_call_that_took_too_long_is_reported_afterwards(
    kind: str, on: PlacementName, pipeline: sf.Pipeline
) -> None:
    def slow(x: int) -> int:
        time.sleep(0.03)
        return x

    def slow_generator(x: int) -> Iterator[int]:
        time.sleep(0.03)
        yield x

    async def slow_async_generator(x: int) -> AsyncIterator[int]:
        await asyncio.sleep(60)
        yield x

    function = {
        "plain": slow,
        "generator": slow_generator,
        "async generator": slow_async_generator,
    }[kind]
    pipeline.add(sf.node(function), id="slow", on=on, timeout=0.01)

    with pytest.raises(sf.NodeTimeoutError, match="'slow' failed in process on int 0"):
        pipeline.run(range(5))


def test_the_ledger_adds_up_after_a_failure_in_one_of_several_branches(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    before = pipeline.add(sf.node(lambda x: x), id="before")
    risky = pipeline.add(sf.node(plain), id="risky", on=on)
    after = pipeline.add(sf.node(lambda x: x), id="after")
    for branch in (before, risky, after):
        head >> branch
    execution = pipeline.start(range(100), clock="offline", collect=True)

    async def run() -> sf.Report:
        async with execution:
            with pytest.raises(sf.NodeError):
                await execution.wait()
        return execution.report()

    report = asyncio.run(run())

    assert report.state == "failed"
    for edge in report.edges.values():
        assert edge.sent == edge.received + sum(edge.dropped.values()) + edge.in_flight
        assert edge.sent == report.nodes["head"].emitted
    assert report.nodes["risky"].failed == 1
    assert report.nodes["risky"].received == report.nodes["risky"].emitted + 1
    assert not report.warnings
