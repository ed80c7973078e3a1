"""What the consuming ends in Python have in common.

Nothing the producer wrote is believed: each word is read once, checked, then
used. What has been lent is given back exactly once, on whichever thread the
last look at it ends, even after the ring has been closed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Generic, TypeVar

from streamflow.errors import LinkClosed, RingCorrupt
from streamflow.ipc import bells
from streamflow.ipc.layout import FAR, Geometry, Policy
from streamflow.ipc.lease import Lease
from streamflow.ipc.segment import NO_WORDS, NOTHING, Segment, abandon_on_fork

Copied = tuple[bytes, int, int, int, int]
"""An item that was copied out: payload, pts, kind, flags, schema."""


Item = tuple[int, int, int, int, int]
"""What a descriptor tells, once checked: number, offset, length, pts, tags."""


class Side(ABC):
    """A consumer's memory and descriptors: they last until it has closed and no lease lives.

    Attributes:
        memory: the data segment, read-only.
        words: the same as u64.
        fds: closed at the end.
        free: lease cells that are empty.
    """

    def __init__(self, segment: Segment, fds: list[int], leases: int) -> None:
        self.segment, self.fds = segment, fds
        self.memory = memoryview(segment.map)
        self.words = self.memory.cast("Q")
        self.leases, self.free = leases, list(range(leases))
        self.closing = self.foreign = False
        self._right_to_end = [True]
        abandon_on_fork(self)

    def give_back(self, cell: int) -> None:
        """The slot of a lease is not looked at any more."""
        if self.foreign:
            return
        self.empty(cell)
        self.wake()
        # Last, as another thread that closes may let go of everything once it is there.
        self.free.append(cell)
        if self.closing:
            self._end()

    def leave(self) -> None:
        """The consumer has closed."""
        if self.foreign:
            return
        self.say_left()
        self.wake()
        self.closing = True
        self._end()

    def abandon(self) -> None:
        """In a forked child: the leases are the parent's."""
        self.foreign = True
        self.let_go()

    def let_go(self) -> None:
        """Drop the memory, which is unmapped with the last array over it, and the descriptors."""
        self.memory, self.words = NOTHING, NO_WORDS
        self.segment.close()
        bells.close_all(self.fds)

    @abstractmethod
    def empty(self, cell: int) -> None:
        """Say that a cell holds nothing any more."""

    @abstractmethod
    def say_left(self) -> None:
        """Say that no more will be taken."""

    @abstractmethod
    def wake(self) -> None:
        """Wake the producer if it waits: called after whatever makes room."""

    def _end(self) -> None:
        # The last lease may die on one thread while another closes: one of them ends it.
        if len(self.free) == self.leases and self._right_to_end:
            with suppress(IndexError):
                self._right_to_end.pop()
                self.let_go()


AnySide = TypeVar("AnySide", bound=Side)


class RingConsumer(ABC, Generic[AnySide]):
    """Takes items out of a ring; for one thread at a time, leases for any.

    Attributes:
        slots: how many payloads the ring has room for.
        slot_size: bytes that a payload may have.
        generation: as its producer was told.
        policy: what happens when this consumer is slow.
        lost: items that its lossy policy has dropped so far.
    """

    def __init__(self, side: AnySide, shape: Geometry, policy: Policy, depth: int) -> None:
        self._closed = False
        self._side, self._shape, self._depth = side, shape, depth
        self.slots, self.slot_size = shape.slots, shape.slot_size
        self.generation, self.policy, self.lost = shape.generation, policy, 0
        self._lossy = policy is not Policy.BLOCK
        self._bell = self._find_bell()
        self._poll = bells.poller(self._bell)

    @property
    def leases_free(self) -> int:
        """How many more leases it may hold."""
        return len(self._side.free)

    def fileno(self) -> int:
        """A descriptor that is readable when the producer has woken us."""
        self._check_open()
        return self._bell

    def segment(self) -> Segment:
        """The data segment; it is the ring's to close."""
        self._check_open()
        return self._side.segment

    @abstractmethod
    def take(self) -> Lease | None:
        """The next item, or None: nothing is there, or no lease is left.

        Raises:
            RingCorrupt: the producer has written what it never should.
        """

    @abstractmethod
    def take_batch(self, most: int) -> list[Copied]:
        """Up to `most` items, copied out: (payload, pts, kind, flags, schema) of each.

        It stops before an item of more than 4096 bytes, or with bit 0 of its
        flags set: that one is for `take`.

        Raises:
            RingCorrupt: the producer has written what it never should.
        """

    @abstractmethod
    def pending(self) -> int:
        """How many items wait.

        Raises:
            RingCorrupt: the producer has written what it never should.
        """

    @abstractmethod
    def closed(self) -> bool:
        """Whether the producer has closed and all has been taken.

        Raises:
            RingCorrupt: the producer has written what it never should.
        """

    @abstractmethod
    def arm(self) -> bool:
        """Before sleeping on `fileno`: ask to be woken; True if there is still nothing new.

        It is about the producer alone: a `take` that finds no lease is not waited for.

        Raises:
            RingCorrupt: the producer has written what it never should.
        """

    def wait(self, timeout: float) -> bool:
        """Sleep until there is something new; other threads run meanwhile.

        Args:
            timeout: seconds at most, 0 or more.

        Returns:
            Whether there may be something.

        Raises:
            RingCorrupt: the producer has written what it never should.
        """
        limit = bells.milliseconds(timeout)
        if not self.arm():
            return True
        if not self._poll.poll(limit):
            return False
        self.drain()
        return True

    @abstractmethod
    def drain(self) -> None:
        """Make `fileno` silent again."""

    def close(self) -> None:
        """Take no more; the memory goes when the last lease does."""
        if not self._closed:
            self._closed = True
            self._side.leave()

    def __del__(self) -> None:
        # The constructor may have failed before there was anything to close.
        if not getattr(self, "_closed", True):
            self.close()

    @abstractmethod
    def _find_bell(self) -> int:
        """The descriptor that the producer wakes us with."""

    def _check_open(self) -> None:
        if self._closed or self._side.foreign:
            raise LinkClosed("this ring has been closed")

    def _item(self, seq: int, slot: int, length: int, pts: int, tags: int) -> Item:
        """What a descriptor says, if it can be true."""
        if slot >= self.slots or length > self.slot_size:
            raise RingCorrupt(
                f"item {seq} has {length} bytes in slot {slot}, "
                f"of {self.slots} slots of {self.slot_size} bytes"
            )
        offset = self._shape.data_offset + slot * self._shape.stride
        return seq, offset, length, pts - 2**64 if pts >= FAR else pts, tags
