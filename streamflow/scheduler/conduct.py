"""Conducting: the parts of an execution begin together, and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from streamflow.errors import NodeError
from streamflow.scheduler.part import Part


async def initialize(parts: Sequence[Part]) -> None:
    """Initialize all nodes of all parts, concurrently.

    Raises:
        NodeError: one failed; all have returned.
    """
    if len(parts) == 1:
        await parts[0].initialize()
        return
    calls = (part.initialize() for part in parts)
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def first_failure(parts: Sequence[Part]) -> BaseException | None:
    """Wait until all parts have ended; the first that fails ends the others."""
    if len(parts) == 1:
        return await parts[0].ended()
    failure: BaseException | None = None
    pending = {asyncio.ensure_future(part.ended()) for part in parts}
    while pending:
        finished, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            if failure is None and (failure := task.result()) is not None:
                for part in parts:
                    part.cancel()
    return failure


def late(name: str, seconds: float | None) -> TimeoutError:
    """The error of an execution that took longer than it may."""
    return TimeoutError(f"{name!r} has not ended within {seconds or 0:g} s")


async def ended_by(
    parts: Sequence[Part], deadline: float | None, error: Callable[[], Exception]
) -> BaseException | None:
    """Wait until all parts have ended; those that have not by the deadline are ended.

    Args:
        parts: of the execution.
        deadline: in the time of the running loop, or None.
        error: makes the failure in that case.
    """
    if deadline is None:
        return await first_failure(parts)
    ending = asyncio.ensure_future(first_failure(parts))
    left = deadline - asyncio.get_running_loop().time()
    await asyncio.wait([ending], timeout=max(left, 0.0))
    if ending.done():
        return ending.result()
    for part in parts:
        part.gate(closed=False)
        part.cancel()
    await asyncio.wait([ending])
    return error()


async def holder_of(parts: Sequence[Part]) -> str:
    """The node that keeps an execution from ending, as far as can be told."""
    for part in parts:
        if holder := await part.holder():
            return holder
    return ""


async def cleanup(parts: Sequence[Part], order: Sequence[str]) -> list[NodeError]:
    """Clean up every node that was initialized, in reverse order.

    Returns:
        What failed: a failure stops no other cleanup.
    """
    home = {id: part for part in parts for id in part.initialized}
    ended = [await home[id].cleanup(id) for id in reversed(order) if id in home]
    return [error for error in ended if error is not None]
