from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamflow import copies
from streamflow.frames import VideoFrame
from streamflow.ipc.pool import Pool


class Counted:
    """Stands in for a segment."""

    def __init__(self, *, exclusive: bool = True) -> None:
        self.charges: list[tuple[int, int]] = []
        self.allocated: list[tuple[int, tuple[int, ...]]] = []
        self._exclusive = exclusive

    def charge(self, line: int, nbytes: int) -> None:
        self.charges.append((line, nbytes))

    def exclusive(self, line: int) -> bool:
        return self._exclusive

    def allocate(self, line: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        self.allocated.append((line, shape))
        return np.empty(shape, dtype)


CODE = """
def first(function, *arguments):
    return function(*arguments)

def second(function, *arguments):
    return function(*arguments)
"""


def generated(segment: Counted) -> dict[str, Any]:
    """Code that carries a segment, as the compiler makes it."""
    scope: dict[str, Any] = {copies.SEGMENT: segment}
    exec(CODE, scope)
    return scope


def nested(nbytes: int) -> None:
    """Counts from a few calls below the node."""
    one_deeper: Callable[[], None] = lambda: copies.count(nbytes)  # noqa: E731
    one_deeper()


def test_a_copy_is_charged_to_the_line_that_called_the_node() -> None:
    segment = Counted()
    code = generated(segment)

    code["first"](nested, 10)
    code["second"](nested, 20)

    assert segment.charges == [(3, 10), (6, 20)]


def test_the_innermost_segment_pays() -> None:
    outer, inner = Counted(), Counted()

    generated(outer)["first"](generated(inner)["first"], copies.count, 5)

    assert (outer.charges, inner.charges) == ([], [(3, 5)])


def test_outside_of_a_pipeline_nothing_is_counted() -> None:
    copies.count(10)

    assert copies.running(sys._getframe()) is None
    assert copies.exclusive()


@pytest.mark.parametrize(("exclusive", "copied"), [(True, 0), (False, 8)])
def test_a_frame_is_copied_only_where_others_may_hold_it(exclusive: bool, copied: int) -> None:
    segment = Counted(exclusive=exclusive)
    memory = Pool().allocate((2, 4))
    frame = VideoFrame((memory,), "gray8")

    made = generated(segment)["first"](frame.writable)

    assert sum(nbytes for _, nbytes in segment.charges) == copied
    assert np.shares_memory(made.planes[0], memory) is exclusive
