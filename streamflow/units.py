"""Units: bytes and durations in words, for people."""

from __future__ import annotations

from typing import Final

NONE: Final = "–"


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
