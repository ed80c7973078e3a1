"""Checks of parameters: what is refused is named, with what it may be."""

from __future__ import annotations

import math
from typing import NoReturn, TypeGuard

from streamflow.node import kind_of


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number of 1 or more.

    Raises:
        ValueError: it names the parameter and the value.

    >>> check_count("count", 0)
    Traceback (most recent call last):
    ...
    ValueError: count must be a whole number of 1 or more, not 0
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        _refuse(name, "a whole number of 1 or more", value)


def check_number(name: str, value: object, least: float = -math.inf) -> None:
    """Refuse what is no finite number, or less than ``least``.

    Raises:
        ValueError: it names the parameter, its range and the value.
    """
    # Compared, not converted: NaN is refused, an integer beyond all floats is not.
    if not (is_number(value) and -math.inf < value < math.inf and value >= least):
        span = "" if least == -math.inf else f" of {least} or more"
        _refuse(name, f"a finite number{span}", value)


def check_function(name: str, value: object) -> None:
    """Refuse what cannot be called.

    Raises:
        ValueError: it names the parameter and the value.
    """
    if not callable(value):
        _refuse(name, "a function of one item", value)


def check_predicate(name: str, value: object) -> None:
    """Refuse what cannot answer a question about an item: no function, or a generator.

    Raises:
        ValueError: it names the parameter and the value.
    """
    if not callable(value) or kind_of(value).is_generator:
        _refuse(name, "a function of one item, plain or async", value)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is an integer or a float; truth values are neither.

    >>> is_number(1), is_number(2.5), is_number(True), is_number("1")
    (True, True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(name: str, needed: str, value: object) -> NoReturn:
    raise ValueError(f"{name} must be {needed}, not {value!r}")
