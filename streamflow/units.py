"""Units: amounts of memory and spans of time, as people write and read them."""

from __future__ import annotations

import re
from typing import Final

NONE: Final = "–"

BYTES: Final = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
"""Bytes in each unit; what ends in ``iB`` is a power of two."""

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
"""Seconds in each unit."""

# Also what a JSON Schema says of them.
SIZE: Final = r"^\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kKmMgGtT]?[iI]?[bB])\s*$"
SPAN: Final = r"^\s*(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|min|m|h)\s*$"


def parse_size(text: str) -> int:
    """Bytes of an amount such as ``64KB`` or ``2GiB``.

    Raises:
        ValueError: the text is no amount.

    >>> parse_size("64KB"), parse_size(" 1.5 GiB ")
    (64000, 1610612736)
    """
    found = re.match(SIZE, text)
    unit = BYTES.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError('must be bytes, or text such as "64KB" or "2GiB"')
    return round(float(found[1]) * unit)


def parse_seconds(text: str) -> float:
    """Seconds of a span such as ``500ms``, ``10s`` or ``1.5 min``.

    Raises:
        ValueError: the text is no span.

    >>> parse_seconds("500ms"), parse_seconds("2 min")
    (0.5, 120.0)
    """
    found = re.match(SPAN, text)
    if found is None:
        raise ValueError('must be seconds, or text such as "500ms", "10s", "2min" or "1h"')
    return float(found[1]) * SECONDS[found[2]]


def human_bytes(count: int) -> str:
    """A number of bytes in the largest unit that leaves something before the point.

    >>> human_bytes(0), human_bytes(999), human_bytes(1536), human_bytes(5 << 30)
    ('0', '999 B', '1.5 KiB', '5.0 GiB')
    """
    if count < 1024:
        return f"{count} B" if count else "0"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"


def human_time(ns: int) -> str:
    """A duration with three digits.

    >>> human_time(0), human_time(850), human_time(12_345), human_time(3_210_000_000)
    ('–', '850 ns', '12.3 µs', '3.21 s')
    """
    if ns < 1000:
        return f"{ns} ns" if ns else NONE
    value = float(ns)
    for unit in ("µs", "ms"):
        value /= 1000
        if value < 999.5:
            return f"{value:#.3g}".rstrip(".") + f" {unit}"
    return f"{value / 1000:#.3g}".rstrip(".") + " s"
