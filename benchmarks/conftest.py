"""One table at the end, instead of pytest-benchmark's own; ``--benchmark-verbose`` shows both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from benchmarks import table
from benchmarks.harness import Benchmark, Board, Comparison
from streamflow.testing.benchmark import benchmark_pipeline

__all__ = ["benchmark_pipeline"]
"""Fixtures of the library's own, for users' suites as for ours."""

BOARD = pytest.StashKey[Board]()
LOAD = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--table",
        metavar="PAGE",
        type=Path,
        help="write the table into a Markdown page, between its two marks",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BOARD], config.stash[LOAD] = Board(), table.load()
    config.option.benchmark_quiet = True


@pytest.fixture(scope="session")
def table_name() -> str:
    """The table that rows go to; a folder may have one of its own."""
    return table.MAIN


@pytest.fixture
def compare(benchmark: Benchmark, table_name: str, request: pytest.FixtureRequest) -> Comparison:
    """Compares ours with a reference, with the timer that the benchmark's marker names."""
    marker = request.node.get_closest_marker("benchmark")
    timer: Callable[[], float] = (
        marker.kwargs.get("timer", perf_counter) if marker else perf_counter
    )
    return Comparison(benchmark, request.config.stash[BOARD].table(table_name), timer)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    facts = f"{table.machine()}; load {config.stash[LOAD]} before, {table.load()} after"
    page: Path | None = config.getoption("--table")
    today = datetime.now(UTC).date().isoformat()
    for name, content in config.stash[BOARD].tables.items():
        if not content.rows and not content.notes:
            continue
        terminalreporter.section(name)
        for line in [*table.text(content), "", facts]:
            terminalreporter.write_line(line)
        if page is not None and content.rows:
            table.write(page, name, table.markdown(content, f"Taken on {today}: {facts}."))
