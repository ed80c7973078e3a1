"""The copy meter: every byte the library copies is charged to the node that asked.

Generated code carries its segment in its globals. A copy walks up the stack to
it, and the line it stands on tells the node at work, hence the edge. A copy
moves kilobytes, so the walk costs little beside it; an item that is not copied
pays nothing at all. Outside a running pipeline nothing is counted.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Final, Protocol, cast

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


def exclusive() -> bool:
    """Whether the item that the running node works on is nobody else's; true outside of nodes."""
    found = running(sys._getframe(1))
    return found is None or found[0].exclusive(found[1])
