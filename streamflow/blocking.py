"""Blocking runs: an execution from beginning to end, for callers that do not await."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from streamflow.execution import Execution
from streamflow.metrics import Report
from streamflow.progress import Watcher, shown
from streamflow.scheduler.conduct import late

T = TypeVar("T")


async def complete(
    execution: Execution,
    *,
    timeout: float | None = None,
    progress: bool | Watcher | None = None,
) -> Report:
    """Run an execution to its end.

    Args:
        execution: one that has not begun.
        timeout: seconds for all of it, or None.
        progress: show a bar on stderr; None shows it on a terminal. Or a watcher:
            a function of the execution that gives an async context manager.

    Raises:
        TimeoutError: it took longer.
        NodeError: a node failed.
    """
    limit = asyncio.timeout(timeout)
    try:
        async with limit, execution, shown(execution, progress=progress):
            return await execution.wait()
    except TimeoutError:
        if limit.expired():
            raise late(execution.name, timeout) from None
        raise


def run_blocking(
    make: Callable[[], Coroutine[Any, Any, T]], factory: Callable[[], asyncio.AbstractEventLoop]
) -> T:
    """Run a coroutine to its end, on a loop of its own."""
    # Not inside an `except`: every error of the run would tell of that one, too.
    if asyncio._get_running_loop() is None:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(make())
    results: list[T] = []
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                results.append(runner.run(make()))
        except BaseException as error:  # raised again by the caller
            errors.append(error)

    thread = threading.Thread(target=serve, name="streamflow loop")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
