"""The consuming end of the ring in pure Python, for x86-64.

The rules that make it work without locks stand with the producing end.
"""

from __future__ import annotations

from contextlib import ExitStack

from streamflow.errors import HandshakeError, RingCorrupt
from streamflow.ipc import bells, layout
from streamflow.ipc._consumer import Copied, Item, RingConsumer, Side
from streamflow.ipc.bells import fence
from streamflow.ipc.layout import (
    CLOSED_WORD,
    CONSUMER_WAITS_WORD,
    CURSOR_WORD,
    DEPTH_WORD,
    DESCRIPTOR_WORD,
    DESCRIPTOR_WORDS,
    FAR,
    HEAD_WORD,
    LEASE_WORD,
    LEFT,
    LOST_WORD,
    POLICY_WORD,
    PRODUCER_WAITS_WORD,
    Geometry,
    Policy,
    is_alone,
    unpack_tags,
)
from streamflow.ipc.lease import Lease
from streamflow.ipc.segment import NO_WORDS, Segment, attach


class _Side(Side):
    """With the control segment: what this consumer writes stands there."""

    def __init__(self, segment: Segment, control: Segment, fds: list[int], leases: int) -> None:
        self.control_segment = control
        self.control = memoryview(control.map).cast("Q")
        self.bell, self.producers_bell, *_ = fds
        super().__init__(segment, fds, leases)

    def empty(self, cell: int) -> None:
        self.control[LEASE_WORD + cell] = 0

    def say_left(self) -> None:
        self.control[CURSOR_WORD] = LEFT

    def wake(self) -> None:
        fence()
        if self.control[PRODUCER_WAITS_WORD]:
            self.control[PRODUCER_WAITS_WORD] = 0
            bells.ring(self.producers_bell)

    def let_go(self) -> None:
        super().let_go()
        self.control = NO_WORDS
        self.control_segment.close()


