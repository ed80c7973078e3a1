from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.context import NodeContext
from streamflow.events import Flush, Gap
from streamflow.nodes import Delay
from streamflow.testing import VirtualClock, leak_check
from tests.nodes.drive import drive

Timed = list[tuple[float, Any]]


async def spaced(items: Iterable[Any], pause: float) -> AsyncIterator[Any]:
    """Items, one every so many seconds."""
    for item in items:
        yield item
        await asyncio.sleep(pause)


def leaving(node: Delay, items: AsyncIterator[Any], state: Timed | None = None) -> Timed:
    """When each item leaves, in virtual seconds."""
    clock = VirtualClock()

    async def main() -> Timed:
        clock.start()
        node.initialize(NodeContext("delay", "Delay", clock=clock))
        if state is not None:
            node.set_state(state)
        return [(clock.time(), item) async for item in node.process(items)]

    return clock.run(main())


def test_each_item_leaves_so_long_after_it_came() -> None:
    assert leaving(Delay(10), spaced("abc", 1)) == [(10, "a"), (11, "b"), (12, "c")]


@given(
    pauses=st.lists(st.integers(0, 20), max_size=10),
    seconds=st.integers(0, 30),
    max_items=st.integers(1, 5),
)
@settings(max_examples=25)
def test_order_is_kept_and_nothing_leaves_early(
    pauses: list[int], seconds: int, max_items: int
) -> None:
    came: list[float] = []

    async def items() -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        for number, pause in enumerate(pauses):
            await asyncio.sleep(pause)
            came.append(loop.time())
            yield number

    left = leaving(Delay(seconds, max_items), items())

    assert [item for _, item in left] == list(range(len(pauses)))
    assert all(time >= start + seconds for (time, _), start in zip(left, came, strict=True))


def test_items_that_find_the_line_full_leave_later() -> None:
    assert leaving(Delay(10, max_items=2), spaced("abcd", 1)) == [
        (10, "a"),
        (11, "b"),
        (21, "c"),
        (22, "d"),
    ]


def test_no_delay_is_none() -> None:
    assert leaving(Delay(0), spaced("ab", 5)) == [(0, "a"), (5, "b")]


def test_a_pipeline_waits_side_by_side_and_not_one_after_the_other() -> None:
    with leak_check():
        report = sf.Pipeline(Delay(60)).run(range(100), clock=VirtualClock())

    assert report.results == list(range(100))
    assert report.duration == 60


def test_offline_nobody_waits() -> None:
    report = sf.Pipeline(Delay(3_600)).run([1, 2], clock="offline")

    assert report.results == [1, 2]


def test_other_branches_go_on_meanwhile() -> None:
    pipeline = sf.Pipeline("branches")
    source = pipeline.add(sf.node(lambda n: n), id="source")
    source >> pipeline.add(Delay(5), id="late")
    source >> pipeline.add(sf.node(lambda n: -n), id="soon")

    report = pipeline.run([1, 2], clock=VirtualClock())

    assert report.results == [-1, -2, 1, 2]


async def test_a_flush_drops_what_waits_and_a_gap_does_not() -> None:
    node = Delay(10)
    node.initialize(NodeContext("delay", "Delay", clock=sf.OfflineClock()))
    node.set_state([(5.0, "a"), (6.0, "b")])

    node.on_event(Gap(0, 1))
    before = [item for _, item in node.get_state()]
    node.on_event(Flush())

    assert before == ["a", "b"]
    assert node.get_state() == []


def test_what_comes_after_a_flush_waits_its_own_time() -> None:
    node = Delay(10)

    async def items() -> AsyncIterator[str]:
        yield "dropped"
        await asyncio.sleep(4)
        node.on_event(Flush())
        yield "kept"

    assert leaving(node, items()) == [(14, "kept")]


def test_a_state_carries_on_with_the_rest_of_the_time() -> None:
    state: Timed = []
    node = Delay(10)

    async def items() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(4)
        yield "b"
        await asyncio.sleep(1)
        state.extend(node.get_state())

    leaving(node, items())
    resumed = leaving(Delay(10), spaced("c", 0), state)

    assert state == [(5, "a"), (9, "b")]
    assert resumed == [(5, "a"), (9, "b"), (10, "c")]


def test_an_input_that_fails_fails_behind_what_came_before() -> None:
    left: list[int] = []

    async def items() -> AsyncIterator[int]:
        yield 1
        raise OSError("unplugged")

    async def main(clock: VirtualClock) -> None:
        clock.start()
        node = Delay(10)
        node.initialize(NodeContext("delay", "Delay", clock=clock))
        left.extend([item async for item in node.process(items())])

    clock = VirtualClock()
    with pytest.raises(OSError, match="unplugged"):
        clock.run(main(clock))


def test_a_line_that_is_left_early_reads_no_further() -> None:
    read: list[int] = []

    async def items() -> AsyncIterator[int]:
        for number in range(100):
            read.append(number)
            yield number
            await asyncio.sleep(1)

    async def main(clock: VirtualClock) -> int:
        clock.start()
        node = Delay(10)
        node.initialize(NodeContext("delay", "Delay", clock=clock))
        async with leak_check():
            line = node.process(items())
            first: int = await anext(line)
            await line.aclose()  # type: ignore[attr-defined]  # it is a generator
            until_then = len(read)
            await asyncio.sleep(50)
        assert first == 0
        return until_then

    clock = VirtualClock()

    assert clock.run(main(clock)) == len(read)


def test_a_cleaned_node_holds_nothing() -> None:
    node = Delay(10)
    node.initialize(NodeContext("delay", "Delay", clock=sf.OfflineClock()))
    node.set_state([(1.0, "a")])

    node.cleanup()

    assert node.get_state() == []


def test_a_node_driven_by_hand_passes_everything() -> None:
    assert drive(Delay(1), [1, 2, 3]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"seconds": -1}, "seconds must be a finite number of 0 or more, not -1"),
        ({"seconds": float("nan")}, "seconds must be a finite number of 0 or more, not nan"),
        ({"seconds": float("inf")}, "seconds must be a finite number of 0 or more, not inf"),
        ({"seconds": "1"}, "seconds must be a finite number of 0 or more, not '1'"),
        ({"seconds": 1, "max_items": 0}, "max_items must be a whole number of 1 or more, not 0"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Delay(**params)
