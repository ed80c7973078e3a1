"""Units: spans of time and amounts of memory, as people write them."""

from __future__ import annotations

import re
from typing import Any, Final

from streamflow.process import UNITS as BYTES

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
"""Seconds in each unit."""

SPAN: Final = r"^\s*(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|min|m|h)\s*$"
AMOUNT: Final = r"^\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kKmMgGtT]?[iI]?[bB])\s*$"


def parse_seconds(value: Any) -> Any:
    """Seconds of a span such as ``500ms``, ``10s``, ``1.5 min``; what is no text stays.

    Raises:
        ValueError: the text is no span.

    >>> parse_seconds("500ms"), parse_seconds("2 min"), parse_seconds(3)
    (0.5, 120.0, 3)
    """
    if not isinstance(value, str):
        return value
    found = re.match(SPAN, value)
    if found is None:
        raise ValueError('must be seconds, or text such as "500ms", "10s", "2min" or "1h"')
    return float(found[1]) * SECONDS[found[2]]


def parse_size(value: Any) -> Any:
    """Bytes of an amount such as ``64KB`` or ``2GiB``; what is no text stays.

    Raises:
        ValueError: the text is no amount.

    >>> parse_size("64KB"), parse_size("1.5GiB"), parse_size(10)
    (64000, 1610612736, 10)
    """
    if not isinstance(value, str):
        return value
    found = re.match(AMOUNT, value)
    unit = BYTES.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError('must be bytes, or text such as "64KB" or "2GiB"')
    return round(float(found[1]) * unit)
