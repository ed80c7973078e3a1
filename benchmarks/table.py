"""The table of a session: for the terminal, and as Markdown for the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks.harness import Row

HEADING: Final = ("work", "streamflow", "reference", "its median", "ratio", "goal", "met")
LEFT: Final = (0, 2)
"""Columns of words; the others are figures, and stand to the right."""

BEGIN: Final = "<!-- benchmarks: begin -->"
END: Final = "<!-- benchmarks: end -->"
PACKAGES: Final = ("numpy", "av", "uvloop", "streamz", "bytewax", "pipecat-ai")


def cells(row: Row) -> tuple[str, ...]:
    """A row in words.

    >>> cells(Row("hop", 1.5e-6, "queue", 3e-6))
    ('hop', '1.50 µs', 'queue', '3.00 µs', '0.50x', '', '')
    """
    goal = ""
    if row.goal is not None:
        limit = row.goal.limit
        goal = f"≤ {amount(limit, row.unit) if row.goal.absolute else times(limit)}"
    return (
        row.work,
        amount(row.ours, row.unit),
        row.reference,
        amount(row.theirs, row.unit) if row.theirs else "",
        times(row.ratio) if row.ratio is not None else "",
        goal,
        {True: "yes", False: "no", None: ""}[row.met],
    )


def amount(figure: float, unit: str) -> str:
    """Seconds or bytes with three digits.

    >>> amount(0.0123, "s"), amount(2.5e-7, "s"), amount(93_400_000, "B")
    ('12.3 ms', '250 ns', '93.4 MB')
    """
    steps = {"s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)), "B": (("GB", 1e9), ("MB", 1e6))}
    smallest = {"s": ("ns", 1e-9), "B": ("kB", 1e3)}
    name, size = next((step for step in steps[unit] if figure >= step[1]), smallest[unit])
    return f"{digits(figure / size)} {name}"


def times(ratio: float) -> str:
    """A ratio with two decimals, or three digits if it is small.

    >>> times(1.25), times(0.0042), times(0.2)
    ('1.25x', '0.0042x', '0.20x')
    """
    return f"{ratio:.2f}x" if ratio >= 0.095 else f"{ratio:.2g}x"


def digits(figure: float) -> str:
    """Three digits.

    >>> digits(1.234), digits(12.34), digits(123.4)
    ('1.23', '12.3', '123')
    """
    return f"{figure:.{2 if figure < 10 else 1 if figure < 100 else 0}f}"


def text(rows: Sequence[Row]) -> list[str]:
    """Lines for a terminal."""
    lines = [HEADING, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADING))]
    lines.insert(1, tuple("-" * width for width in widths))
    return ["  ".join(_aligned(line, widths)).rstrip() for line in lines]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if column in LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def markdown(rows: Sequence[Row], remark: str) -> str:
    """The table with a remark above it."""
    rule = [":--" if column in LEFT else "--:" for column in range(len(HEADING))]
    lines = [HEADING, rule, *(cells(row) for row in rows)]
    return "\n".join([remark, "", *(f"| {' | '.join(line)} |" for line in lines)])


def write(page: Path, part: str) -> None:
    """Put a part between the two marks of a page.

    Raises:
        ValueError: the page does not have them.
    """
    content = page.read_text(encoding="utf-8")
    if not content.count(BEGIN) == content.count(END) == 1:
        raise ValueError(f"{page} must have one line {BEGIN!r} and one line {END!r}")
    head, _, rest = content.partition(BEGIN)
    _, _, tail = rest.partition(END)
    page.write_text(f"{head}{BEGIN}\n{part}\n{END}{tail}", encoding="utf-8")


def machine() -> str:
    """Processor, cores, Python and the packages that matter, in a line."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    parts = [processor(), f"{cores()} cores", f"{platform.system()} {platform.machine()}", python]
    for package in PACKAGES:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)


def processor() -> str:
    """The processor's name."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> str:
    """How busy the machine was in the last minute; a quiet one shows about 1 when we end."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return f"{os.getloadavg()[0]:.1f}"
