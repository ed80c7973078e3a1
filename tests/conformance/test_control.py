"""Control: events, pause, stop, injection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest

import streamflow as sf
from streamflow import events
from streamflow.graph import PlacementName
from streamflow.ports import Ports
from streamflow.testing import assert_ledger
from tests.support.trail import Trail
from tests.support.waiting import until


class Listener(sf.Node):
    """Notes items and events in the order they come."""

    def __init__(self, trail: Trail) -> None:
        self.seen = trail

    def process(self, item: Any) -> Any:
        self.seen.append(item)
        return item

    def on_event(self, event: events.Event) -> None:
        self.seen.append(event)


class Announcer(sf.Node):
    """A source that sends an event between its items."""

    inputs: ClassVar[Ports] = {}

    def __init__(self, event: events.Event) -> None:
        self.event = event

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.ctx = ctx

    def process(self) -> Iterator[int]:
        yield 1
        yield 2
        self.ctx.send_event(self.event)
        yield 3


@pytest.mark.parametrize("event", [events.Caps({"width": 640}), events.Gap(time=1.0, duration=0.5)])
def test_events_keep_their_place_among_the_items(
    event: events.Event, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    listener = Listener(trail)
    source = pipeline.add(Announcer(event))
    source >> pipeline.add(listener, on=on)

    pipeline.run()

    assert listener.seen == [events.Start(), 1, 2, event, 3]


def test_events_pass_through_nodes_that_do_not_listen(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    listener = Listener(trail)
    source = pipeline.add(Announcer(events.Gap(0, 1)))
    source >> pipeline.add(sf.node(lambda x: x), on=on) >> listener

    pipeline.run()

    assert listener.seen == [events.Start(), 1, 2, events.Gap(0, 1), 3]


def test_a_run_over_inputs_begins_with_a_start_too(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    listener = Listener(trail)
    pipeline.add(sf.node(lambda x: x)) >> pipeline.add(listener, on=on)

    pipeline.run([1, 2])

    assert listener.seen == [events.Start(), 1, 2]


def test_a_listener_that_fails_on_the_start_is_the_one_that_is_named(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    class Deaf(Listener):
        def on_event(self, event: events.Event) -> None:
            raise OSError("cannot hear")

    pipeline.add(sf.node(lambda x: x)) >> pipeline.add(Deaf(trail), on=on)

    with pytest.raises(sf.NodeError, match="'deaf' failed in on_event: OSError: cannot hear"):
        pipeline.run([1, 2])


async def forever() -> AsyncIterator[int]:
    number = 0
    while True:
        yield number
        number += 1
        await asyncio.sleep(0)


async def test_pause_holds_items_and_resume_goes_on_in_order(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    seen = trail
    source = pipeline.add(sf.node(forever))
    source >> pipeline.add(sf.node(seen.append), on=on)

    async with pipeline.start() as execution:
        await until(lambda: len(seen) >= 10)
        await execution.pause()
        await asyncio.sleep(0.05)
        held = len(seen)
        await asyncio.sleep(0.05)
        assert len(seen) == held
        assert execution.state == "paused"
        await execution.resume()
        await until(lambda: len(seen) >= held + 10)

    assert seen == list(range(len(seen)))
    assert execution.state == "cancelled"


async def test_events_pass_while_it_is_paused(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    listener = Listener(trail)
    pipeline.add(listener, id="listener", on=on)

    async with pipeline.start() as execution:
        await execution.inject("listener", 1)
        await until(lambda: listener.seen == [1])
        await execution.pause()
        await execution.inject("listener", 2)
        execution.send_event("listener", events.Interrupt("stop talking"))
        await until(lambda: events.Interrupt("stop talking") in listener.seen)
        await execution.resume()

    assert listener.seen == [1, events.Interrupt("stop talking")]


async def test_inject_and_outputs(on: PlacementName, pipeline: sf.Pipeline) -> None:
    pipeline.add(sf.node(lambda x: x * 2), id="double", on=on)

    async with pipeline.start() as execution:
        read = execution.outputs("double")
        await execution.inject("double", 4)
        await execution.inject("double", 5)
        await execution.end_inputs()
        outputs = [item async for item in read]

    assert outputs == [8, 10]
    assert execution.state == "completed"


async def test_an_item_may_be_injected_in_the_middle(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: ("head", x)), id="head")
    head >> pipeline.add(sf.node(lambda x: ("tail", x)), id="tail", on=on)

    async with pipeline.start() as execution:
        outputs = execution.outputs("tail")
        await execution.inject("tail", 1)
        assert await anext(outputs) == ("tail", 1)
        await execution.inject("head", 2)
        assert await anext(outputs) == ("tail", ("head", 2))
        await until(lambda: execution.report().nodes["tail"].received == 2)
        report = execution.report()

    assert report.nodes["tail"].received == 2
    assert report.nodes["head"].received == 1


async def test_outputs_of_a_connected_port_can_be_tapped_before_the_first_item(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    head = pipeline.add(sf.node(lambda x: x + 1), id="head", on=on)
    head >> pipeline.add(sf.node(lambda x: None), id="tail")

    async with pipeline.start(range(3), clock="offline") as execution:
        tapped = [item async for item in execution.outputs("head")]

    assert tapped == [1, 2, 3]
    assert execution.report().nodes["tail"].received == 3


async def test_stop_drains_what_is_under_way(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    seen = trail
    source = pipeline.add(sf.node(forever), id="source")
    source >> sf.queue(max_items=4) >> pipeline.add(sf.node(seen.append), on=on)

    async with pipeline.start() as execution:
        await until(lambda: len(seen) > 10)
        report = await execution.stop(timeout=5)

    assert report.state == "cancelled"
    assert seen == list(range(report.nodes["source"].emitted))
    assert not report.warnings


class Passes(sf.Node):
    """A streaming node."""

    is_streaming = True

    async def process(self, items: AsyncIterator[int]) -> AsyncIterator[int]:
        async for item in items:
            yield item


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_source_that_never_sleeps_can_be_stopped(
    kind: str, on: PlacementName, pipeline: sf.Pipeline
) -> None:
    def plain() -> Iterator[int]:
        while True:
            yield 1

    async def restless() -> AsyncIterator[int]:
        while True:
            yield 1

    source = pipeline.add(sf.node(plain if kind == "plain" else restless), id="source", on=on)
    source >> sf.node(lambda x: x)

    async with pipeline.start(clock="offline") as execution:
        await until(lambda: execution.report().nodes["source"].emitted > 0)
        report = await execution.stop(timeout=5)

    assert report.state == "cancelled"


async def test_stop_drains_a_streaming_node_too(on: PlacementName, pipeline: sf.Pipeline) -> None:
    source = pipeline.add(sf.node(forever), id="source")
    source >> pipeline.add(Passes(), id="passes", on=on) >> sf.node(lambda x: x)

    async with pipeline.start(clock="offline") as execution:
        await until(lambda: execution.report().nodes["function"].received > 10)
        report = await execution.stop(timeout=5)

    edge = report.edges["source.out -> passes.in"]
    assert report.state == "cancelled"
    assert edge.sent == edge.received
    assert_ledger(report)


async def test_stop_at_its_deadline_drops_what_is_left_and_counts_it(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    async def stuck(x: int) -> None:
        await asyncio.sleep(3600)

    source = pipeline.add(sf.node(forever), id="source")
    source >> pipeline.add(sf.node(stuck), id="stuck", on=on)

    async with pipeline.start() as execution:
        await until(lambda: execution.report().nodes["stuck"].received > 0)
        report = await execution.stop(timeout=0.05)

    edge = report.edges["source.out -> stuck.in"]
    assert report.nodes["stuck"].dropped == {"stopped": 1}
    assert edge.sent == edge.received + edge.dropped["stopped"]
    assert report.nodes["source"].emitted == edge.sent
    assert not report.warnings


async def test_flush_drops_what_waits_and_counts_it(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    seen = trail

    async def slow(x: int) -> None:
        await until(lambda: "go" in seen)
        seen.append(x)

    head = pipeline.add(sf.node(lambda x: x), id="head")
    head >> sf.queue(max_items=32) >> pipeline.add(sf.node(slow), id="slow", on=on)

    async with pipeline.start() as execution:
        for number in range(10):
            await execution.inject("head", number)
        await until(lambda: execution.report().nodes["head"].emitted == 10)
        await until(lambda: execution.report().nodes["slow"].received >= 1)
        execution.send_event("slow", events.Flush())
        seen.append("go")
        await execution.inject("head", 99)
        await until(lambda: 99 in seen)
        report = execution.report()

    lost = sum(report.edges["head.out -> slow.in"].dropped.values())
    assert seen == ["go", *range(10 - lost), 99]


async def test_interrupt_cancels_the_call_in_hand(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    started = trail

    async def speak(x: int) -> int:
        started.append(x)
        await asyncio.sleep(3600 if x == 0 else 0)
        return x

    pipeline.add(sf.node(speak), id="speak", on=on)

    async with pipeline.start() as execution:
        outputs = execution.outputs("speak")
        await execution.inject("speak", 0)
        await until(lambda: started == [0])
        execution.send_event("speak", events.Interrupt("barge-in"))
        await execution.inject("speak", 1)
        assert await anext(outputs) == 1
        await until(lambda: execution.report().nodes["speak"].dropped == {"interrupted": 1})


async def test_a_failing_body_ends_the_run_at_once_and_cleans_up(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    cleaned = trail

    class Node(sf.Node):
        def process(self, item: int) -> int:
            return item

        def initialize(self, ctx: sf.NodeContext) -> None:
            cleaned.append("initialized")

        def cleanup(self) -> None:
            cleaned.append("cleaned")

    source = pipeline.add(sf.node(forever))
    source >> pipeline.add(Node(), on=on)

    execution = pipeline.start()

    async def body() -> None:
        async with execution:
            await asyncio.sleep(0)
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await body()

    assert cleaned[-2:] == ["initialized", "cleaned"]
    assert execution.state == "cancelled"
