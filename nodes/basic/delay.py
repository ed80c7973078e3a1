"""A delay of a fixed time."""

from __future__ import annotations

from streamflow.nodes.checks import check_count, check_number
from streamflow.nodes.delays import DelayLine


class Delay(DelayLine):
    """Emits each item ``seconds`` after it came, by the clock of the run.

    Items wait side by side, not one after the other, so the rate stays as it
    is; nothing is blocked meanwhile. Under an offline clock they pass at once.
    A `Flush` or an `Interrupt` drops the items that wait.

    Args:
        seconds: how long each item waits.
        max_items: items that wait at once, at most; then the input waits too,
            and its items leave later.

    Raises:
        ValueError: seconds is less than 0, or max_items less than 1.

    >>> import streamflow as sf
    >>> from streamflow.testing import VirtualClock
    >>> report = sf.Pipeline(Delay(60)).run([1, 2, 3], clock=VirtualClock())
    >>> report.results, report.duration
    ([1, 2, 3], 60.0)
    """

    def __init__(self, seconds: float, max_items: int = 1_000) -> None:
        check_number("seconds", seconds, 0)
        check_count("max_items", max_items)
        super().__init__(seconds, max_items)
