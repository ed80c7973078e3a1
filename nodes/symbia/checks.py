"""What a config must hold: what is wrong is named, with what it must be."""

from __future__ import annotations

import math


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number from 1 on.

    Raises:
        ValueError: it names the parameter and the value.

    >>> check_count("batchSize", 0)
    Traceback (most recent call last):
    ...
    ValueError: batchSize must be a whole number of 1 or more, not 0
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}")


def check_milliseconds(name: str, value: object, *, zero: bool) -> None:
    """Refuse what is no time in milliseconds.

    Raises:
        ValueError: it names the parameter and the value.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number of milliseconds, not {value!r}")  # noqa: TRY004 - as all parameters
    if not (0 < value < math.inf or (zero and value == 0)):
        least = "0 or more" if zero else "more than 0"
        raise ValueError(f"{name} must be {least} milliseconds, not {value!r}")
