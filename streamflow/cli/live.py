"""Live: what a terminal and files are told of a run while it goes on, and when it has ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from streamflow.cli.failures import Failure
from streamflow.cli.tables import new_table
from streamflow.execution import Execution
from streamflow.lifecycle import State
from streamflow.metrics import NodeReport, Report
from streamflow.progress import shown
from streamflow.units import human_bytes, human_time

OFTEN: Final = 0.5
"""Seconds between two pictures of a terminal."""

EACH_SECOND: Final = 1.0
SELDOM: Final = 5.0
"""Seconds between two lines of a log."""

NANOSECOND: Final = 1e-9


class Teller(Protocol):
    """Tells somebody of a run.

    Attributes:
        every: seconds between two reports that it is given.
    """

    every: float

    def tell(self, report: Report) -> None:
        """Tell how the run stands."""
        ...

    def end(self, report: Report) -> None:
        """Tell how the run has ended."""
        ...


class Companion:
    """Goes with a run, and gives tellers their reports; for ``Pipeline.run(progress=…)``.

    Args:
        tellers: who are to be given them.
        bar: whether there is to be a progress bar besides; None asks the terminal.
    """

    def __init__(self, tellers: Sequence[Teller], *, bar: bool | None = None) -> None:
        self._tellers, self._bar = tellers, bar
        self._execution: Execution | None = None

    def __call__(self, execution: Execution) -> AbstractAsyncContextManager[None]:
        """Go with an execution."""
        self._execution = execution
        return self._going(execution)

    @asynccontextmanager
    async def _going(self, execution: Execution) -> AsyncGenerator[None]:
        tasks = [asyncio.create_task(_tell(execution, teller)) for teller in self._tellers]
        try:
            async with shown(execution, progress=self._bar):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def end(self) -> None:
        """Tell how the run has ended, if it had begun.

        Raises:
            OSError: a file cannot be written; the others are.
        """
        if self._execution is None:
            return
        report = self._execution.metrics()
        errors: list[OSError] = []
        for teller in self._tellers:
            try:
                teller.end(report)
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]


async def _tell(execution: Execution, teller: Teller) -> None:
    while True:
        await asyncio.sleep(teller.every)
        # A full disk may have room again; whether it has is told at the end.
        with suppress(OSError):
            teller.tell(execution.metrics())


class Pace:
    """How many items each node has handled a second, between two reports."""

    def __init__(self) -> None:
        self._before: Report | None = None

    def rates(self, report: Report) -> dict[str, float]:
        """Items a second since the last report, by node; a source's are what it emitted."""
        before, self._before = self._before, report
        since = before.duration if before is not None else 0.0
        seconds = max(report.duration - since, NANOSECOND)
        known = before.nodes if before is not None else dict[str, NodeReport]()
        return {
            id: (_handled(node) - _handled(known.get(id, NodeReport()))) / seconds
            for id, node in report.nodes.items()
        }


def _handled(node: NodeReport) -> int:
    return node.received or node.emitted


class LiveTable:
    """A table that changes in its place, until the run has ended; for terminals."""

    every = OFTEN

    def __init__(self, console: Console) -> None:
        self._pace = Pace()
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def tell(self, report: Report) -> None:
        """Show it."""
        if not self._live.is_started:
            self._live.start()
        self._live.update(live_table(report, self._pace.rates(report)), refresh=True)

    def end(self, report: Report) -> None:
        """Make room for the tables of the whole run."""
        self._live.stop()


class LiveLines:
    """A line now and then; for pipes and logs."""

    every = SELDOM

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._pace, self._print = Pace(), print_line

    def tell(self, report: Report) -> None:
        """Print one."""
        self._print(live_line(report, self._pace.rates(report)))

    def end(self, report: Report) -> None:
        """Print the last one: a short run has had no other."""
        self._print(live_line(report, self._pace.rates(report)))


class LiveFile:
    """A file that always holds the last report, whole.

    Args:
        path: where it stands.
        write: what it holds.
    """

    every = EACH_SECOND

    def __init__(self, path: Path, write: Callable[[Report], str]) -> None:
        if not path.parent.is_dir():
            raise Failure(f"{path}: there is no directory {path.parent}")
        if path.is_dir():
            raise Failure(f"{path}: it is a directory")
        self._path, self._write = path, write

    def tell(self, report: Report) -> None:
        """Replace it."""
        replace_text(self._path, self._write(report))

    end = tell


def metrics_file(path: Path) -> LiveFile:
    """A file of metrics, in the format that its name says.

    Raises:
        Failure: it says none, or the file cannot stand there.
    """
    writers: dict[str, Callable[[Report], str]] = {
        ".json": lambda report: report.to_json(indent=2) + "\n",
        ".prom": lambda report: report.to_prometheus(),
    }
    if path.suffix not in writers:
        raise Failure(f"{path}: metrics go to a file that ends in .json or .prom")
    return LiveFile(path, writers[path.suffix])


def replace_text(path: Path, text: str) -> None:
    """Write a file that nobody sees half written; what is no file, such as a pipe, as it is."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        # The name that the user knows.
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def live_table(report: Report, rates: dict[str, float]) -> RenderableType:
    """How a run stands, in 80 columns."""
    table = new_table("node", "received", "emitted", "per second", "waiting", "lost", "p50", "p99")
    waiting = waiting_items(report)
    for id, node in report.nodes.items():
        table.add_row(
            Text(id, overflow="fold"),
            f"{node.received:,}",
            f"{node.emitted:,}",
            f"{rates[id]:,.0f}",
            f"{waiting.get(id, 0):,}",
            Text(f"{node.lost:,}", style="bold red" if node.failed else ""),
            human_time(node.time.p50_ns),
            human_time(node.time.p99_ns),
        )
    memory = sum(process.rss for process in report.processes)
    facts = f" {standing(report)}, {human_bytes(memory)} of memory"
    return Group(Text.assemble((report.name, "bold"), facts), "", table)


def live_line(report: Report, rates: dict[str, float]) -> str:
    """How a run stands, in a line."""
    handled = sum(map(_handled, report.nodes.values()))
    memory = sum(process.rss for process in report.processes)
    waiting = sum(waiting_items(report).values())
    lost = sum(node.lost for node in report.nodes.values())
    return (
        f"{report.name} {standing(report)}: "
        f"{handled:,} items, {sum(rates.values()):,.0f}/s, "
        f"{waiting:,} waiting, {lost:,} lost, {human_bytes(memory)} of memory"
    )


def standing(report: Report) -> str:
    """In which state a run is, and for how long it has gone on.

    >>> standing(Report("shrink", "running", 6.06, {}, {}))
    'running for 6.1 s'
    """
    since = "for" if report.state in {State.RUNNING, State.PAUSED} else "after"
    return f"{report.state} {since} {report.duration:.1f} s"


def waiting_items(report: Report) -> dict[str, int]:
    """Items that wait for each node, on all edges that lead to it."""
    waiting: dict[str, int] = {}
    for name, edge in report.edges.items():
        node = name.rpartition(" -> ")[2].rpartition(".")[0]
        waiting[node] = waiting.get(node, 0) + edge.in_flight
    return waiting
