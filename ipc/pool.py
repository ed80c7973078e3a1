"""Pools: memory that frames live in, lent as arrays and taken back when the last view dies.

A fresh picture of a few megabytes costs more in page faults than in writing.
A pool hands out again, last in first out, what came back: it is still mapped,
and often still in the cache.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np
import numpy.typing as npt

from streamflow.frames.memory import Block

KEPT = 4
"""Blocks of one size that a pool keeps for reuse; the rest goes back to the system."""


class PoolStatistics(NamedTuple):
    """Bytes that a pool has lent: now, and at most so far."""

    lent: int
    peak: int


class Pool:
    """Lends arrays.

    >>> pool = Pool()
    >>> array = pool.allocate((720, 1280), np.uint8)
    >>> pool.statistics().lent
    921600
    >>> del array
    >>> pool.statistics()
    PoolStatistics(lent=0, peak=921600)
    """

    def __init__(self) -> None:
        self._free: dict[int, deque[bytearray]] = {}
        self._types: dict[int, type[Block]] = {}
        # Blocks come back on whichever thread drops the last view, and a
        # finalizer may run inside any allocation: hence reentrant.
        self._lock = threading.RLock()
        self._lent = self._peak = 0

    def allocate(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """An array with whatever was in the memory before.

        Args:
            shape: dimensions, each 0 or more.
            dtype: element type; any but object.

        Raises:
            ValueError: the dtype holds Python objects, or the shape is negative.
        """
        kind = np.dtype(dtype)
        if kind.hasobject:
            raise ValueError(f"frame memory holds numbers, not {kind}")
        if any(size < 0 for size in shape):
            raise ValueError(f"shape must be 0 or more in each dimension, not {shape}")
        count = math.prod(shape)
        # NumPy's stubs do not know that a ctypes array is a buffer. No memoryview of
        # it: the block itself must be the array's base, as `lent` looks for it.
        block: Any = self._lend(count * kind.itemsize)
        memory: npt.NDArray[Any] = np.frombuffer(block, kind, count)
        return memory.reshape(shape)

    def statistics(self) -> PoolStatistics:
        """A snapshot."""
        with self._lock:
            return PoolStatistics(self._lent, self._peak)

    def _lend(self, nbytes: int) -> Block:
        with self._lock:
            free = self._free.get(nbytes)
            memory = free.pop() if free else bytearray(max(nbytes, 1))
            if nbytes not in self._types:
                body = {"_type_": Block._type_, "_length_": max(nbytes, 1)}
                self._types[nbytes] = type("Block", (Block,), body)
            self._lent += nbytes
            self._peak = max(self._peak, self._lent)
        block = self._types[nbytes].from_buffer(memory)
        finalize(block, self._take_back, nbytes, memory).atexit = False
        return block

    def _take_back(self, nbytes: int, memory: bytearray) -> None:
        with self._lock:
            self._lent -= nbytes
            free = self._free.setdefault(nbytes, deque(maxlen=KEPT))
            free.append(memory)
