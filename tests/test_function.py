from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest

import streamflow as sf
from streamflow.function import FunctionNode, node
from streamflow.node import Kind, shape_of
from streamflow.pipeline import Pipeline
from streamflow.ports import Audio, Data, Video

if TYPE_CHECKING:
    from decimal import Decimal


def test_a_function_is_a_node_and_can_still_be_called() -> None:
    @node
    def double(item: int) -> int:
        """Twice the item."""
        return item * 2

    assert double(4) == 8
    assert double.__doc__ == "Twice the item."
    assert repr(double) == "<node double>"
    assert Pipeline(double).run([1, 2]).results == [2, 4]


def test_options_are_given_in_front() -> None:
    @node(blocking=True, reentrant=True, outputs={"a": Data, "b": Data})
    def split(item: int) -> sf.Out:
        return sf.Out("a" if item % 2 else "b", item)

    assert isinstance(split, FunctionNode)
    assert (split.blocking, split.reentrant) == (True, True)
    assert list(shape_of(split, "split").outputs) == ["a", "b"]


def video(frame: sf.VideoFrame) -> sf.VideoFrame:
    return frame


def maybe(frame: sf.VideoFrame | None) -> sf.VideoFrame | None:
    return frame


def either(frame: sf.VideoFrame | sf.AudioFrame) -> sf.VideoFrame | sf.AudioFrame:
    return frame


def rgb(frame: Annotated[sf.VideoFrame, Video("rgb24")]) -> Iterator[sf.VideoFrame]:
    yield frame


def sound(frame: sf.AudioFrame) -> Generator[sf.AudioFrame, None, None]:
    yield frame


async def sounds(frames: AsyncIterator[sf.AudioFrame]) -> AsyncGenerator[sf.AudioFrame, None]:
    async for frame in frames:
        yield frame


def bare(item: Any) -> Any:
    return item


# As people write it.
del bare.__annotations__["item"], bare.__annotations__["return"]


def unseen(item: Decimal) -> Decimal:
    return item


def with_option(item: sf.VideoFrame, level: int = 3) -> int:
    return level


def anything(*items: Any) -> Any:
    return items


@pytest.mark.parametrize(
    ("function", "inputs", "outputs"),
    [
        (video, Video(), Video()),
        (maybe, Video(), Video()),
        (either, Data(), Data()),
        (rgb, Video("rgb24"), Video()),
        (sound, Audio(), Audio()),
        (sounds, Audio(), Audio()),
        (bare, Data(), Data()),
        (unseen, Data(), Data()),
        (with_option, Video(), Data()),
        (anything, Data(), Data()),
        (len, Data(), Data()),
        (print, Data(), Data()),
        (int, Data(), Data()),
        (functools.partial(pow, 2), Data(), Data()),
    ],
    ids=lambda value: getattr(value, "__name__", None) or repr(value),
)
def test_annotations_say_what_the_ports_are(function: Any, inputs: Data, outputs: Data) -> None:
    shape = shape_of(FunctionNode(function), "f")

    assert shape.inputs == {"in": inputs}
    assert shape.outputs == {"out": outputs}


def test_a_format_may_be_asked_for_beside_the_annotation() -> None:
    pictures, sounding = FunctionNode(bare, format="rgb24"), FunctionNode(sound, format="s16")

    assert pictures.inputs == {"in": Video("rgb24")}
    assert sounding.inputs == {"in": Audio("s16")}


def test_a_function_without_a_parameter_is_a_source() -> None:
    @node
    def three() -> Iterator[int]:
        yield from range(3)

    assert shape_of(three, "three").is_source
    assert Pipeline(three).run(collect=True).results == [0, 1, 2]


def test_a_function_that_takes_an_iterator_gets_the_whole_input() -> None:
    @node
    async def total(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        yield sum([number async for number in numbers])

    assert total.is_streaming
    assert shape_of(total, "total").kind is Kind.ASYNC_GENERATOR
    assert Pipeline(total).run([1, 2, 3]).results == [6]


def test_an_object_that_can_be_called_is_named_after_its_class() -> None:
    class Adder:
        def __call__(self, item: int) -> int:
            return item + 1

    added = node(Adder())

    assert added.__name__ == "Adder"
    assert Pipeline(added).run([1]).results == [2]


def test_a_list_is_one_item() -> None:
    assert Pipeline(node(lambda n: [n, n])).run([1, 2]).results == [[1, 1], [2, 2]]
