from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from streamflow import Data, Node, NodeContext, NodeError, Out, VideoFrame, node
from streamflow.events import Event, Flush
from streamflow.ports import Ports
from streamflow.testing import NodeRunner


class Counted(Node):
    """Remembers the calls it got."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def initialize(self, ctx: NodeContext) -> None:
        self.calls.append("initialize")

    def process(self, item: int) -> int | None:
        self.calls.append("process")
        return item if item % 2 == 0 else None

    def flush(self) -> str:
        self.calls.append("flush")
        return "rest"

    def cleanup(self) -> None:
        self.calls.append("cleanup")


def test_calls_come_in_the_order_of_a_pipeline() -> None:
    counted = Counted()

    with NodeRunner(counted) as runner:
        emitted = runner.run([1, 2])

    assert emitted == [("out", 2), ("out", "rest")]
    assert counted.calls == ["initialize", "process", "process", "flush", "cleanup"]


def increment(item: int) -> int:
    return item + 1


async def twice(item: int) -> int:
    await asyncio.sleep(0)
    return item * 2


def burst(item: int) -> Iterator[int]:
    yield from range(item)


async def async_burst(item: int) -> AsyncIterator[int]:
    for number in range(item):
        await asyncio.sleep(0)
        yield number


async def running_sum(items: AsyncIterator[int]) -> AsyncIterator[int]:
    total = 0
    async for item in items:
        total += item
        yield total


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (increment, [4, 3]),
        (twice, [6, 4]),
        (burst, [0, 1, 2, 0, 1]),
        (async_burst, [0, 1, 2, 0, 1]),
        (running_sum, [3, 5]),
    ],
)
def test_every_kind_of_process_runs(function: Any, expected: list[int]) -> None:
    with NodeRunner(node(function)) as runner:
        runner.run([3, 2])

    assert runner.outputs() == expected


def test_results_can_be_asked_for_item_by_item() -> None:
    async def scenario() -> list[list[tuple[str, Any]]]:
        async with NodeRunner(Counted()) as runner:
            return [await runner.process(2), await runner.process(3), await runner.flush()]

    assert asyncio.run(scenario()) == [[("out", 2)], [], [("out", "rest")]]


class Endless(Node):
    inputs: ClassVar[Ports] = {}

    def __init__(self) -> None:
        self.closed = False

    def process(self) -> Iterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            self.closed = True


def test_an_endless_source_stops_at_the_limit_and_is_closed() -> None:
    endless = Endless()

    with NodeRunner(endless) as runner:
        emitted = runner.run(limit=3)

    assert emitted == [("out", 0), ("out", 1), ("out", 2)]
    assert endless.closed


def test_a_source_can_be_iterated() -> None:
    async def scenario() -> list[Any]:
        async with NodeRunner(Endless()) as runner:
            items = runner.items()
            return [await anext(items), await anext(items)]

    assert asyncio.run(scenario()) == [("out", 0), ("out", 1)]


@pytest.mark.parametrize(
    ("made", "what"), [(Endless(), "a source"), (node(running_sum), "a streaming node")]
)
def test_process_refuses_nodes_that_take_no_single_item(made: Node, what: str) -> None:
    async def scenario() -> None:
        async with NodeRunner(made) as runner:
            await runner.process(1)

    with pytest.raises(TypeError, match=what):
        asyncio.run(scenario())


def test_run_needs_the_plain_context_manager() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        NodeRunner(Counted()).run([1])


class Router(Node):
    inputs: ClassVar[Ports] = {"a": Data(), "b": Data()}
    outputs: ClassVar[Ports] = {"a": Data(), "b": Data()}

    def process(self, item: Any, port: str) -> Out:
        return Out(port, item)


def test_a_node_with_several_inputs_takes_pairs() -> None:
    with NodeRunner(Router()) as runner:
        runner.run([("a", 1), ("b", 2), ("a", 3)])

    assert runner.outputs("a") == [1, 3]
    assert runner.outputs("b") == [2]


class Emitter(Node):
    def initialize(self, ctx: NodeContext) -> None:
        self.ctx = ctx
        ctx.emit("out", "begin")

    def process(self, item: int) -> int:
        self.ctx.emit("out", f"before {item}")
        self.ctx.send_event(Flush())
        self.ctx.count_copy(10, port="out")
        self.ctx.count_copy(1)
        return item


def test_what_the_context_was_given_comes_before_the_result() -> None:
    with NodeRunner(Emitter()) as runner:
        runner.run([7])

    assert runner.outputs() == ["begin", "before 7", 7]
    assert runner.events == [Flush()]
    assert runner.copied == {"out": 10, "": 1}


class LastWords(Node):
    def initialize(self, ctx: NodeContext) -> None:
        self.ctx = ctx

    def process(self, item: int) -> Iterator[int]:
        yield item
        self.ctx.emit("out", "last")


def test_what_a_generator_emits_after_its_last_yield_is_not_lost() -> None:
    with NodeRunner(LastWords()) as runner:
        runner.run([1])

    assert runner.outputs() == [1, "last"]


def plain_copy(item: VideoFrame) -> VideoFrame:
    return item.writable()


async def async_copy(item: VideoFrame) -> AsyncIterator[VideoFrame]:
    yield item.writable()


@pytest.mark.parametrize("function", [plain_copy, async_copy])
def test_copies_that_frames_make_are_counted(function: Any) -> None:
    frame = VideoFrame.from_ndarray(np.zeros((4, 4), np.uint8), format="gray8")

    with NodeRunner(node(function)) as runner:
        runner.run([frame])

    assert runner.copied == {"": 16}


def test_the_context_shows_what_the_test_gave() -> None:
    seen: list[NodeContext] = []

    class Looks(Emitter):
        async def initialize(self, ctx: NodeContext) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            seen.append(ctx)

    with NodeRunner(Looks(), connected=["out"], params={"a": 1}, metadata={"b": 2}, session_id="s"):
        pass

    ctx = seen[0]
    assert ctx.connected == frozenset({"out"})
    assert (dict(ctx.params), dict(ctx.metadata), ctx.session_id) == ({"a": 1}, {"b": 2}, "s")
    assert not ctx.clock.live


def test_an_error_reaches_the_test_as_it_was_raised_and_cleanup_still_runs() -> None:
    class Fails(Counted):
        def process(self, item: int) -> int:
            raise KeyError(item)

    fails = Fails()

    with pytest.raises(KeyError), NodeRunner(fails) as runner:
        runner.run([1])

    assert fails.calls == ["initialize", "cleanup"]


def test_cleanup_follows_a_failed_initialize() -> None:
    class Fails(Counted):
        def initialize(self, ctx: NodeContext) -> None:
            super().initialize(ctx)
            raise OSError("no camera")

    fails = Fails()

    with pytest.raises(OSError, match="no camera"), NodeRunner(fails):
        pass

    assert fails.calls == ["initialize", "cleanup"]


def test_an_unknown_port_is_named() -> None:
    def lost(item: Any) -> Out:
        return Out("left", item)

    with (
        pytest.raises(NodeError, match="no output 'left'; there are out"),
        NodeRunner(node(lost)) as runner,
    ):
        runner.run([1])


@pytest.mark.parametrize(("function", "what"), [(twice, "coroutine"), (burst, "generator")])
def test_a_plain_process_that_returns_what_nobody_runs_is_refused(function: Any, what: str) -> None:
    def hides_its_kind(item: int) -> Any:
        return function(item)

    with (
        pytest.raises(NodeError, match=f"returned a {what}"),
        NodeRunner(node(hides_its_kind)) as runner,
    ):
        runner.run([1])


def test_events_are_kept_in_order() -> None:
    class Sends(Node):
        def initialize(self, ctx: NodeContext) -> None:
            ctx.send_event(Event())
            ctx.send_event(Flush())

        def process(self, item: Any) -> None:
            return None

    with NodeRunner(Sends()) as runner:
        assert runner.events == [Event(), Flush()]
