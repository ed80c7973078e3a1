"""Ears: the descriptors that wake a receiver, on a thread or on an event loop."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from streamflow.ipc.bells import milliseconds


class Ears:
    """Hears descriptors that have become readable.

    Args:
        see_to: called with each of them.
    """

    def __init__(self, see_to: Callable[[int], object]) -> None:
        self._see_to = see_to
        self._poll, self._heard = select.poll(), set[int]()
        self._loop: Any = None
        self._callback: Callable[[], object] | None = None

    def __contains__(self, fd: int) -> bool:
        return fd in self._heard

    def hear(self, fd: int) -> None:
        """Hear a descriptor from here on."""
        self._heard.add(fd)
        self._poll.register(fd, select.POLLIN)
        if self._loop is not None:
            self._loop.add_reader(fd, self._woken, fd)

    def ignore(self, fd: int) -> None:
        """Hear it no more."""
        if fd in self._heard:
            self._heard.remove(fd)
            self._poll.unregister(fd)
            if self._loop is not None:
                self._loop.remove_reader(fd)

    def attend(self, timeout: float | None) -> bool:
        """See to what is readable, or wait until something is; whether something was.

        Args:
            timeout: seconds at most to wait; None: as long as it takes.
        """
        ready = self._poll.poll(None if timeout is None else milliseconds(timeout))
        for fd, _ in ready:
            self._see_to(fd)
        return bool(ready)

    def watch(self, loop: Any, callback: Callable[[], object]) -> None:
        """See to what becomes readable on an asyncio loop, and call ``callback`` then."""
        self._loop, self._callback = loop, callback
        for fd in self._heard:
            loop.add_reader(fd, self._woken, fd)

    def unwatch(self) -> None:
        """Undo `watch`."""
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            for fd in self._heard:
                loop.remove_reader(fd)

    def _woken(self, fd: int) -> None:
        self._see_to(fd)
        if self._callback is not None:
            self._callback()

    def close(self) -> None:
        """Hear nothing more."""
        self.unwatch()
        for fd in tuple(self._heard):
            self.ignore(fd)
