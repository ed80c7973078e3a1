"""A delay of so many milliseconds."""

from __future__ import annotations

from typing import Final

from streamflow.nodes.checks import check_number
from streamflow.nodes.delays import DelayLine

MAX_WAITING: Final = 1_000
"""Items that wait at once; with more, the input waits."""


class Delay(DelayLine):
    """Emits each item ``delayMs`` milliseconds after it came, by the clock of the run.

    Items wait beside each other, so that as many leave in a second as come. An
    event that drops what is under way drops what waits.

    Args:
        delayMs: milliseconds.

    Raises:
        ValueError: it is less than 0.

    >>> import streamflow as sf
    >>> from streamflow.testing import VirtualClock
    >>> report = sf.Pipeline(Delay(5_000)).run([1, 2, 3], clock=VirtualClock())
    >>> report.results, report.duration
    ([1, 2, 3], 5.0)
    """

    def __init__(self, delayMs: float = 1_000) -> None:
        check_number("delayMs", delayMs, 0)
        super().__init__(delayMs / 1_000, MAX_WAITING)
