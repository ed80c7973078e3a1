"""What a producer keeps to itself: the book of its slots, and what it knows of its consumers.

A slot is free, in the producer's hands, or published. Free slots are used last
in, first out: what came back last is still in the cache. A consumer can hold a
slot back, but never give away what is not its to give: nobody else sees this.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from streamflow.ipc.layout import Policy


class Peer(Protocol):
    """What a producer knows of one consumer."""

    policy: Policy
    depth: int
    aside: int

    def close(self) -> None:
        """Close what it takes to reach it."""
        ...


AnyPeer = TypeVar("AnyPeer", bound=Peer)


class Book:
    """Which slot is where.

    Attributes:
        busy: slot of each published item that is not free again, by number, in order.
        free: slots to write into; the last is next.
        writing: slots in the producer's hands.
    """

    __slots__ = ("_back", "busy", "free", "writing")

    def __init__(self, slots: int) -> None:
        self.free = list(reversed(range(slots)))
        self.writing: set[int] = set()
        self.busy: dict[int, int] = {}
        self._back: dict[int, None] = {}

    def reserve(self) -> int:
        """A free slot, of which there is one, into the producer's hands."""
        slot = self.free.pop()
        self.writing.add(slot)
        self._back.pop(slot, None)
        return slot

    def check(self, slot: int) -> None:
        """See that a slot is in the producer's hands.

        Raises:
            ValueError: it is not.
        """
        if slot not in self.writing:
            raise ValueError(f"slot must be one that is reserved, not {slot}")

    def cancel(self, slot: int) -> None:
        """From the producer's hands, unpublished.

        Raises:
            ValueError: it is not there.
        """
        self.check(slot)
        self.writing.remove(slot)
        self.free.append(slot)

    def publish(self, seq: int, slot: int) -> None:
        """From the producer's hands, as item `seq`."""
        self.writing.remove(slot)
        self.busy[seq] = slot

    def release(self, seq: int) -> None:
        """The slot of a published item is free again."""
        slot = self.busy.pop(seq)
        self.free.append(slot)
        self._back[slot] = None

    def came_back(self) -> list[int]:
        """Slots released since the last call, and not reserved again since."""
        back = list(self._back)
        self._back.clear()
        return back
