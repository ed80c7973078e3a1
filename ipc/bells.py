"""Bells: how one side of a ring wakes the other, and the fence that makes it safe to sleep.

Whoever is about to sleep sets its wait flag, fences, and looks once more; whoever
has made something ready fences and then looks at the flag. One of the two sees
the other, so nobody sleeps through what it waits for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from _thread import allocate_lock
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from streamflow.errors import HandshakeError, IpcError


def fence() -> None:
    """Let no later load overtake an earlier store.

    That is the one order that x86-64 does not keep by itself; taking a lock is a
    locked operation, which is a full fence there. The lock is a fresh one, as a
    shared one might be held by the very code that a finalizer has interrupted.

    No test shows what goes wrong without it: the window is some nanoseconds
    wide, and 60 s of stress did not hit it. It stays by reasoning: without it
    a steal and a lease, or a wait flag and a head, may both be too late to be
    seen by the other side, and then a slot is written while it is read, or a
    process sleeps for ever.
    """
    allocate_lock().acquire()


def new() -> int:
    """A bell: a descriptor that is readable once rung.

    Raises:
        IpcError: no descriptor is left.
    """
    try:
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    except OSError as error:
        raise IpcError(f"cannot create a wake-up descriptor: {error}") from error


def ring(fd: int) -> None:
    """Make a bell readable."""
    # Full: it has been rung 2**64 - 2 times, and is readable for sure.
    with contextlib.suppress(BlockingIOError):
        os.eventfd_write(fd, 1)


def drain(fd: int) -> None:
    """Make a bell silent again."""
    with contextlib.suppress(BlockingIOError):
        os.eventfd_read(fd)


def check(fd: int) -> None:
    """See that a descriptor somebody handed us is a bell.

    Raises:
        HandshakeError: it is something else, or using it could block.
    """
    try:
        name = str(Path(f"/proc/self/fd/{fd}").readlink())
        blocks = not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK
    except OSError as error:
        raise HandshakeError(f"descriptor {fd} is no wake-up descriptor: {error}") from None
    if name != "anon_inode:[eventfd]" or blocks:
        raise HandshakeError(f"expected a wake-up descriptor that never blocks, not {name}")


def poller(fd: int) -> select.poll:
    """What to sleep with."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return poll


def milliseconds(timeout: float) -> int:
    """Seconds as poll counts them: up, so that who comes back early does not spin.

    Raises:
        ValueError: timeout is negative, or no number.
    """
    if not timeout >= 0:
        raise ValueError(f"timeout must be 0 s or more, not {timeout}")
    return ceil(min(timeout * 1000, 2**31 - 1))


def duplicates(fds: Sequence[int]) -> list[int]:
    """New descriptors of the same files, to hand over.

    Raises:
        IpcError: no descriptor is left.
    """
    made: list[int] = []
    try:
        for fd in fds:
            made.append(os.dup(fd))  # noqa: PERF401  # what was made must be closed on failure
    except OSError as error:
        close_all(made)
        raise IpcError(f"cannot hand over a ring: {error}") from error
    return made


def close_all(fds: list[int]) -> None:
    """Close descriptors and forget them; each once, whatever other threads close of the list."""
    with contextlib.suppress(IndexError):
        while True:
            fd = fds.pop()
            # What a peer handed over may be no descriptor at all.
            with contextlib.suppress(OSError):
                os.close(fd)
