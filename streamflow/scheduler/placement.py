"""Placements: where a segment's coroutines run."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol

from streamflow.flow.signal import Signal

PATIENCE: Final = 5.0
"""Seconds that a cancelled call may hold its thread before its caller goes on without it."""


class Placement(Protocol):
    """Runs coroutines somewhere."""

    @property
    def thread_id(self) -> int | None:
        """Identifier of the thread they run on."""

    async def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine there, and return when it has ended, also if cancelled."""

    def close(self) -> None:
        """Run nothing more."""


class Inline:
    """On the loop and thread of the execution itself."""

    def __init__(self) -> None:
        self.thread_id: int | None = threading.get_ident()

    async def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await the coroutine in place."""
        return await coroutine

    def close(self) -> None:
        """Nothing to close: the loop is the caller's."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A uvloop where there is one, else asyncio's own."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:  # Windows
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class Thread:
    """On a thread with a loop of its own; `initialize` to `cleanup` happen there.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = new_event_loop()
        self._serving, self._ended = True, Signal()
        # A daemon: a node that never returns must not keep the process alive.
        self._thread = threading.Thread(target=self._serve, name=f"streamflow {name}", daemon=True)
        self._thread.start()

    @property
    def thread_id(self) -> int | None:
        """Identifier of the thread."""
        return self._thread.ident

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()
            self._serving = False
            self._ended.wake()

    async def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the thread; a cancellation is passed on, and waited for."""
        here = asyncio.get_running_loop()
        done: asyncio.Future[Any] = here.create_future()
        task: list[asyncio.Task[Any]] = []

        def start() -> None:
            task.append(self._loop.create_task(coroutine))
            task[0].add_done_callback(finish)

        def cancel() -> None:
            task[0].cancel()

        def finish(ended: asyncio.Task[Any]) -> None:
            with suppress(RuntimeError):  # nobody waits any more: that loop is closed
                here.call_soon_threadsafe(_settle, done, ended)

        self._loop.call_soon_threadsafe(start)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if not done.done():
                self._loop.call_soon_threadsafe(cancel)
                # Not for ever: what holds the thread may never look up.
                await asyncio.wait([done], timeout=PATIENCE)
            if done.done() and not done.cancelled() and done.exception() is not None:
                return done.result()  # it failed before it could be cancelled
            raise

    def close(self) -> None:
        """End the thread once what it does now has ended."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def join(self, timeout: float) -> bool:
        """Wait until the thread has ended; false if it has not after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._ended.wait(lambda: not self._serving)
        except TimeoutError:
            return False
        # It has nothing left to do but to return.
        self._thread.join(timeout)
        return not self._thread.is_alive()


def _settle(done: asyncio.Future[Any], ended: asyncio.Task[Any]) -> None:
    if done.done():
        return
    if ended.cancelled():
        done.cancel()
    elif (error := ended.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(ended.result())
