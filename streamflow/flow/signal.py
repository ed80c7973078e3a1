"""Signals: how one task, on whatever thread, is woken by another.

The waiter announces itself, looks once more at what it waits for, and only then
sleeps; the waker changes the world first and then looks for waiters. So no
wake-up is lost, and where nobody waits a wake-up costs one look at a list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Signal:
    """Wakes every task that waits.

    Attributes:
        waiters: futures of the tasks that sleep; look here before calling `wake`.
    """

    __slots__ = ("waiters",)

    def __init__(self) -> None:
        self.waiters: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        """Wake all waiters; from any thread."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            loop = waiter.get_loop()
            if loop is asyncio._get_running_loop():
                _resolve(waiter)
            else:
                try:
                    loop.call_soon_threadsafe(_resolve, waiter)
                except RuntimeError:  # its loop has closed: nobody sleeps there any more
                    continue

    async def wait(self, ready: Callable[[], object]) -> None:
        """Sleep until woken, unless ``ready()`` is true already."""
        waiter = asyncio.get_running_loop().create_future()
        while True:
            waiters = self.waiters
            waiters.append(waiter)
            if waiters is self.waiters:
                break  # else a waker, on its thread, took that list just before
        if ready():
            self._forget(waiter)
            return
        try:
            await waiter
        finally:
            self._forget(waiter)

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        if waiter in self.waiters:
            self.waiters.remove(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
