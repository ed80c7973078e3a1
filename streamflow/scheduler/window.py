"""Windows: how many items a segment handles before it looks up.

A window grows while its items are quick and shrinks when they are slow, so that
a turn takes about a millisecond: long enough to cost nothing, short enough for
a prompt stop.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import Final

TURN_NS: Final = 1_000_000
LARGEST: Final = 64


class Window:
    """Counts turns.

    Attributes:
        size: items to handle next, 1 to 64.
        turns: how often the segment has looked up.
    """

    __slots__ = ("_last", "_since", "size", "turns")

    def __init__(self) -> None:
        self.size, self.turns = 1, 0
        self._last = perf_counter_ns()
        self._since = 0

    def turn(self) -> bool:
        """Note the end of a window; true if others should have the loop now."""
        now = perf_counter_ns()
        took, self._last = now - self._last, now
        self.turns += 1
        if took < TURN_NS // 2:
            # Never more than should fit: a turn stays near a millisecond.
            self.size = min(self.size * (2 if took > TURN_NS // 8 else 4), LARGEST)
        elif took > TURN_NS:
            self.size = max(self.size // 2, 1)
        self._since += took
        if self._since < TURN_NS:
            return False
        self._since = 0
        return True

    def awaited(self) -> None:
        """Note that something was awaited; whether others have run meanwhile nobody knows."""
        now = perf_counter_ns()
        self._since += now - self._last
        self._last = now

    def rest(self) -> None:
        """Note that the segment has slept: that time is nobody's."""
        self._last = perf_counter_ns()
        self._since = 0


class Gate:
    """Open while an execution runs, closed while it is paused."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = False
