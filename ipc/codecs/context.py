"""What codecs know of the link that they write for, or read from.

Numbers stand for schemas and memories, which were announced beside the
payloads. What a peer says of a memory is checked against its bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.errors import IpcError, RingCorrupt
from streamflow.frames.memory import read_only
from streamflow.ipc.backend import Lease
from streamflow.ipc.memory import Memory, find
from streamflow.ipc.shared import Frame, SharedPool

Array = npt.NDArray[Any]


class Extents(NamedTuple):
    """Some arrays, whatever memory they lie in.

    Attributes:
        shapes: their shapes.
        strides: their strides, in bytes.
        lows: their first bytes, each from its first element on: 0 or less.
        highs: the bytes behind their last ones.
    """

    shapes: Sequence[tuple[int, ...]]
    strides: Sequence[tuple[int, ...]]
    lows: Sequence[int]
    highs: Sequence[int]

    @classmethod
    def of(
        cls, shapes: Sequence[tuple[int, ...]], strides: Sequence[tuple[int, ...]], itemsize: int
    ) -> Extents:
        """Those of arrays with these shapes and strides.

        >>> Extents.of([(2, 3)], [(-10, 1)], 1)[2:]
        ([-10], [3])
        """
        lows: list[int] = []
        highs: list[int] = []
        for shape, steps in zip(shapes, strides, strict=True):
            reaches = [(count - 1) * step for count, step in zip(shape, steps, strict=True)]
            low = sum(reach for reach in reaches if reach < 0)
            empty = 0 in shape
            lows.append(0 if empty else low)
            highs.append(0 if empty else sum(reaches) - low + itemsize)
        return cls(shapes, strides, lows, highs)


class Outgoing:
    """The side that writes.

    Args:
        announce_schema: tells readers of a schema, and numbers it.
        announce_memory: tells them of a memory, and numbers it; None if nothing is
            to be referred to.
        pool: where frames are shared that do not lie in shared memory; None: they
            are written into the slots.
    """

    def __init__(
        self,
        announce_schema: Callable[[bytes], int],
        announce_memory: Callable[[Memory], int] | None,
        pool: SharedPool | None,
    ) -> None:
        self.announce_schema = announce_schema
        self._announce_memory = announce_memory
        self._pool = pool if announce_memory is not None else None

    def share(self, frame: Frame) -> Frame:
        """The frame in shared memory, if there is a pool for that."""
        return frame if self._pool is None else self._pool.share(frame)

    def locate(self, arrays: Sequence[Array]) -> list[tuple[int, int]] | None:
        """Each array's memory, by number, and offset; None unless all can be referred to."""
        if self._announce_memory is None:
            return None
        places: list[tuple[int, int]] = []
        memory, number = None, 0
        for array in arrays:
            found = find(array)
            if found is None:
                return None
            if found[0] is not memory:
                memory = found[0]
                number = self._announce_memory(memory)
            places.append((number, found[1]))
        return places


class Incoming:
    """The side that reads.

    Args:
        schema: the schema of a number; LookupError if there is none.
        memory: the memory of a number; LookupError if there is none.
        trusted: whether the sender may have us run code: a pickle can.
    """

    def __init__(
        self, schema: Callable[[int], bytes], memory: Callable[[int], Memory], *, trusted: bool
    ) -> None:
        self._schema, self._memory, self.trusted = schema, memory, trusted

    def schema(self, number: int) -> bytes:
        """The schema of a number.

        Raises:
            RingCorrupt: there is none.
        """
        try:
            return self._schema(number)
        except LookupError:
            raise RingCorrupt(f"an item names schema {number}, which was not announced") from None

    def borrow(
        self, number: int, low: int, high: int, lease: Lease | None
    ) -> npt.NDArray[np.uint8]:
        """A fresh root over bytes ``low`` to ``high`` of a memory; the lease lasts while it lives.

        Raises:
            RingCorrupt: there is no such memory, or the bytes are not within it.
            IpcError: there is no lease, so nobody knows how long the bytes stay.
        """
        if lease is None:
            raise IpcError("an item that refers to shared memory cannot be read without a lease")
        try:
            memory = self._memory(number)
        except LookupError:
            raise RingCorrupt(f"an item names memory {number}, which was not announced") from None
        if not 0 <= low <= high <= memory.size:
            raise RingCorrupt(
                f"an item refers to bytes {low} to {high} of a memory that has {memory.size}"
            )
        root = memory.array(low, high - low)
        if memory.writable:  # it is our own, come back
            root.flags.writeable = False
        lease.adopt(root)
        return root

    def arrays(
        self,
        numbers: Sequence[int],
        offsets: Sequence[int],
        extents: Extents,
        dtype: np.dtype[Any],
        lease: Lease | None,
        *,
        copy: bool,
    ) -> tuple[Array, ...]:
        """Read-only arrays over memories, or copies of what is there.

        Args:
            numbers: of the memories.
            offsets: of the first elements in them.
            extents: the arrays.
            dtype: of them all.
            lease: lasts while one of them lives.
            copy: whether they are copies.

        Raises:
            RingCorrupt: one of them is not within its memory.
        """
        if numbers.count(numbers[0]) < len(numbers):
            return self._scattered(numbers, offsets, extents, dtype, lease, copy=copy)
        low, high = min(map(add, offsets, extents.lows)), max(map(add, offsets, extents.highs))
        # One root for all of them: each has its price, for the lease hangs on it.
        root = self.borrow(numbers[0], low, high, lease)
        made = [
            np.ndarray(shape, dtype, root, offset - low, strides)
            for shape, strides, offset in zip(*extents[:2], offsets, strict=True)
        ]
        return tuple([read_only(array.copy()) for array in made] if copy else made)

    def _scattered(
        self,
        numbers: Sequence[int],
        offsets: Sequence[int],
        extents: Extents,
        dtype: np.dtype[Any],
        lease: Lease | None,
        *,
        copy: bool,
    ) -> tuple[Array, ...]:
        made: list[Array] = []
        for index, number in enumerate(numbers):
            one = slice(index, index + 1)
            extent = Extents(
                extents.shapes[one], extents.strides[one], extents.lows[one], extents.highs[one]
            )
            made += self.arrays((number,), offsets[one], extent, dtype, lease, copy=copy)
        return tuple(made)
