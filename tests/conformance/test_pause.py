"""Pause: whatever feeds a node, nothing enters it until resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import streamflow as sf
from streamflow import events
from streamflow.graph import PlacementName
from tests.support.waiting import until

COUNT = 3_000


def sequence() -> Any:
    return range(COUNT)


def iterator() -> Any:
    return iter(range(COUNT))


async def numbers() -> AsyncIterator[int]:
    for number in range(COUNT):
        yield number


class Stream(sf.Node):
    """Passes a stream."""

    is_streaming = True

    async def process(self, items: AsyncIterator[int]) -> AsyncIterator[int]:
        async for item in items:
            yield item


async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x


@pytest.mark.parametrize("source", [sequence, iterator, numbers])
@pytest.mark.parametrize("kind", ["plain", "async", "streaming"])
async def test_nothing_enters_a_paused_node_and_nothing_is_lost(
    source: Callable[[], Any], kind: str, on: PlacementName, pipeline: sf.Pipeline
) -> None:
    nodes = {"plain": sf.node(lambda x: x), "async": sf.node(later), "streaming": Stream()}
    node = pipeline.add(nodes[kind], id="node", on=on)
    seen: list[int] = []
    node >> sf.node(seen.append)

    async with pipeline.start(source(), clock="offline") as execution:
        await execution.pause()
        await asyncio.sleep(0.02)
        held = list(seen)
        await asyncio.sleep(0.02)
        assert seen == held
        await execution.resume()
        await execution.wait()

    assert seen == list(range(COUNT))


@pytest.mark.parametrize("source", [sequence, iterator, numbers])
async def test_an_item_can_be_injected_beside_any_kind_of_input(
    source: Callable[[], Any], pipeline: sf.Pipeline
) -> None:
    seen: list[Any] = []
    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> pipeline.add(sf.node(seen.append), id="tail")

    async with pipeline.start(source(), clock="offline") as execution:
        await execution.inject("tail", "beside")
        await execution.wait()

    assert sorted(x for x in seen if x != "beside") == list(range(COUNT))
    assert seen.count("beside") == 1


async def test_a_paused_run_can_be_stopped(on: PlacementName, pipeline: sf.Pipeline) -> None:
    @sf.node
    def forever() -> Iterator[int]:
        while True:
            yield 1

    pipeline.add(forever, on=on) >> sf.node(lambda x: None)

    async with pipeline.start() as execution:
        await asyncio.sleep(0.01)
        await execution.pause()
        report = await execution.stop(timeout=5)

    assert report.state == "cancelled"


async def test_nothing_can_be_injected_into_a_stream_that_has_ended(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x), id="head", on=on)
    held = pipeline.add(sf.node(lambda x: x), id="held")
    del held

    async with pipeline.start({"head": [1, 2]}, clock="offline") as execution:
        outputs = execution.outputs("head")
        assert [item async for item in outputs] == [1, 2]
        with pytest.raises(sf.LinkClosed, match=r"cannot inject into head\.in: its stream has end"):
            await execution.inject("head", 3)

    assert head.id == "head"


async def test_a_listener_that_fails_is_named(on: PlacementName, pipeline: sf.Pipeline) -> None:
    class Deaf(sf.Node):
        def process(self, item: int) -> int:
            return item

        def on_event(self, event: events.Event) -> None:
            raise OSError("cannot hear")

    pipeline.add(Deaf(), on=on)

    async with pipeline.start() as execution:
        execution.send_event("deaf", events.Gap(0, 1))
        with pytest.raises(sf.NodeError, match="'deaf' failed in on_event: OSError: cannot hear"):
            await execution.wait()


async def test_a_node_tells_those_below_it_of_a_flush(pipeline: sf.Pipeline) -> None:
    seen: list[Any] = []

    class Resets(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self, item: int) -> int:
            self.ctx.send_event(events.Flush())
            return item

    class Hears(sf.Node):
        def process(self, item: int) -> None:
            seen.append(item)

        def on_event(self, event: events.Event) -> None:
            seen.append(event)

    pipeline.add(Resets(), id="resets") >> sf.queue() >> Hears()

    async with pipeline.start() as execution:
        await execution.inject("resets", 1)
        await until(lambda: 1 in seen)

    assert seen == [events.Flush(), 1]
