"""Flush: what a node still has at the end of input comes out, in whatever way it gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import streamflow as sf
from streamflow.graph import PlacementName


class Keeps(sf.Node):
    """Keeps everything until the end."""

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.ctx = ctx
        self.kept: list[int] = []

    def process(self, item: int) -> None:
        self.kept.append(item)


class Returns(Keeps):
    def flush(self) -> list[int]:
        return self.kept


class ReturnsLater(Keeps):
    async def flush(self) -> list[int]:
        await asyncio.sleep(0)
        return self.kept


class Yields(Keeps):
    def flush(self) -> Iterator[int | None]:
        yield None
        yield from self.kept


class YieldsLater(Keeps):
    async def flush(self) -> AsyncIterator[int]:
        for item in self.kept:
            await asyncio.sleep(0)
            yield item


class Emits(Keeps):
    def flush(self) -> None:
        self.ctx.emit_batch("out", self.kept)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Returns, [[1, 2, 3]]),
        (ReturnsLater, [[1, 2, 3]]),
        (Yields, [1, 2, 3]),
        (YieldsLater, [1, 2, 3]),
        (Emits, [1, 2, 3]),
    ],
)
def test_what_is_left_at_the_end_goes_on_down_the_graph(
    node: type[sf.Node], expected: list[Any], on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(node(), on=on)
    head >> sf.node(lambda x: x)

    assert list(pipeline.run([1, 2, 3]).results) == expected


def test_a_node_is_flushed_after_those_that_feed_it(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    first = pipeline.add(Yields(), id="first")
    first >> pipeline.add(Yields(), id="second", on=on)

    assert list(pipeline.run([1, 2]).results) == [1, 2]


@pytest.mark.parametrize("node", [Yields, YieldsLater])
def test_a_failure_behind_a_flush_is_blamed_on_the_node_that_failed(
    node: type[sf.Node], on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(node(), on=on)
    head >> pipeline.add(sf.node(lambda x: 1 // (x - 2)), id="risky")

    with pytest.raises(sf.NodeError, match="'risky' failed in process on int 2: ZeroDivision"):
        pipeline.run([1, 2, 3])


def test_a_context_that_is_asked_for_too_much_says_so(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    class Floods(Keeps):
        def process(self, item: int) -> None:
            self.ctx.emit_batch("out", range(2_000))

    pipeline.add(Floods(), on=on)

    with pytest.raises(sf.NodeError, match="'floods' emitted 1024 items; make process a generator"):
        pipeline.run([1])


def test_a_context_that_emits_to_a_port_that_is_not_there_says_so(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    class Misses(Keeps):
        def process(self, item: int) -> None:
            self.ctx.emit("box", item)

    pipeline.add(Misses(), on=on)

    with pytest.raises(sf.NodeError, match="emitted to port 'box', but has only out"):
        pipeline.run([1])
