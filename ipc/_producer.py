"""What the producing ends in Python have in common.

Payloads go into slots of one shared segment; how consumers learn of them, and
how the producer learns what they have finished with, differs.
"""

from __future__ import annotations

import select
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, cast

from streamflow.errors import LinkClosed
from streamflow.ipc import bells, layout
from streamflow.ipc._book import AnyPeer, Book
from streamflow.ipc.layout import CLOSED_WORD, Policy, pack_pts, pack_tags
from streamflow.ipc.segment import NO_WORDS, NOTHING, Segment, abandon_on_fork, create

if TYPE_CHECKING:
    from streamflow.ipc._api import Payload


class RingProducer(ABC, Generic[AnyPeer]):
    """Writes items into slots for any number of consumers; for one thread at a time.

    Attributes:
        slots: how many payloads there is room for.
        slot_size: bytes that a payload may have.
        generation: as given.
        head: sequence number of the next item.
    """

    def __init__(self, slots: int, slot_size: int, *, leases: int = 8, generation: int = 0) -> None:
        self._closed = True
        shape = layout.plan(slots, slot_size, leases, generation)
        self.slots, self.slot_size, self.generation, self.head = slots, slot_size, generation, 0
        self._shape, self._mask = shape, shape.ring - 1
        self._hot = shape.stride >= layout.HOT
        self._segment = create(shape.total, guarded=True)
        self._memory = memoryview(self._segment.map)
        self._words = self._memory.cast("Q")
        for index, word in enumerate(shape.header()):
            self._words[index] = word
        self._peers: dict[int, AnyPeer] = {}
        self._joined = 0
        self._book = Book(slots)
        self._poll = self._open_bell()
        self._closed = False
        abandon_on_fork(self)

    def segment(self) -> Segment:
        """The data segment; it is the ring's to close."""
        self._check_open()
        return self._segment

    @abstractmethod
    def fileno(self) -> int:
        """A descriptor that is readable when a consumer has woken us."""

    def attach(
        self, policy: Policy = Policy.BLOCK, depth: int | None = None
    ) -> tuple[int, list[int]]:
        """Let one more consumer join; its first item is the next one.

        Args:
            policy: what happens when it is slow.
            depth: how many items may wait for it. None: for BLOCK all that the
                slots leave room for; for DROP_OLDEST as many as there happen to be.

        Returns:
            The consumer's number, and the descriptors that it needs for
            `Consumer.open`: the caller sends them, then closes them.

        Raises:
            ValueError: there are too few slots, or 16 consumers already.
            IpcError: the system has no memory or no descriptor left.
        """
        self._check_open()
        if len(self._peers) == layout.MAX_CONSUMERS:
            raise ValueError(f"a ring has {layout.MAX_CONSUMERS} consumers at most")
        taken = sum(peer.aside for peer in self._peers.values())
        told, aside = layout.share(self._shape, Policy(policy), depth, taken)
        number = self._joined
        self._peers[number], fds = self._welcome(number, Policy(policy), told, aside)
        self._joined += 1
        self._forget_credit()
        return number, fds

    def detach(self, number: int) -> None:
        """Forget a consumer that has died or left: what it has not taken or holds counts no more.

        Raises:
            ValueError: there never was one of that number.
        """
        self._check_open()
        if not 0 <= number < self._joined:
            raise ValueError(f"number must be that of a consumer, not {number}")
        peer = self._peers.pop(number, None)
        if peer is not None:
            peer.close()
            self._forget_credit()

    def memory(self, slot: int) -> memoryview:
        """The bytes of a slot: writable, `slot_size` of them.

        Raises:
            ValueError: there is no such slot.
        """
        self._check_open()
        if not 0 <= slot < self.slots:
            raise ValueError(f"slot must be 0 to {self.slots - 1}, not {slot}")
        start = self._shape.data_offset + slot * self._shape.stride
        return self._memory[start : start + self.slot_size]

    def reserve(self) -> int:
        """A slot to write into, the one last used if it is free; -1 if there is none yet.

        Raises:
            RingCorrupt: a consumer has written what it never should.
        """
        if self._closed:
            self._check_open()
        if not self._room():
            return -1
        return self._book.reserve()

    def cancel(self, slot: int) -> None:
        """Give back a slot that was reserved, unsent.

        Raises:
            ValueError: it is not reserved.
        """
        self._check_open()
        self._book.cancel(slot)

    def commit(
        self, slot: int, length: int, pts: int = 0, kind: int = 0, flags: int = 0, schema: int = 0
    ) -> int:
        """Publish a slot that was reserved, and wake who waits; its sequence number.

        Args:
            slot: from `reserve`.
            length: bytes of it that count, from its beginning.
            pts: -2**63 to 2**63 - 1.
            kind: 0 to 65535.
            flags: 0 to 65535.
            schema: 0 to 2**32 - 1.

        Raises:
            ValueError: a number is out of its range, or the slot is not reserved.
        """
        self._check_open()
        self._book.check(slot)
        if not 0 <= length <= self.slot_size:
            raise ValueError(f"length must be 0 to {self.slot_size}, not {length}")
        self._publish(slot, length, pack_pts(pts), pack_tags(kind, flags, schema))
        self._announce()
        return self.head - 1

    def send(
        self, payload: Payload, pts: int = 0, kind: int = 0, flags: int = 0, schema: int = 0
    ) -> int:
        """Copy a payload into a slot and publish it; its number, or -1 if there is no slot yet.

        Raises:
            ValueError: it is larger than a slot, or a number is out of its range.
            RingCorrupt: a consumer has written what it never should.
        """
        if not self._copy_in(payload, pack_pts(pts), pack_tags(kind, flags, schema)):
            return -1
        self._announce()
        return self.head - 1

    def send_batch(
        self,
        payloads: Sequence[Payload],
        kind: int = 0,
        flags: int = 0,
        schema: int = 0,
        pts: Sequence[int] | None = None,
    ) -> int:
        """Send as many as there is room for, at one go; how many went.

        Args:
            payloads: one item each.
            kind: of all of them.
            flags: of all of them.
            schema: of all of them.
            pts: of each; None for 0.

        Raises:
            ValueError: one is larger than a slot (those before it have been
                sent), or there are not as many pts as payloads.
            RingCorrupt: a consumer has written what it never should.
        """
        self._check_open()
        tags, sent = pack_tags(kind, flags, schema), 0
        stamps = [0] * len(payloads) if pts is None else [pack_pts(stamp) for stamp in pts]
        if len(stamps) != len(payloads):
            raise ValueError(f"pts must be {len(payloads)} numbers, not {len(stamps)}")
        try:
            for payload, stamp in zip(payloads, stamps, strict=True):
                if not self._copy_in(payload, stamp, tags):
                    break
                sent += 1
        finally:
            if sent:
                self._announce()
        return sent

    @abstractmethod
    def pending(self, number: int) -> int:
        """How many items consumer `number` has not taken, and still can.

        Raises:
            ValueError: there is no such consumer.
            RingCorrupt: it has written what it never should.
        """

    @abstractmethod
    def leased(self, number: int) -> list[int]:
        """The sequence numbers of what consumer `number` holds, in order.

        Raises:
            ValueError: there is no such consumer.
            RingCorrupt: it has written what it never should.
        """

    @abstractmethod
    def lost(self, number: int) -> int:
        """How many items the lossy policy of consumer `number` has dropped so far.

        Raises:
            ValueError: there is no such consumer.
            RingCorrupt: it has written what it never should.
        """

    def holds(self, slot: int) -> bool:
        """Whether a slot is published or leased still.

        Raises:
            RingCorrupt: a consumer has written what it never should.
        """
        self._check_open()
        self._look()
        return slot in self._book.busy.values()

    def reclaim(self) -> list[int]:
        """The slots that came back since the last call, and were not reserved again since.

        Raises:
            RingCorrupt: a consumer has written what it never should.
        """
        self._check_open()
        self._look()
        return self._book.came_back()

    @abstractmethod
    def arm(self) -> bool:
        """Before sleeping on `fileno`: ask to be woken; True if there is still no room.

        Whatever it returns, the next that comes back wakes us.

        Raises:
            RingCorrupt: a consumer has written what it never should.
        """

    def wait(self, timeout: float) -> bool:
        """Sleep until a consumer makes room; other threads run meanwhile.

        Args:
            timeout: seconds at most, 0 or more.

        Returns:
            Whether there may be room.

        Raises:
            RingCorrupt: a consumer has written what it never should.
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
        """Say that no more will come, and let go; consumers finish what is there."""
        if not self._closed:
            self._words[CLOSED_WORD] = self.head + 1
            self._announce()
            self.abandon()

    def abandon(self) -> None:
        """In a forked child, or last: close the descriptors, write nothing."""
        if self._closed:
            return
        self._closed = True
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()
        self._memory, self._words = NOTHING, NO_WORDS
        self._segment.close()
        self._close_bell()

    def __del__(self) -> None:
        # The constructor may have failed before there was anything to close.
        if not getattr(self, "_closed", True):
            self.close()

    @abstractmethod
    def _open_bell(self) -> select.poll:
        """Make what consumers wake us with, and what to sleep on it with."""

    @abstractmethod
    def _close_bell(self) -> None:
        """Close it."""

    @abstractmethod
    def _welcome(
        self, number: int, policy: Policy, depth: int, aside: int
    ) -> tuple[AnyPeer, list[int]]:
        """A new consumer, and the descriptors to hand to it."""

    def _forget_credit(self) -> None:
        """Consumers have come or gone."""

    @abstractmethod
    def _credit(self) -> bool:
        """Whether each BLOCK consumer lets one more item wait."""

    @abstractmethod
    def _look(self) -> None:
        """Take back what every consumer is past and none holds."""

    @abstractmethod
    def _steal(self) -> bool:
        """Take back the oldest that only lossy consumers still could take; whether one was."""

    @abstractmethod
    def _describe(self, seq: int, slot: int, length: int, pts: int, tags: int) -> None:
        """Write the descriptor of an item."""

    @abstractmethod
    def _announce(self) -> None:
        """Let consumers see what has been described, and wake those that wait."""

    def _check_open(self) -> None:
        if self._closed:
            raise LinkClosed("this ring has been closed")

    def _peer(self, number: int) -> AnyPeer:
        self._check_open()
        peer = self._peers.get(number)
        if peer is None:
            raise ValueError(f"number must be that of a consumer, not {number}")
        return peer

    def _room(self) -> bool:
        # What came back last is still in the cache: look before reaching for a
        # slot that has not been used for long.
        book = self._book
        if self._hot and book.busy:
            self._look()
        if not self._credit():
            return False
        if not book.free:
            self._look()
        return bool(book.free) or self._steal()

    def _copy_in(self, payload: Payload, pts: int, tags: int) -> bool:
        if type(payload) is bytes:
            data: bytes | memoryview = payload
        else:
            # As in `Payload`: the stubs know no better before Python 3.12.
            view = memoryview(cast("bytes", payload))
            # Fails here, with nothing reserved yet, for what is not contiguous.
            data = view.cast("B") if view.nbytes else b""
        length = len(data)
        if length > self.slot_size:
            raise ValueError(f"a payload must have {self.slot_size} bytes or less, not {length}")
        slot = self.reserve()
        if slot < 0:
            return False
        start = self._shape.data_offset + slot * self._shape.stride
        self._memory[start : start + length] = data
        self._publish(slot, length, pts, tags)
        return True

    def _publish(self, slot: int, length: int, pts: int, tags: int) -> None:
        self._describe(self.head, slot, length, pts, tags)
        self._book.publish(self.head, slot)
        self.head += 1
