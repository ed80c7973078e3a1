"""Packets: an envelope that gives a time to values that have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

# Plain `dict`, with its type: to call `dict[str, Any]` would take five times as long.
_no_metadata = cast("Callable[[], dict[str, Any]]", dict)


@dataclass(frozen=True, slots=True)
class Packet:
    """A value with a presentation time.

    Values pass through a pipeline as emitted; nothing wraps or unwraps a packet.

    Attributes:
        value: anything.
        pts: presentation time in units of ``time_base``, or None.
        time_base: seconds per unit of ``pts``, or None.
        metadata: whatever travels along.

    >>> Packet({"label": "cat"}, pts=90, time_base=Fraction(1, 30)).time
    3.0
    """

    value: Any
    pts: int | None = None
    time_base: Fraction | None = None
    metadata: Mapping[str, Any] = field(default_factory=_no_metadata)

    @property
    def time(self) -> float | None:
        """Presentation time in seconds, or None."""
        return seconds(self)


def seconds(item: Any) -> float | None:
    """Presentation time of a frame or packet in seconds; None where it has none.

    >>> seconds(Packet("x", pts=3, time_base=Fraction(1, 2)))
    1.5
    >>> seconds("x") is None
    True
    """
    pts, time_base = getattr(item, "pts", None), getattr(item, "time_base", None)
    if pts is None or time_base is None:
        return None
    time: float = pts * time_base.numerator / time_base.denominator
    return time
