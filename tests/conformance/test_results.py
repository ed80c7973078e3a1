"""Results: the same items, in the same order, wherever a node runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar

import pytest

import streamflow as sf
from streamflow.graph import PlacementName
from streamflow.ports import Ports
from streamflow.testing import assert_ledger
from tests.support.trail import Trail

# Functions under test are untyped items in, untyped items out.


def plain(x: int) -> int | None:
    return x * 10 if x % 2 else None


async def asynchronous(x: int) -> int | None:
    await asyncio.sleep(0)
    return x * 10 if x % 2 else None


def generator(x: int) -> Iterator[int | None]:
    yield from (x, None, x * 10)


async def asynchronous_generator(x: int) -> AsyncIterator[int | None]:
    for value in (x, None, x * 10):
        await asyncio.sleep(0)
        yield value


ODD = [10, 30, 50, 70, 90]
BOTH = [value for x in range(10) for value in (x, x * 10)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain, ODD),
        (asynchronous, ODD),
        (generator, BOTH),
        (asynchronous_generator, BOTH),
    ],
)
def test_each_kind_of_process_gives_its_results_in_order(
    function: Callable[..., Any], expected: list[int], on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    node = pipeline.add(sf.node(function), id="node", on=on)
    head >> node

    report = pipeline.run(range(10))

    assert list(report.results) == expected
    assert report.nodes["node"].received == 10
    assert report.nodes["node"].emitted == len(expected)
    assert report.state == "completed"


def test_none_is_counted_as_filtered(on: PlacementName, pipeline: sf.Pipeline) -> None:
    pipeline.add(sf.node(plain), id="node", on=on)

    report = pipeline.run(range(10))

    assert report.nodes["node"].dropped == {"filtered": 5}


class Split(sf.Node):
    """Sends odd numbers to another port."""

    outputs: ClassVar[Ports] = {"out": sf.Data(), "odd": sf.Data()}

    def process(self, x: int) -> Any:
        return sf.Out("odd", x) if x % 2 else x


def test_named_ports_lead_to_their_own_branch(on: PlacementName, pipeline: sf.Pipeline) -> None:
    split = pipeline.add(Split(), on=on)
    pipeline.merge(
        split["out"] >> sf.node(lambda x: ("even", x)),
        split["odd"] >> sf.node(lambda x: ("odd", x)),
    )

    report = pipeline.run(range(6))

    assert sorted(report.results) == sorted(("odd" if x % 2 else "even", x) for x in range(6))
    assert report.nodes["split"].emitted == 6


def test_an_unconnected_port_drops_and_counts(on: PlacementName, pipeline: sf.Pipeline) -> None:
    pipeline.add(Split(), on=on)

    report = pipeline.run(range(6))

    assert list(report.results) == [0, 2, 4]
    assert report.nodes["split"].dropped == {"unconnected": 3}


class Total(sf.Node):
    """Sums up, and says so at the end."""

    def __init__(self) -> None:
        self.total = 0

    def process(self, x: int) -> None:
        self.total += x

    def flush(self) -> int:
        return self.total


def test_flush_emits_at_the_end_of_input(on: PlacementName, pipeline: sf.Pipeline) -> None:
    total = pipeline.add(Total(), on=on)
    total >> sf.node(lambda x: x + 1)

    assert list(pipeline.run(range(5)).results) == [11]


class Burst(sf.Node):
    """Emits through its context."""

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.ctx = ctx

    def process(self, x: int) -> int:
        self.ctx.emit("out", -x)
        self.ctx.emit_batch("out", [-x * 10, -x * 100])
        return x


def test_what_the_context_emits_comes_before_what_the_call_returns(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    burst = pipeline.add(Burst(), on=on)
    burst >> sf.node(lambda x: x)

    assert list(pipeline.run([1, 2]).results) == [-1, -10, -100, 1, -2, -20, -200, 2]


class Running(sf.Node):
    """A streaming node: sums of all so far."""

    is_streaming = True

    async def process(self, items: AsyncIterator[int]) -> AsyncIterator[int]:
        total = 0
        async for item in items:
            total += item
            yield total


def test_a_streaming_node_gets_the_whole_input(on: PlacementName, pipeline: sf.Pipeline) -> None:
    head = pipeline.add(sf.node(lambda x: x))
    head >> pipeline.add(Running(), on=on)

    report = pipeline.run(range(5))

    assert list(report.results) == [0, 1, 3, 6, 10]
    assert report.nodes["running"].received == 5


def test_a_streaming_node_may_be_fed_directly(on: PlacementName, pipeline: sf.Pipeline) -> None:
    pipeline.add(Running(), on=on)

    assert list(pipeline.run(range(5)).results) == [0, 1, 3, 6, 10]


class FirstTwo(sf.Node):
    """A streaming node that returns before its input ends."""

    is_streaming = True

    async def process(self, items: AsyncIterator[int]) -> AsyncIterator[int]:
        async for item in items:
            yield item
            if item == 1:
                return


def test_what_a_streaming_node_leaves_unread_is_dropped_and_counted(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(FirstTwo(), id="two", on=on)

    report = pipeline.run(range(500))

    edge = report.edges["head.out -> two.in"]
    assert list(report.results) == [0, 1]
    assert (edge.sent, edge.received, dict(edge.dropped)) == (500, 2, {"unread": 498})
    assert_ledger(report)


def test_a_generator_function_without_a_parameter_is_a_source(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    @sf.node
    def count() -> Iterator[int]:
        yield from range(100)

    source = pipeline.add(count, on=on)
    source >> sf.node(lambda x: x)

    report = pipeline.run(collect=True)

    assert list(report.results) == list(range(100))
    assert report.nodes["count"].emitted == 100


def test_an_async_generator_function_is_a_source_too(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    @sf.node
    async def count() -> AsyncIterator[int]:
        for number in range(100):
            yield number

    source = pipeline.add(count, on=on)
    source >> sf.node(lambda x: x)

    assert list(pipeline.run(collect=True).results) == list(range(100))


def test_async_inputs_are_taken(on: PlacementName, pipeline: sf.Pipeline) -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(5):
            await asyncio.sleep(0)
            yield number

    pipeline.add(sf.node(lambda x: x), on=on)

    assert list(pipeline.run(numbers()).results) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("policy", ["zip", "combine_latest"])
def test_a_diamond_pairs_what_one_item_gave(
    policy: str, on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    left = pipeline.add(sf.node(lambda x: x + 1), id="left", on=on)
    right = pipeline.add(sf.node(lambda x: -x), id="right")
    head >> left
    head >> right
    pipeline.merge(left, right, policy=policy)

    report = pipeline.run(range(50))

    if policy == "zip":
        assert list(report.results) == [(x + 1, -x) for x in range(50)]
    assert report.results[-1] == (50, -49)
    assert report.edges["head.out -> left.in"].received == 50


def test_zip_pairs_by_index_also_where_a_branch_filters(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    left = pipeline.add(sf.node(lambda x: x if x % 4 else None), id="left", on=on)
    right = pipeline.add(sf.node(lambda x: x), id="right")
    head >> left
    head >> right
    pipeline.merge(left, right, policy="zip")

    report = pipeline.run(range(40))

    passed = [x for x in range(40) if x % 4]
    assert list(report.results) == list(zip(passed, range(30), strict=True))
    assert report.nodes["merge_zip"].dropped == {"unpaired": 10}


def test_concat_gives_whole_streams_in_order(on: PlacementName, pipeline: sf.Pipeline) -> None:
    @sf.node
    def first() -> Iterator[int]:
        yield from range(100)

    @sf.node
    def second() -> Iterator[int]:
        yield from range(100, 200)

    pipeline.merge(pipeline.add(first, on=on), pipeline.add(second), policy="concat")

    assert list(pipeline.run(collect=True).results) == list(range(200))


def test_two_edges_into_one_port_interleave(on: PlacementName, pipeline: sf.Pipeline) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    left = pipeline.add(sf.node(lambda x: x), id="left", on=on)
    right = pipeline.add(sf.node(lambda x: -x), id="right")
    end = pipeline.add(sf.node(lambda x: x), id="end")
    head >> left >> end
    head >> right >> end

    report = pipeline.run(range(1, 41))

    assert sorted(report.results) == sorted([*range(1, 41), *range(-40, 0)])
    assert [x for x in report.results if x > 0] == list(range(1, 41))
    assert report.nodes["end"].received == 80


def test_an_explicit_queue_changes_nothing_but_the_border(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> sf.queue(max_items=2) >> pipeline.add(sf.node(lambda x: x), id="end", on=on)

    report = pipeline.run(range(100))

    assert list(report.results) == list(range(100))
    assert report.edges["head.out -> end.in"].max_items == 2


def test_first_output_comes_before_last_input(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    def numbers() -> Iterator[int]:
        yield from range(1000)
        trail.append("last input")

    def note(x: int) -> None:
        if x == 0:
            trail.append("first output")

    pipeline.add(sf.node(note), on=on)

    pipeline.run(numbers())

    assert trail == ["first output", "last input"]
