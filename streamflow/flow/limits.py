"""Limits: how much waits, in bytes and in seconds of media."""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any

from streamflow.flow.signal import Signal
from streamflow.packet import Packet, seconds


def nbytes_of(item: Any) -> int:
    """Bytes that an item keeps in memory: exact for frames, arrays and tables.

    >>> nbytes_of(b"abc"), nbytes_of(Packet(bytes(1000)))
    (3, 1000)
    """
    if isinstance(item, Packet):
        return nbytes_of(item.value)
    nbytes = getattr(item, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    if isinstance(item, bytes | bytearray):
        return len(item)
    return sys.getsizeof(item)


class Gauge:
    """What waits on one link.

    Attributes:
        bytes: of all that waits.
    """

    def __init__(self, max_bytes: int | None, max_time: float | None) -> None:
        self._max_bytes, self._max_time = max_bytes, max_time
        self._entries: deque[tuple[int, float | None]] = deque()
        self.bytes = 0
        self._lock = threading.Lock()

    def fits(self, item: Any, nbytes: int) -> bool:
        """Whether one more item keeps within both limits."""
        if self._max_bytes is not None and self.bytes + nbytes > self._max_bytes:
            return False
        if self._max_time is None:
            return True
        first, last = self._oldest(), seconds(item)
        return first is None or last is None or last - first <= self._max_time

    def _oldest(self) -> float | None:
        with self._lock:
            return self._entries[0][1] if self._entries else None

    def add(self, item: Any, nbytes: int) -> None:
        """Count an item that was queued."""
        with self._lock:
            self.bytes += nbytes
            self._entries.append((nbytes, seconds(item)))

    def put_back(self, item: Any, nbytes: int) -> None:
        """Count an item that was put back at the front."""
        with self._lock:
            self.bytes += nbytes
            self._entries.appendleft((nbytes, seconds(item)))

    def remove(self) -> int:
        """Forget the item at the front; returns its bytes."""
        with self._lock:
            nbytes, _ = self._entries.popleft()
            self.bytes -= nbytes
        return nbytes


class Budget:
    """One bound on the bytes that wait on all links of a pipeline."""

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be 1 or more, not {max_bytes}")
        self.max_bytes = max_bytes
        self.spent = self.peak = 0
        self.freed: list[Signal] = []
        self._lock = threading.Lock()

    def fits(self, nbytes: int) -> bool:
        """Whether so many bytes more keep within the bound."""
        return self.spent + nbytes <= self.max_bytes

    def spend(self, nbytes: int) -> None:
        """Count bytes that were queued."""
        with self._lock:
            self.spent += nbytes
            self.peak = max(self.peak, self.spent)

    def refund(self, nbytes: int) -> None:
        """Count bytes that were taken; wakes senders, since any link may have been waiting."""
        with self._lock:
            self.spent -= nbytes
        for signal in self.freed:
            if signal.waiters:
                signal.wake()
