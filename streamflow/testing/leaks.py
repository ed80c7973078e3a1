"""Leaks: what a run has started or opened, and not put away."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import multiprocessing.resource_tracker
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final, Self

from streamflow.scheduler import spawn
from streamflow.scheduler.placement import new_event_loop

WATCHDOG: Final = "streamflow watchdog"
"""A thread that the process keeps: it sleeps while nothing runs."""

TURNS: Final = 4
"""Turns of the loop that its tasks have before anyone looks."""

PERIOD: Final = 0.01
"""Seconds between two looks."""

Found = Mapping[str, Mapping[Any, str]]
"""Kind of thing → what tells one of it from another → its name, for people."""


class leak_check:  # noqa: N801 - used as contextlib's `suppress` and `closing` are
    """Assert that its body leaves nothing behind.

    What counts: threads, open file descriptors, asyncio tasks that have not
    ended, child processes, and files in ``/dev/shm``. What the system tells
    nothing of is not looked at. The thread named ``streamflow watchdog`` and the
    process that starts workers, which a program keeps, and multiprocessing's own
    helpers do not count.

    Use it as a context manager, plain around a whole run, async inside a
    coroutine. An exception from the body passes; nothing is looked for then.

    Args:
        grace: real seconds that things have to end.
        shared_memory: whether to look at ``/dev/shm``, which other processes
            of the same user write to as well.

    Raises:
        AssertionError: something is left; it names each thing.

    >>> from streamflow import Pipeline, node
    >>> with leak_check():
    ...     Pipeline(node(lambda x: x + 1)).run([1]).results
    [2]
    """

    def __init__(self, *, grace: float = 2.0, shared_memory: bool = True) -> None:
        self._grace, self._shared_memory = grace, shared_memory
        self._before: Found = {}

    def __enter__(self) -> Self:
        # libuv opens a pipe for signals with the process's first loop, and keeps it for good.
        new_event_loop().close()
        gc.collect()
        self._before = self._look()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        deadline = monotonic() + self._grace
        while error is None and (left := self._left()):
            if monotonic() > deadline and (left := self._new()):
                raise self._error(left)
            self._pause()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        deadline = monotonic() + self._grace
        while error is None and (left := self._left()):
            # Collecting garbage may take longer than the grace: looked at once more.
            await asyncio.sleep(0)
            if monotonic() > deadline and (left := self._new()):
                raise self._error(left)
            self._pause()

    def _pause(self) -> None:
        # In real time, also inside a coroutine: threads and processes end in that,
        # whatever the loop's time is.
        sleep(PERIOD)

    def _look(self) -> Found:
        return {
            "thread": threads(),
            "file descriptor": descriptors(),
            "task": tasks(),
            "child process": children(),
            "shared memory": shared_memory() if self._shared_memory else {},
        }

    def _left(self) -> list[str]:
        left = self._new()
        if left:
            gc.collect()
            left = self._new()
        return left

    def _new(self) -> list[str]:
        return [
            f"{kind} {name}"
            for kind, found in self._look().items()
            for key, name in found.items()
            if key not in self._before[kind]
        ]

    def _error(self, left: list[str]) -> AssertionError:
        lines = "\n".join(f"  {thing}" for thing in left)
        return AssertionError(f"left behind, {self._grace:g} s after the body ended:\n{lines}")


def threads() -> dict[Any, str]:
    """Threads that are alive, but the watchdog and those that the loop that runs will end."""
    of_loop = "asyncio_" if asyncio._get_running_loop() is not None else WATCHDOG
    return {
        thread: repr(thread.name)
        for thread in threading.enumerate()
        if not thread.name.startswith((WATCHDOG, of_loop))
    }


def descriptors() -> dict[Any, str]:
    """Open file descriptors, with what they lead to where the system tells."""
    folders = [Path("/proc/self/fd"), Path("/dev/fd")]
    folder = next((path for path in folders if path.is_dir()), None)
    tracker = getattr(multiprocessing.resource_tracker, "_resource_tracker", None)
    found: dict[Any, str] = {}
    for name in os.listdir(folder) if folder else ():  # noqa: PTH208 - names are all it takes
        target = ""
        with suppress(OSError):
            target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - likewise
        with suppress(OSError):
            # The one that listed the folder is closed by now.
            os.fstat(int(name))
            kept = spawn.kept()
            if int(name) not in (getattr(tracker, "_fd", None), kept and kept.fd):
                found[name, target] = f"{name} {target}".rstrip()
    return found


def tasks() -> dict[Any, str]:
    """Tasks that have not ended, on any loop, but the one that asks."""
    current = asyncio.current_task() if asyncio._get_running_loop() is not None else None
    return {
        thing: f"{thing.get_name()!r} {thing.get_coro()!r}"
        for thing in gc.get_objects()
        # By type(): asking a stranger for its __class__ may run its code.
        if issubclass(type(thing), asyncio.Task) and thing is not current and not thing.done()
    }


def children() -> dict[Any, str]:
    """Child processes, but multiprocessing's helpers and the one that starts workers."""
    found: dict[Any, str] = {
        process.pid: f"{process.pid} {process.name}"
        for process in multiprocessing.active_children()
    }
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in parentheses, may hold anything; the parent is the second field after.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            command = stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if int(parent) == os.getpid() and "multiprocessing.resource_tracker" not in command:
                found.setdefault(int(stat.parent.name), f"{stat.parent.name} {command}".rstrip())
    if (kept := spawn.kept()) is not None:
        found.pop(kept.pid, None)
    return found


def shared_memory() -> dict[Any, str]:
    """Files in ``/dev/shm`` that belong to this user."""
    found: dict[Any, str] = {}
    folder = Path("/dev/shm")  # noqa: S108 - looked at, not written to
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):
            if path.stat().st_uid == os.getuid():
                found[path.name] = path.name
    return found
