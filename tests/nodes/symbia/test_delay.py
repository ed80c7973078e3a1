from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

import streamflow as sf
from streamflow.events import Flush
from streamflow.node import Node
from streamflow.nodes.symbia import delay
from streamflow.nodes.symbia.delay import Delay
from streamflow.testing import VirtualClock
from streamflow.testing.runner import NodeRunner


def paced(seconds: float, count: int) -> Node:
    """A source of numbers, one every so many seconds of its clock."""

    class Paced(Node):
        inputs = {}  # noqa: RUF012 - as nodes declare them

        def initialize(self, ctx: Any) -> None:
            self.clock = ctx.clock

        async def process(self) -> AsyncIterator[int]:
            for number in range(count):
                await self.clock.sleep(seconds)
                yield number

    return Paced()


def test_items_leave_as_much_later_as_asked_and_in_order() -> None:
    clock = VirtualClock()
    times: list[tuple[int, float]] = []
    note = sf.node(lambda item: times.append((item, round(clock.time(), 6))))

    sf.Pipeline(paced(1.0, 4), Delay(2_500), note).run(clock=clock)

    assert times == [(0, 3.5), (1, 4.5), (2, 5.5), (3, 6.5)]


def test_more_items_than_may_wait_hold_back_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delay, "MAX_WAITING", 2)

    report = sf.Pipeline(Delay(1_000)).run(range(6), clock=VirtualClock())

    assert report.results == list(range(6))
    assert report.duration == pytest.approx(3.0)


def test_what_fails_upstream_fails_the_run() -> None:
    pipeline = sf.Pipeline(sf.node(lambda x: 1 / x), Delay(1_000))

    with pytest.raises(sf.NodeError, match="division by zero"):
        pipeline.run([1, 0], clock=VirtualClock())


def test_an_offline_clock_does_not_wait() -> None:
    assert sf.Pipeline(Delay(10**9)).run([1, 2], clock="offline").results == [1, 2]


def test_what_waits_is_dropped_by_an_urgent_event_and_kept_in_the_state() -> None:
    async def scenario() -> tuple[Any, Any]:
        node, other = Delay(1_000), Delay(1_000)
        async with NodeRunner(node), NodeRunner(other):
            node.set_state([(0.5, "a")])
            [(left, item)] = node.get_state()
            other.set_state(node.get_state())
            node.on_event(Flush())
            assert 0 < left <= 0.5
            return item, (node.get_state(), [item for _, item in other.get_state()])

    assert asyncio.run(scenario()) == ("a", ([], ["a"]))


def test_a_restored_line_is_emitted_first() -> None:
    node = Delay(0)
    with NodeRunner(node) as runner:
        node.set_state([(0.0, "kept")])
        runner.run(["new"])

        assert runner.outputs() == ["kept", "new"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (-1, "delayMs must be a finite number of 0 or more, not -1"),
        (math.nan, "delayMs must be a finite number of 0 or more, not nan"),
        (math.inf, "delayMs must be a finite number of 0 or more, not inf"),
        ("5", "delayMs must be a finite number of 0 or more, not '5'"),
    ],
)
def test_a_bad_time_is_named(value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Delay(value)
