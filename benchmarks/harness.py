"""How two ways of doing the same work are compared.

The reference runs right before each round of ours, so that whatever else the
machine does meets both alike. A figure is a median, and the result is the ratio
of two. Nothing here asserts a time.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, Protocol

Timer = Callable[[], float]


class Benchmark(Protocol):
    """What is used here of pytest-benchmark's fixture, which has no annotations."""

    disabled: bool
    extra_info: dict[str, Any]
    stats: Any

    def pedantic(
        self,
        target: Callable[[], object],
        *,
        setup: Callable[[], None],
        rounds: int,
        warmup_rounds: int,
    ) -> object:
        """Time ``target``, with ``setup`` untimed before each round; once if disabled."""


class Stopwatch:
    """A timer that stands still but while it runs.

    pytest-benchmark reads its timer before and after a round. With this one it
    sees only the part of the round that the benchmark is about, or seconds that
    another process measured.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began = 0.0

    def read(self) -> float:
        """Seconds for which it has run."""
        return self._seconds

    def add(self, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self._seconds += seconds

    def start(self) -> None:
        """Run from here on."""
        self._began = perf_counter()

    def stop(self) -> None:
        """Stand still again."""
        self.add(perf_counter() - self._began)

    def starts_with(self, items: Sequence[Any]) -> Iterable[Any]:
        """The items; it runs from the moment they are asked for, at no cost for any of them."""
        return _Watched(self, items)


class _Watched:
    def __init__(self, stopwatch: Stopwatch, items: Sequence[Any]) -> None:
        self._stopwatch, self._items = stopwatch, items

    def __iter__(self) -> Iterator[Any]:
        self._stopwatch.start()
        return iter(self._items)


@dataclass(frozen=True)
class Contender:
    """One way of doing the work.

    Attributes:
        name: what the table calls it.
        call: does the work once.
        items: how many items that is; figures are given for one.
        timer: seconds; differences of it are measured.
    """

    name: str
    call: Callable[[], object]
    items: int = 1
    timer: Timer = perf_counter

    def seconds(self) -> float:
        """Do the work, and tell how long it took."""
        gc.collect()
        began = self.timer()
        self.call()
        return self.timer() - began


@dataclass(frozen=True)
class Goal:
    """What is aimed at: a ratio to the reference, or seconds for an item."""

    limit: float
    absolute: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        work: what was done.
        ours: the median of ours, for one item.
        reference: what it is compared with; empty if with nothing.
        theirs: its median for one item; 0 if there is none.
        goal: what is aimed at, if anything.
        unit: ``s``, or ``B`` for memory.
    """

    work: str
    ours: float
    reference: str = ""
    theirs: float = 0.0
    goal: Goal | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        """Ours to theirs."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None if there was none."""
        if self.goal is None:
            return None
        figure = self.ours if self.goal.absolute else self.ratio
        return figure is not None and figure <= self.goal.limit


@dataclass
class Table:
    """One of the tables of a session.

    Attributes:
        rows: in the order in which they came.
        overview: beside the rows, figures of all contenders: for each, figures by their heading.
        notes: what else is to be said, once each.
    """

    rows: list[Row] = field(default_factory=list[Row])
    overview: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    notes: list[str] = field(default_factory=list[str])


@dataclass
class Board:
    """The tables of a session, by the name under which the page knows them."""

    tables: dict[str, Table] = field(default_factory=dict[str, Table])

    def table(self, name: str) -> Table:
        """The table of that name; an empty one if it is not there yet."""
        return self.tables.setdefault(name, Table())


class Comparison:
    """Compares ours with a reference; the fixture `compare`.

    Args:
        benchmark: pytest-benchmark's fixture.
        table: takes the row.
        timer: what the benchmark reads, as its marker says.
    """

    def __init__(self, benchmark: Benchmark, table: Table, timer: Timer) -> None:
        self._benchmark, self._table, self._timer = benchmark, table, timer

    @property
    def smoke(self) -> bool:
        """Whether each body only shows that it works (``--benchmark-disable``)."""
        return self._benchmark.disabled

    def __call__(
        self,
        work: str,
        call: Callable[[], object],
        reference: Contender | None = None,
        *,
        items: int = 1,
        nbytes: int = 0,
        rounds: int = 10,
        goal: Goal | None = None,
    ) -> None:
        """Alternate between the reference and ``call``, and note the row.

        Args:
            work: what is done.
            call: does it with streamflow.
            reference: does it otherwise.
            items: how many items ``call`` handles.
            nbytes: how many bytes they have together.
            rounds: how often each is measured, after one round that is not.
            goal: what is aimed at.
        """
        others: list[float] = []

        def before() -> None:
            if reference is not None:
                others.append(reference.seconds())
            gc.collect()

        self._benchmark.pedantic(call, setup=before, rounds=rounds, warmup_rounds=1)
        if self.smoke:
            return
        theirs = median(others[-rounds:]) / reference.items if reference is not None else 0.0
        name = reference.name if reference is not None else ""
        self.note(Row(work, self._benchmark.stats.stats.median / items, name, theirs, goal))
        self._benchmark.extra_info |= {"items": items, "bytes": nbytes}

    def once(self, call: Callable[[], object]) -> None:
        """Do ``call`` a single time, where its time is not the point."""
        self._benchmark.pedantic(call, setup=lambda: None, rounds=1, warmup_rounds=0)

    def note(self, row: Row) -> None:
        """Put a row on the board, and what it says into the benchmark's own record."""
        if self.smoke:
            return
        self._table.rows.append(row)
        self._benchmark.extra_info |= {
            "per_item": row.ours,
            "reference": row.reference,
            "reference_per_item": row.theirs,
            "ratio": row.ratio,
        }

    def sketch(self, contender: str, heading: str, figure: str) -> None:
        """Put a figure into the overview of all contenders."""
        if not self.smoke:
            self._table.overview.setdefault(contender, {})[heading] = figure
            self._benchmark.extra_info[f"{contender}: {heading}"] = figure

    def remark(self, note: str) -> None:
        """Put a note below the table, unless it is there."""
        if note not in self._table.notes:
            self._table.notes.append(note)


def new_runner() -> asyncio.Runner:
    """A loop of the kind that pipelines run on: uvloop's where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
