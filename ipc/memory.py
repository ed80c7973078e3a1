"""Memory: the shared segments that this process has mapped, by address.

An array that lies in one of them need not be copied to cross to another
process: the segment, an offset and strides say where it is. A segment is known
from when it is entered here until its mapping dies; nobody has to strike it off.
"""

from __future__ import annotations

import mmap
import os
import secrets
import threading
from bisect import bisect_right
from ctypes import c_void_p
from operator import attrgetter
from typing import Any
from weakref import finalize, ref

import numpy as np
import numpy.typing as npt

from streamflow.errors import IpcError
from streamflow.ipc import segment as segments
from streamflow.ipc.segment import Segment

Array = npt.NDArray[Any]

ID_BYTES = 16


class Memory:
    """One shared segment, mapped.

    It does not keep the mapping alive (what lies in it does), unless this
    process attached it to read what others write: see `attach`.

    Attributes:
        id: 16 random bytes, the same in every process that knows it.
        fd: a descriptor to hand over; -1 once the mapping is gone.
        start: address of its first byte in this process.
        end: address behind its last byte.
        size: bytes.
        writable: whether this process may write into it.
    """

    __slots__ = (
        "__weakref__",
        "_mapping",
        "_pin",
        "_pins",
        "end",
        "fd",
        "id",
        "size",
        "start",
        "writable",
    )

    def __init__(self, fd: int, mapping: mmap.mmap, id: bytes) -> None:
        """Of a mapping and its descriptor, which is ours from here on."""
        view = np.frombuffer(mapping, np.uint8)
        self.fd, self.id, self.size = fd, id, view.nbytes
        self.start, self.writable = address(view), view.flags.writeable
        self.end = self.start + self.size
        self._mapping = ref(mapping)
        self._pin: mmap.mmap | None = None
        self._pins = 0
        finalize(mapping, self._forget).atexit = False

    @property
    def alive(self) -> bool:
        """Whether it is mapped still."""
        mapping = self._mapping()
        return mapping is not None and not mapping.closed

    def array(self, offset: int, length: int) -> npt.NDArray[np.uint8]:
        """A fresh root array over some of its bytes; that keeps it mapped.

        Raises:
            IpcError: it is mapped no more.
            ValueError: the bytes are not within it.
        """
        mapping = self._mapping()
        if mapping is None or mapping.closed:
            raise IpcError("this shared memory is not mapped any more")
        if not 0 <= offset <= offset + length <= self.size:
            raise ValueError(
                f"bytes {offset} to {offset + length} are not within shared memory of {self.size}"
            )
        return np.frombuffer(mapping, np.uint8, length, offset)

    def close(self) -> None:
        """Undo one `attach`. While something looks at the memory, it stays mapped."""
        with _lock:
            self._pins = max(self._pins - 1, 0)
            if not self._pins:
                self._pin = None

    def _forget(self) -> None:
        # A dying mapping may call this inside any allocation, on any thread, with the
        # lock held: it takes none. The next one to be added sweeps the list.
        fd, self.fd = self.fd, -1
        os.close(fd)


class _Directory:
    """What is known, by address.

    A snapshot is never changed, only replaced: finding takes no lock.
    """

    def __init__(self) -> None:
        self.snapshot: tuple[list[int], list[Memory]] = ([], [])

    def add(self, memory: Memory) -> None:
        """Enter a memory, and sweep out the dead; under the lock."""
        living = [known for known in self.snapshot[1] if known.alive]
        living = sorted([*living, memory], key=attrgetter("start"))
        self.snapshot = [known.start for known in living], living


_directory = _Directory()
_lock = threading.Lock()


def of(segment: Segment, id: bytes | None = None) -> Memory:
    """The memory that a segment is; arrays in it are found from here on.

    Args:
        segment: it may be closed afterwards; the descriptor is duplicated.
        id: what others call it; None makes a new one up.
    """
    with _lock:
        found = find(np.frombuffer(segment.map, np.uint8))
        return found[0] if found else _enter(segment, id or secrets.token_bytes(ID_BYTES))


def attach(fd: int, id: bytes) -> Memory:
    """Map the memory of another process, for reading; `fd` is ours from here on.

    It stays mapped until `Memory.close` has been called as often as this. What
    is known by this id, and is the same file, is not mapped a second time.

    Raises:
        HandshakeError: it is no sealed shared memory.
    """
    with _lock:
        memory = _twin(fd, id)
        mapping = memory._mapping() if memory else None
        if memory is None or mapping is None:
            segment = segments.attach(fd, writable=False)
            memory, mapping = _enter(segment, id), segment.map
        else:
            os.close(fd)
        memory._pin = mapping
        memory._pins += 1
        return memory


def find(array: Array) -> tuple[Memory, int] | None:
    """The memory in which an array lies, and the offset of its first element in there.

    >>> find(np.zeros(4)) is None
    True
    """
    starts, memories = _directory.snapshot
    if not starts:
        return None
    where = address(array)
    index = bisect_right(starts, where) - 1
    if index < 0:
        return None
    memory = memories[index]
    # An array keeps alive what it looks at. So if the mapping is alive, the array is
    # in it; if it is dead, its addresses may be anybody's.
    return (memory, where - memory.start) if where < memory.end and memory.alive else None


def _enter(segment: Segment, id: bytes) -> Memory:
    memory = Memory(segment.duplicate(), segment.map, id)
    _directory.add(memory)
    return memory


def _twin(fd: int, id: bytes) -> Memory | None:
    """What we have mapped already, if the descriptor is of the same file and has its name."""
    for known in _directory.snapshot[1]:
        if known.id == id and known.alive and os.path.sameopenfile(known.fd, fd):
            return known
    return None


def _slow_address(array: Array) -> int:
    pointer: int = array.__array_interface__["data"][0]
    return pointer


def _fast_address(array: Array) -> int:
    # `PyArrayObject.data` is its first field, behind the object's header.
    return _pointer_at(id(array) + _HEADER).value or 0


_HEADER = object.__basicsize__
_pointer_at = c_void_p.from_address
_sample = np.zeros(8)[3:]
_works = _fast_address(_sample) == _slow_address(_sample)

address = _fast_address if _works else _slow_address
"""Where the first element of an array lies. The official way takes ten times as long."""
