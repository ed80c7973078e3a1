"""Segments: sealed memory without a name, shared by handing over its descriptor.

Nothing ever appears in a file system. A segment cannot shrink under those who
map it (reading there would be a SIGBUS), and one that is `guarded` can be
written only through the mapping its creator has.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import sys
import tempfile
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

import numpy as np

from streamflow.errors import HandshakeError, IpcError

# Linux; before Python 3.13 `fcntl` does not know them all.
F_ADD_SEALS = 1033
F_GET_SEALS = 1034
F_SEAL_SEAL = 0x1
F_SEAL_SHRINK = 0x2
F_SEAL_GROW = 0x4
F_SEAL_FUTURE_WRITE = 0x10
MFD_CLOEXEC = 0x1
MFD_ALLOW_SEALING = 0x2
MFD_NOEXEC_SEAL = 0x8

FIXED = F_SEAL_SHRINK | F_SEAL_GROW

# What stands where a mapping was, once its owner has let go of it.
NOTHING = memoryview(b"")
NO_WORDS = NOTHING.cast("Q")


class Segment:
    """One piece of shared memory that this process has mapped.

    Attributes:
        fd: its descriptor; -1 once closed.
        size: bytes.
        map: the mapping, until `close`. It is unmapped when it and every view of it are gone.
    """

    __slots__ = ("fd", "map", "size")

    def __init__(self, fd: int, size: int, *, writable: bool) -> None:
        """Map what `fd` refers to, and own it from here on."""
        self.fd, self.size = fd, size
        try:
            self.map = _map(fd, size, writable=writable)
        except (OSError, ValueError) as error:
            self.fd = _closed(fd)
            raise IpcError(f"cannot map {size} bytes of shared memory: {error}") from error

    @property
    def address(self) -> int:
        """Where the mapping begins in this process."""
        return int(np.frombuffer(self.map, np.uint8).ctypes.data)

    def duplicate(self) -> int:
        """A new descriptor of the segment, to hand over."""
        return os.dup(self.fd)

    def close(self) -> None:
        """Close the descriptor, and unmap as soon as nothing looks at the memory."""
        self.fd = _closed(self.fd)
        # Not `map.close()`: it refuses while something looks. The last one to go unmaps.
        with suppress(AttributeError):
            del self.map

    def __del__(self) -> None:
        # The mapping goes with its last view; the descriptor would stay for ever.
        self.fd = _closed(getattr(self, "fd", -1))


def create(size: int, *, guarded: bool) -> Segment:
    """A new segment of `size` bytes of zeros, sealed.

    Args:
        size: bytes, 1 or more.
        guarded: nobody else may write: others map it for reading only.

    Raises:
        IpcError: the system has no memory or no descriptor left.
    """
    try:
        fd = _memory_file(size)
    except OSError as error:
        raise IpcError(f"cannot create {size} bytes of shared memory: {error}") from error
    segment = Segment(fd, size, writable=True)
    if sealable():
        seal(segment.fd, guarded=guarded)
    return segment


def attach(fd: int, *, writable: bool, least: int = 1) -> Segment:
    """Map a segment that somebody else created; `fd` is ours from here on.

    Args:
        fd: its descriptor.
        writable: whether we write into it too.
        least: bytes that it must have.

    Raises:
        HandshakeError: it is no segment, it is not sealed, or it is too small.
    """
    try:
        size = _checked_size(fd, least)
    except HandshakeError:
        _closed(fd)
        raise
    try:
        return Segment(fd, size, writable=writable)
    except IpcError as error:
        raise HandshakeError(str(error)) from error


def seal(fd: int, *, guarded: bool) -> None:
    """Fix the size of a memfd, and its seals; `guarded` refuses any further writer."""
    if guarded:
        try:
            fcntl.fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)
        except OSError as error:
            # Linux before 5.1: consumers still map for reading only, of their own accord.
            if error.errno != errno.EINVAL:
                raise
    fcntl.fcntl(fd, F_ADD_SEALS, FIXED | F_SEAL_SEAL)


def sealable() -> bool:
    """Whether this system has memory files that can be sealed."""
    return sys.platform == "linux"


def _memory_file(size: int) -> int:
    if not sealable():
        # macOS: a file that has no name any more.
        with tempfile.TemporaryFile(buffering=0) as file:
            fd = os.dup(file.fileno())
    else:
        flags = MFD_CLOEXEC | MFD_ALLOW_SEALING
        try:
            fd = os.memfd_create("streamflow", flags | MFD_NOEXEC_SEAL)
        except OSError as error:
            # Linux before 6.3 does not know the flag.
            if error.errno != errno.EINVAL:
                raise
            fd = os.memfd_create("streamflow", flags)
    try:
        os.ftruncate(fd, size)
    except OSError:
        _closed(fd)
        raise
    return fd


def _checked_size(fd: int, least: int) -> int:
    try:
        size = os.fstat(fd).st_size
        seals = fcntl.fcntl(fd, F_GET_SEALS) if sealable() else FIXED
    except OSError as error:
        raise HandshakeError(f"descriptor {fd} is no shared memory: {error}") from None
    if seals & FIXED != FIXED:
        raise HandshakeError("shared memory must be sealed against shrinking and growing")
    if size < least:
        raise HandshakeError(f"shared memory must have {least} bytes or more, not {size}")
    return size


def _map(fd: int, size: int, *, writable: bool) -> mmap.mmap:
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    if sys.version_info >= (3, 13):
        # No second descriptor for the mapping's sake.
        return mmap.mmap(fd, size, mmap.MAP_SHARED, protection, trackfd=False)
    return mmap.mmap(fd, size, mmap.MAP_SHARED, protection)


def _closed(fd: int) -> int:
    # What a peer handed over may be no descriptor at all.
    with suppress(OSError):
        os.close(fd)
    return -1


class Owner(Protocol):
    """What holds descriptors and mappings that a forked child must not use."""

    def abandon(self) -> None:
        """In a forked child: close the descriptors; write nothing, ever."""
        ...


_OWNERS: WeakSet[Owner] = WeakSet()


def abandon_on_fork(owner: Owner) -> None:
    """Have `owner` abandoned in each child that this process forks.

    A child has a copy of every lease, and its words have one writer: the parent.
    """
    _OWNERS.add(owner)


def _abandon_all() -> None:
    for owner in list(_OWNERS):
        owner.abandon()
    _OWNERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
