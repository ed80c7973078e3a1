"""Signals: how one task, on whatever thread, is woken by another.

The waiter announces itself, looks once more at what it waits for, and only then
sleeps; the waker changes the world first and then looks for waiters. So no
wake-up is lost, and where nobody waits a wake-up costs one look at a list.
"""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop, get_running_loop
from collections.abc import Callable
from contextlib import suppress


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
        here = _get_running_loop()
        for waiter in waiters:
            loop = waiter.get_loop()
            if loop is not here:
                with suppress(RuntimeError):  # its loop has closed: nobody sleeps there any more
                    loop.call_soon_threadsafe(_resolve, waiter)
            elif not waiter.done():
                waiter.set_result(None)

    async def wait(self, ready: Callable[[], object]) -> None:
        """Sleep until woken, unless ``ready()`` is true already."""
        waiter = get_running_loop().create_future()
        while True:
            waiters = self.waiters
            waiters.append(waiter)
            if waiters is self.waiters:
                break  # else a waker, on its thread, took that list just before
        try:
            if not ready():
                await waiter
        finally:
            if waiter in self.waiters:
                self.waiters.remove(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
