from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest

from streamflow.errors import GraphError
from streamflow.node import Kind, Node, Out, kind_of, shape_of
from streamflow.ports import Data, Ports, Video


class Plain(Node):
    def process(self, item: Any) -> Any:
        return item


class Source(Node):
    inputs: ClassVar[Ports] = {}

    def process(self) -> Iterator[int]:
        yield 1


class Two(Node):
    inputs: ClassVar[Ports] = {"left": Data(), "right": Data()}

    def process(self, item: Any, port: str) -> Any:
        return item


class Streaming(Node):
    inputs: ClassVar[Ports] = {"left": Data(), "right": Data()}
    is_streaming = True

    async def process(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in items:
            yield item


def plain(item: Any) -> Any:
    return item


async def asynchronous(item: Any) -> Any:
    return item


def generator(item: Any) -> Iterator[Any]:
    yield item


async def asynchronous_generator(item: Any) -> AsyncIterator[Any]:
    yield item


class Caller:
    async def __call__(self, item: Any) -> Any:
        return item


KINDS = [
    (plain, Kind.PLAIN),
    (asynchronous, Kind.ASYNC),
    (generator, Kind.GENERATOR),
    (asynchronous_generator, Kind.ASYNC_GENERATOR),
    (functools.partial(asynchronous), Kind.ASYNC),
    (functools.partial(functools.partial(generator)), Kind.GENERATOR),
    (Caller(), Kind.ASYNC),
    (Caller().__call__, Kind.ASYNC),
    (Plain().process, Kind.PLAIN),
    (len, Kind.PLAIN),
    (int, Kind.PLAIN),
]


@pytest.mark.parametrize(("call", "kind"), KINDS)
def test_a_kind_is_told_without_a_call(call: Any, kind: Kind) -> None:
    assert kind_of(call) is kind


@pytest.mark.parametrize(
    ("kind", "yields", "awaited"),
    [
        (Kind.PLAIN, False, False),
        (Kind.ASYNC, False, True),
        (Kind.GENERATOR, True, False),
        (Kind.ASYNC_GENERATOR, True, True),
    ],
)
def test_a_kind_knows_whether_it_yields_and_is_awaited(
    kind: Kind, yields: bool, awaited: bool
) -> None:
    assert (kind.is_generator, kind.is_async) == (yields, awaited)


def test_a_shape_has_what_the_compiler_asks() -> None:
    shape = shape_of(Plain(), "plain")

    assert shape.inputs == {"in": Data()}
    assert shape.outputs == {"out": Data()}
    assert (shape.kind, shape.takes_port, shape.flush) == (Kind.PLAIN, False, None)
    assert (shape.takes_context, shape.handles_events, shape.is_source) == (False, False, False)


def test_a_shape_tells_which_calls_a_class_overrides() -> None:
    class Full(Plain):
        def initialize(self, ctx: Any) -> None: ...

        async def flush(self) -> None: ...

        def on_event(self, event: Any) -> None: ...

    shape = shape_of(Full(), "full")

    assert (shape.takes_context, shape.handles_events, shape.flush) == (True, True, Kind.ASYNC)


@pytest.mark.parametrize(("node", "takes_port"), [(Two(), True), (Streaming(), False)])
def test_a_node_with_several_inputs_is_told_the_port_unless_it_streams(
    node: Node, takes_port: bool
) -> None:
    assert shape_of(node, "n").takes_port is takes_port


def test_a_node_without_inputs_is_a_source() -> None:
    assert shape_of(Source(), "source").is_source


def no_item(self: Node) -> None: ...


def one_item(self: Node, a: Any) -> None: ...


def two_items(self: Node, a: Any, b: Any) -> None: ...


def item_and_keyword(self: Node, a: Any, *, b: Any) -> None: ...


def item_and_default(self: Node, a: Any, b: int = 1) -> None: ...


def any_items(self: Node, *items: Any) -> None: ...


def item_and_more(self: Node, a: Any, **more: Any) -> None: ...


def item_and_optional_keyword(self: Node, a: Any, *, b: int = 1) -> None: ...


def node_with(process: Any, **attributes: Any) -> Node:
    """An instance whose `process` is a function, bound."""
    made: Node = type("Odd", (Node,), {"process": process, **attributes})()
    return made


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node(), r"node 'n' \(Node\) has no process method"),
        (node_with(no_item), "process must take one item, because it has 1 input port$"),
        (node_with(two_items), "process must take one item"),
        (node_with(item_and_keyword), "process must take one item"),
        (
            node_with(one_item, inputs={"a": Data, "b": Data}),
            "process must take an item and a port, because it has 2 input ports",
        ),
        (node_with(one_item, inputs={}), "process must take no argument"),
        (
            node_with(no_item, inputs={}),
            "process of a source must be a generator, not plain",
        ),
        (
            node_with(one_item, is_streaming=True),
            "process of a streaming node must be a generator, not plain",
        ),
        (node_with(one_item, inputs={"in": 3}), "node 'n': port 'in' must be Data"),
    ],
)
def test_a_node_that_cannot_work_is_refused_before_it_runs(node: Node, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        shape_of(node, "n")


@pytest.mark.parametrize(
    "process", [item_and_default, any_items, item_and_more, item_and_optional_keyword]
)
def test_a_signature_that_takes_an_item_and_more_will_do(process: Any) -> None:
    assert shape_of(node_with(process), "n").kind is Kind.PLAIN


def test_a_builtin_without_a_signature_is_trusted() -> None:
    node = node_with(None)
    node.process = iter

    assert shape_of(node, "n").kind is Kind.PLAIN


def test_a_class_says_what_it_is() -> None:
    class Threshold(Node):
        """Black below a level, white above it."""

        inputs: ClassVar[Ports] = {"in": Video("gray8")}
        version = "2"

        def __init__(self, level: int = 128) -> None:
            self.level = level

    info = Threshold.info()

    assert (info.name, info.version) == ("Threshold", "2")
    assert info.description == "Black below a level, white above it."
    assert (info.inputs, info.outputs) == ({"in": "video/gray8"}, {"out": "any value"})
    assert info.params["properties"] == {"level": {"type": "integer", "default": 128}}


def test_calls_that_are_not_overridden_do_nothing() -> None:
    node: Any = Plain()

    made = [node.initialize(None), node.flush(), node.cleanup(), node.on_event(None)]

    assert made == [None] * 4
    assert node.progress() is None


def test_an_item_for_another_port_shows_both() -> None:
    assert repr(Out("rejected", 3)) == "Out('rejected', 3)"