class Consumer(RingConsumer[_Side]):
    """Takes by writing into words of its own that the producer watches."""

    def __init__(self, side: _Side, shape: Geometry) -> None:
        # The parent's finalizer looks at this.
        self._closed = True
        policy, depth = side.control[POLICY_WORD], side.control[DEPTH_WORD]
        cursor, head = side.control[CURSOR_WORD], side.words[HEAD_WORD]
        if policy not in {0, 1, 2} or not 1 <= depth <= shape.slots:
            raise HandshakeError(f"the ring has no policy {policy} of depth {depth}")
        if not cursor <= head < FAR:
            raise HandshakeError(f"the ring begins at item {cursor} of {head}")
        self._cursor, self._seen, self._mask = cursor, cursor, shape.ring - 1
        super().__init__(side, shape, Policy(policy), depth)

    @classmethod
    def open(cls, fds: list[int]) -> Consumer:
        """Join a ring.

        Args:
            fds: from `Producer.attach`; they are ours from here on. What comes
                after the fourth is kept open for as long as the memory is.

        Raises:
            HandshakeError: they are not what a producer hands over.
        """
        owned = list(fds)
        with ExitStack() as undo:
            undo.callback(bells.close_all, owned)
            if len(owned) < 4:
                raise HandshakeError(f"a ring is handed over with 4 descriptors, not {len(owned)}")
            for fd in owned[2:4]:
                bells.check(fd)
            segment = attach(owned.pop(0), writable=False, least=layout.DESCRIPTORS)
            undo.callback(segment.close)
            control = attach(owned.pop(0), writable=True, least=layout.PAGE)
            undo.callback(control.close)
            with memoryview(segment.map).cast("Q") as words:
                shape = layout.check(words[: layout.HEADER_WORDS].tolist(), segment.size)
            consumer = cls(_Side(segment, control, owned, shape.leases), shape)
            undo.pop_all()
        return consumer

    def take(self) -> Lease | None:
        head, side = self._head(), self._side
        if self._cursor == head or not side.free:
            return None
        self._skip(head)
        cell = side.free.pop()
        try:
            item = self._claim(head, cell)
        except RingCorrupt:
            side.give_back(cell)
            raise
        if item is None:
            side.give_back(cell)
            return None
        return Lease(side, cell, item)

    def take_batch(self, most: int) -> list[Copied]:
        head, items = self._head(), list[Copied]()
        if self._cursor == head or most < 1:
            return items
        self._skip(head)
        seq, words, memory = self._cursor, self._side.words, self._side.memory
        while seq < head and len(items) < most:
            item = self._descriptor(seq)
            if item is not None:
                _, offset, length, pts, tags = item
                if is_alone(length, tags):
                    break
                payload = bytes(memory[offset : offset + length])
                # A slot that was stolen meanwhile has lost its number first.
                if words[DESCRIPTOR_WORD + (seq & self._mask) * DESCRIPTOR_WORDS] == seq + 1:
                    items.append((payload, pts, *unpack_tags(tags)))
                else:
                    self.lost += 1
            seq += 1
        self._advance(seq)
        return items

    def pending(self) -> int:
        waiting = self._head() - self._cursor
        return min(waiting, self._depth) if self._lossy else waiting

    def closed(self) -> bool:
        self._check_open()
        closed = self._side.words[CLOSED_WORD]
        if not closed:
            return False
        head = self._head()
        if closed != head + 1:
            raise RingCorrupt(f"the ring was closed at item {closed - 1}, but has come to {head}")
        return self._cursor == head

    def arm(self) -> bool:
        self._check_open()
        control = self._side.control
        control[CONSUMER_WAITS_WORD] = 1
        fence()
        if self._head() == self._cursor and not self.closed():
            return True
        control[CONSUMER_WAITS_WORD] = 0
        return False

    def drain(self) -> None:
        self._check_open()
        bells.drain(self._bell)

    def _find_bell(self) -> int:
        return self._side.bell

    def _head(self) -> int:
        if self._closed or self._side.foreign:
            self._check_open()
        head = self._side.words[HEAD_WORD]
        if not self._seen <= head < FAR or (not self._lossy and head - self._cursor > self.slots):
            raise RingCorrupt(
                f"the ring has come to item {head}, after {self._seen}; "
                f"{self._cursor} were taken of {self.slots} slots"
            )
        self._seen = head
        return head

    def _skip(self, head: int) -> None:
        """The policy drops what is too old, before anything is looked at."""
        if self._lossy and head - self._cursor > self._depth:
            self.lost += head - self._depth - self._cursor
            self._cursor = head - self._depth

    def _descriptor(self, seq: int) -> Item | None:
        """What is told of an item; None, and counted, if it is lost."""
        words = self._side.words
        at = DESCRIPTOR_WORD + (seq & self._mask) * DESCRIPTOR_WORDS
        slot, length, pts, tags = words[at + 1 : at + 5].tolist()
        # After the others: it is taken away before any of them changes.
        if (number := words[at]) != seq + 1:
            if not self._lossy:
                raise RingCorrupt(f"item {seq} was expected, but {number - 1} is there")
            self.lost += 1
            return None
        return self._item(seq, slot, length, pts, tags)

    def _claim(self, head: int, cell: int) -> Item | None:
        """Lease the first item that is still there, with an empty cell."""
        side = self._side
        for seq in range(self._cursor, head):
            side.control[LEASE_WORD + cell] = seq + 1
            if self._lossy:
                # The lease first, then the look whether it came too late.
                fence()
            item = self._descriptor(seq)
            if item is not None:
                self._advance(seq + 1)
                return item
        self._advance(head)
        return None

    def _advance(self, cursor: int) -> None:
        self._cursor = cursor
        side = self._side
        if self._lossy:
            side.control[LOST_WORD] = self.lost
        side.control[CURSOR_WORD] = cursor
        side.wake()
