"""Pipes that carry whole records and never block: what the "socket" backend talks through.

A write of up to 512 bytes into a pipe is all or nothing, and a read takes it
from nobody else: each record has one reader, even where two processes hold the
reading end. The kernel orders memory on the way.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import termios

from streamflow.errors import IpcError

RECORD_LIMIT = 512
"""Bytes that every POSIX system writes at one go."""

_PAGE = 4096
_SMALLEST = 16384
"""Bytes that a pipe holds where the system does not say."""
_LARGEST = 1 << 20


def pair() -> tuple[int, int]:
    """Both ends of a new pipe: to read, to write.

    Raises:
        IpcError: no descriptor is left.
    """
    try:
        ends = os.pipe()
    except OSError as error:
        raise IpcError(f"cannot create a pipe: {error}") from error
    for end in ends:
        os.set_blocking(end, False)
    return ends


def widen(fd: int, wanted: int) -> int:
    """Make room for `wanted` bytes if the system lets us; bytes that surely fit, as records."""
    size = _SMALLEST
    if sys.platform == "linux":
        needed = wanted * 8 // 7 + 2 * _PAGE
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, min(max(needed, 16 * _PAGE), _LARGEST))
        size = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    # A page that has been read in part takes nothing new, and the end of each page
    # stays empty where the next record, of an eighth of it at most, does not fit.
    return max(size - _PAGE, 0) * 7 // 8


def waiting(fd: int) -> int:
    """How many bytes wait to be read."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def push(fd: int, record: bytes) -> bool:
    """Write a record; False if there is no room for it, or nobody left to read it."""
    try:
        os.write(fd, record)
    except (BlockingIOError, BrokenPipeError):
        return False
    return True


def pull(fd: int, most: int) -> bytes | None:
    """Up to `most` bytes of what waits: None if nothing does, empty if nothing ever will."""
    try:
        return os.read(fd, most)
    except BlockingIOError:
        return None


def empty(fd: int) -> None:
    """Read a bell silent. Somebody may ring it as fast as we read: what is left rings again."""
    pull(fd, _LARGEST)
