"""Guards: calls that are checked as they are made: for time, for kind of result, for failure."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from time import perf_counter, perf_counter_ns
from typing import Any, Final

from streamflow.node import Kind, Out

ODD: Final = frozenset({types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType})
"""What a plain call must not return: it would never run."""


LONGEST_TICK: Final = 0.05
SHORTEST_TICK: Final = 0.001
"""Seconds between two looks at a deadline."""


class CallTimeout(TimeoutError):
    """A node's call took longer than its timeout."""


class OddResult(TypeError):
    """A call returned what cannot be meant; another try would return the same."""


def refuse(name: str, result: Any) -> None:
    """Raise the error that says what a call should not have returned."""
    if isinstance(result, Out):
        raise OddResult(f"it emitted to port {result.port!r}, but has only 'out'")
    if inspect.iscoroutine(result):
        result.close()
    kind = type(result).__name__.replace("_", " ")
    raise OddResult(
        f"process returned a {kind} object; make {name}'s process itself "
        f"{'a coroutine function' if kind == 'coroutine' else 'a generator function'}"
    )


def timed(items: Iterable[Any], add: Callable[[float], None]) -> Iterator[Any]:
    """Items of an iterable, each wait for one timed."""
    iterator = iter(items)
    try:
        while True:
            start = perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            add(perf_counter() - start)
            yield item
    finally:
        if inspect.isgenerator(iterator):
            iterator.close()


async def timed_async(
    items: AsyncIterator[Any], add: Callable[[float], None]
) -> AsyncIterator[Any]:
    """Items of an async iterator, each wait for one timed."""
    try:
        while True:
            start = perf_counter()
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            add(perf_counter() - start)
            yield item
    finally:
        if inspect.isasyncgen(items):
            await items.aclose()


class Guard:
    """One timer for all asynchronous calls of a segment.

    A call stores its deadline and clears it again; a ticker looks now and then
    whether one has passed, and cancels the segment's task. A timer for each call
    would cost more than most calls.

    Attributes:
        held: when the synchronous call in hand began (`perf_counter_ns`), and the
            seconds it may take; None where there is none, or it has no limit.
    """

    def __init__(self) -> None:
        self.held: tuple[int, float] | None = None
        self._deadline: float | None = None
        self._fired = False
        self._task: asyncio.Task[Any] | None = None
        self._ticker: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Tick no more."""
        if self._ticker is not None:
            self._ticker.cancel()

    def _tick(self, period: float) -> None:
        loop = asyncio.get_running_loop()
        self._ticker = None
        if self._deadline is None:
            return  # the next call with a deadline starts it again
        if loop.time() >= self._deadline and self._task is not None:
            self._fired, self._deadline = True, None
            self._task.cancel()
            return
        self._ticker = loop.call_later(period, self._tick, period)

    async def limit(self, call: Any, timeout: float) -> Any:
        """Await a call for ``timeout`` seconds at most.

        Raises:
            CallTimeout: it took longer, and was cancelled.
        """
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + timeout
        if self._ticker is None:
            self._task = asyncio.current_task()
            period = min(LONGEST_TICK, max(SHORTEST_TICK, timeout / 8))
            self._ticker = loop.call_later(period, self._tick, period)
        try:
            return await call
        except asyncio.CancelledError:
            if not self._fired or self._task is None:
                raise
            self._fired = False
            self._task.uncancel()
            raise CallTimeout(f"it took longer than {timeout} s and was cancelled") from None
        finally:
            self._deadline = None


def limited(
    process: Callable[..., Any], kind: Kind, timeout: float, guard: Guard
) -> Callable[..., Any]:
    """A node's `process` with a limit on how long it, or one step of it, may take."""

    def plain(*args: Any) -> Any:
        start = perf_counter_ns()
        guard.held = start, timeout
        try:
            result = process(*args)
        finally:
            guard.held = None
        _check(start, timeout)
        return result

    async def asynchronous(*args: Any) -> Any:
        return await guard.limit(process(*args), timeout)

    def generator(*args: Any) -> Iterator[Any]:
        items = process(*args)
        try:
            while True:
                start = perf_counter_ns()
                guard.held = start, timeout
                try:
                    item = next(items)
                except StopIteration:
                    return
                finally:
                    guard.held = None
                _check(start, timeout)
                yield item
        finally:
            items.close()

    async def asynchronous_generator(*args: Any) -> AsyncIterator[Any]:
        items = process(*args)
        try:
            while True:
                try:
                    item = await guard.limit(anext(items), timeout)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await items.aclose()

    return {
        Kind.PLAIN: plain,
        Kind.ASYNC: asynchronous,
        Kind.GENERATOR: generator,
        Kind.ASYNC_GENERATOR: asynchronous_generator,
    }[kind]


def _check(start: int, timeout: float) -> None:
    # A synchronous call cannot be interrupted, so it is reported when it is over.
    took = (perf_counter_ns() - start) / 1e9
    if took > timeout:
        raise CallTimeout(f"it took {took:.3g} s, longer than {timeout} s")
