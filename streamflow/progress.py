"""Progress: what is shown of a run while it goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, TypeAlias

from streamflow.execution import Execution

Watcher: TypeAlias = "Callable[[Execution], AbstractAsyncContextManager[None]]"
"""Gives what is entered before a run's first item, and left after its last."""

PERIOD: Final = 0.1
"""Seconds between updates; a run shorter than that shows nothing."""


@asynccontextmanager
async def shown(execution: Execution, *, progress: bool | Watcher | None) -> AsyncGenerator[None]:
    """Show how far an execution is, with rate and time left, while the body runs.

    Args:
        execution: what to show.
        progress: None shows a bar if stderr is a terminal; a watcher shows what it will.
    """
    if callable(progress):
        async with progress(execution):
            yield
        return
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield
        return
    task = asyncio.create_task(_show(execution, force=progress is True))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _show(execution: Execution, *, force: bool) -> None:
    await asyncio.sleep(PERIOD)
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[items]:,} items, {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, force_terminal=force or None)
    with Progress(*columns, console=console, transient=True) as bar:
        total = None if execution.progress() is None else 1.0
        task = bar.add_task(execution.name, total=total, items=0, rate=0.0)
        while True:
            report = execution.report()
            items = sum(node.received for node in report.nodes.values())
            rate = items / report.duration if report.duration else 0.0
            bar.update(task, completed=execution.progress() or 0.0, items=items, rate=rate)
            await asyncio.sleep(PERIOD)
