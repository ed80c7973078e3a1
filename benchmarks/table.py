"""The tables of a session: for the terminal, and as Markdown for the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks.harness import Row, Table

HEADING: Final = ("work", "streamflow", "reference", "its median", "ratio", "goal", "met")
LEFT: Final = (0, 2)
"""Columns of words; the others are figures, and stand to the right."""

MAIN: Final = "benchmarks"
"""The name of the main table, which is also that of its marks in the page."""

PACKAGES: Final = (
    "numpy",
    "av",
    "uvloop",
    "streamz",
    "bytewax",
    "pipecat-ai",
    "iceoryx2",
    "eclipse-zenoh",
    "pyzmq",
    "dora-rs",
)


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


Grid = list[tuple[str, ...]]
"""Lines of cells, the heading first."""


def grids(table: Table) -> list[tuple[Grid, Sequence[int]]]:
    """The parts of a table, each with its columns of words; all other columns are figures."""
    found: list[tuple[Grid, Sequence[int]]] = []
    if table.rows:
        found.append(([HEADING, *(cells(row) for row in table.rows)], LEFT))
    if table.overview:
        found.append((overview(table.overview), (0,)))
    return found


def overview(figures: Mapping[str, Mapping[str, str]]) -> Grid:
    """A line for each contender, a column for each heading, in the order in which they came.

    >>> overview({"a": {"time": "1"}, "b": {"size": "2"}})
    [('', 'time', 'size'), ('a', '1', ''), ('b', '', '2')]
    """
    headings = list(dict.fromkeys(name for line in figures.values() for name in line))
    lines = [(name, *(line.get(h, "") for h in headings)) for name, line in figures.items()]
    return [("", *headings), *lines]


def text(table: Table) -> list[str]:
    """Lines for a terminal."""
    lines: list[str] = []
    for grid, left in grids(table):
        widths = [max(len(line[column]) for line in grid) for column in range(len(grid[0]))]
        ruled = [grid[0], tuple("-" * width for width in widths), *grid[1:]]
        lines += ["  ".join(_aligned(line, widths, left)).rstrip() for line in ruled]
        lines.append("")
    return lines + table.notes


def _aligned(line: Sequence[str], widths: Sequence[int], left: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if column in left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def markdown(table: Table, remark: str) -> str:
    """The table with a remark above it, and its notes below."""
    lines = [remark, ""]
    for grid, left in grids(table):
        rule = tuple(":--" if column in left else "--:" for column in range(len(grid[0])))
        lines += [f"| {' | '.join(line)} |" for line in (grid[0], rule, *grid[1:])]
        lines.append("")
    return "\n".join([*lines, *(f"{note}.\n" for note in table.notes)]).rstrip()


def write(page: Path, name: str, part: str) -> None:
    """Put a part between the two marks of that name in a page.

    Raises:
        ValueError: the page does not have them.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text(encoding="utf-8")
    if not content.count(begin) == content.count(end) == 1:
        raise ValueError(f"{page} must have one line {begin!r} and one line {end!r}")
    head, _, rest = content.partition(begin)
    _, _, tail = rest.partition(end)
    page.write_text(f"{head}{begin}\n{part}\n{end}{tail}", encoding="utf-8")


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
