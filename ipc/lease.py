"""Leases: slots lent to a consumer, given back when the last look at them is gone.

What lends keeps the slot while the `Lease` lives, and while any array lives
that was made of it. Each such array is a root of its own, made fresh: NumPy
lets a view refer to the root it came from, so a root dies only after its
slices, its memoryviews and whatever other libraries built upon it.
"""

from __future__ import annotations

from typing import Any, Protocol
from weakref import ref

import numpy as np
import numpy.typing as npt

from streamflow.errors import IpcError


class Home(Protocol):
    """Where a slot comes from, and goes back to."""

    memory: memoryview

    def give_back(self, cell: int) -> None:
        """Take cell number `cell` back; called once for each lease, on any thread."""
        ...


class Lease:
    """One item that a consumer has taken, in the memory that the producer wrote.

    Attributes:
        seq: its number, from 0 on.
        length: bytes of its payload.
        pts: in whatever unit the two sides agreed upon.
        kind: what the payload is; likewise.
        flags: likewise.
        schema: likewise.
    """

    __slots__ = ("_hold", "_offset", "flags", "kind", "length", "pts", "schema", "seq")

    def __init__(self, home: Home, cell: int, item: tuple[int, int, int, int, int]) -> None:
        """Lend cell `cell` of `home`: an item's number, offset in memory, length, pts and tags."""
        self._hold: _Hold | None = _Hold(home, cell)
        self.seq, self._offset, self.length, self.pts, tags = item
        self.kind, self.flags, self.schema = tags & 0xFFFF, tags >> 16 & 0xFFFF, tags >> 32

    def array(self) -> npt.NDArray[np.uint8]:
        """The payload itself: uint8, shape (length,), read-only for good.

        Raises:
            IpcError: the lease has been released.
        """
        hold = self._held()
        root = np.frombuffer(hold.home.memory, np.uint8, self.length, self._offset)
        _tie(root, hold)
        return root

    def adopt(self, array: npt.NDArray[Any]) -> None:
        """Keep the slot while `array` lives, too.

        Args:
            array: a root, made for this lease: of a view it would be the view
                alone that counts, not what was made of it.

        Raises:
            IpcError: the lease has been released.
        """
        _tie(array, self._held())

    def release(self) -> None:
        """Give the slot back now.

        Raises:
            BufferError: arrays of it live still.
        """
        if self._hold is not None and self._hold.ties:
            raise BufferError(
                f"item {self.seq} cannot be released: {len(self._hold.ties)} arrays of it live"
            )
        self._hold = None

    def _held(self) -> _Hold:
        if self._hold is None:
            raise IpcError(f"item {self.seq} has been released")
        return self._hold


class _Hold:
    """What the lease and all its arrays refer to: when it dies, the slot goes back."""

    __slots__ = ("cell", "home", "ties")

    def __init__(self, home: Home, cell: int) -> None:
        self.home, self.cell = home, cell
        # Ids of the ties that live. Adding and discarding are atomic.
        self.ties: set[int] = set()

    def __del__(self) -> None:
        self.home.give_back(self.cell)


class _Tie(ref[Any]):
    """From an array to the hold that it lives on."""

    __slots__ = ("hold",)

    hold: _Hold


# Ties stand here, not in the hold: in a cycle with it they would be collected
# together, and then no callback runs.
_TIES: dict[int, _Tie] = {}


def _tie(array: npt.NDArray[Any], hold: _Hold) -> None:
    tie = _Tie(array, _untie)
    tie.hold = hold
    hold.ties.add(id(tie))
    _TIES[id(tie)] = tie


def _untie(tie: ref[Any]) -> None:
    dead = _TIES.pop(id(tie))
    dead.hold.ties.discard(id(tie))
