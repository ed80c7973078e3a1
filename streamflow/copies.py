"""The copy meter: every byte the library copies is charged to the node that asked.

Generated code carries its segment in its globals. A copy walks up the stack to
it, and the line it stands on tells the node at work, hence the edge. A copy
moves kilobytes, so the walk costs little beside it; an item that is not copied
pays nothing at all. Outside a running pipeline nothing is counted.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SEGMENT: Final = "__streamflow_segment__"
"""Name under which generated code finds its segment in its globals."""


class Segment(Protocol):
    """What running generated code belongs to."""

    def charge(self, line: int, nbytes: int) -> None:
        """Charge a copy of ``nbytes`` to the node at ``line``."""
        ...

    def exclusive(self, line: int) -> bool:
        """Whether the item that the node at ``line`` works on is nobody else's."""
        ...

    def allocate(self, line: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Memory from the pool of the node at ``line``."""
        ...


def running(frame: FrameType | None) -> tuple[Segment, int] | None:
    """Find the segment and the line of the innermost generated code on a stack."""
    while frame is not None:
        segment = frame.f_globals.get(SEGMENT)
        if segment is not None:
            return cast("Segment", segment), frame.f_lineno
        frame = frame.f_back
    return None


def count(nbytes: int) -> None:
    """Charge a copy of ``nbytes`` to the node that is running on this stack, if any."""
    found = running(sys._getframe(1))
    if found is not None:
        found[0].charge(found[1], nbytes)


def allocate(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Memory from the pool of the node that is running on this stack, if any, to copy to."""
    found = running(sys._getframe(1))
    return np.empty(shape, dtype) if found is None else found[0].allocate(found[1], shape, dtype)


def copied(array: Array) -> Array:
    """A copy of an array, in memory of the node that is running on this stack, charged to it."""
    count(array.nbytes)
    copy = allocate(array.shape, array.dtype)
    copy[...] = array
    return copy


def exclusive() -> bool:
    """Whether the item that the running node works on is nobody else's; true outside of nodes."""
    found = running(sys._getframe(1))
    return found is None or found[0].exclusive(found[1])
