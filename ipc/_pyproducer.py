"""The producing end of the ring in pure Python, for x86-64.

Two rules make it work without locks. A word has one writer, and an aligned
8-byte store is never seen half done. And whoever announces something and then
looks whether the other side has noticed puts a fence between the two.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

from streamflow.errors import IpcError, RingCorrupt
from streamflow.ipc import bells, layout
from streamflow.ipc._producer import RingProducer
from streamflow.ipc.bells import fence
from streamflow.ipc.layout import (
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
    Policy,
)
from streamflow.ipc.segment import create


class _Peer:
    """What the producer knows of one consumer."""

    __slots__ = ("aside", "bell", "control", "depth", "number", "policy", "seen", "words")

    def __init__(self, number: int, policy: Policy, depth: int, aside: int, head: int) -> None:
        self.number, self.policy, self.seen = number, policy, head
        self.depth, self.aside = depth, aside
        self.control = create(layout.PAGE, guarded=False)
        self.words = memoryview(self.control.map).cast("Q")
        self.words[CURSOR_WORD], self.words[POLICY_WORD], self.words[DEPTH_WORD] = (
            head,
            policy,
            depth,
        )
        self.bell = bells.new()

    def cursor(self, head: int) -> int:
        """How far it has come: `head` if it has closed."""
        cursor = self.words[CURSOR_WORD]
        if cursor < self.seen or (cursor > head and cursor != LEFT):
            raise RingCorrupt(
                f"consumer {self.number} says it has taken {cursor} items, "
                f"after {self.seen}, of {head}"
            )
        self.seen = cursor
        return head if cursor == LEFT else cursor

    def leased(self, head: int, leases: int) -> list[int]:
        """What stands in its lease cells: 0, or a sequence number plus 1."""
        cells = self.words[LEASE_WORD : LEASE_WORD + leases].tolist()
        if max(cells) > head:
            raise RingCorrupt(f"consumer {self.number} holds item {max(cells) - 1} of {head}")
        return cells

    def close(self) -> None:
        self.words.release()
        self.control.close()
        os.close(self.bell)


class Producer(RingProducer[_Peer]):
    """Publishes by writing into shared words that consumers watch."""

    def fileno(self) -> int:
        self._check_open()
        return self._bell

    def pending(self, number: int) -> int:
        peer = self._peer(number)
        waiting = self.head - peer.cursor(self.head)
        return waiting if peer.policy is Policy.BLOCK else min(waiting, peer.depth)

    def leased(self, number: int) -> list[int]:
        cells = self._peer(number).leased(self.head, self._shape.leases)
        return sorted(cell - 1 for cell in cells if cell)

    def lost(self, number: int) -> int:
        lost = self._peer(number).words[LOST_WORD]
        if lost > self.head:
            raise RingCorrupt(f"consumer {number} says it has lost {lost} items of {self.head}")
        return lost

    def arm(self) -> bool:
        self._check_open()
        for peer in self._peers.values():
            peer.words[PRODUCER_WAITS_WORD] = 1
        fence()
        return not self._room()

    def drain(self) -> None:
        self._check_open()
        bells.drain(self._bell)

    def _open_bell(self) -> select.poll:
        # Up to here there is credit, as far as the cursors were when last read.
        self._limit = 0
        self._bell = bells.new()
        return bells.poller(self._bell)

    def _close_bell(self) -> None:
        os.close(self._bell)

    def _welcome(
        self, number: int, policy: Policy, depth: int, aside: int
    ) -> tuple[_Peer, list[int]]:
        peer = _Peer(number, policy, depth, aside, self.head)
        try:
            own = (self._segment.fd, peer.control.fd, peer.bell, self._bell)
            return peer, bells.duplicates(own)
        except IpcError:
            peer.close()
            raise

    def _forget_credit(self) -> None:
        self._limit = 0

    def _credit(self) -> bool:
        claimed = self.head + len(self._book.writing)
        if claimed < self._limit:
            return True
        self._limit = min(
            (
                peer.cursor(self.head) + peer.depth if peer.seen != LEFT else FAR
                for peer in self._peers.values()
                if peer.policy is Policy.BLOCK
            ),
            default=FAR,
        )
        return claimed < self._limit

    def _look(self) -> None:
        if not self._book.busy:
            return
        # Cursors before leases: a consumer writes its lease before its cursor.
        low = min((peer.cursor(self.head) for peer in self._peers.values()), default=self.head)
        held = self._leases()
        for seq in [seq for seq in self._below(low) if seq + 1 not in held]:
            self._book.release(seq)

    def _steal(self) -> bool:
        blocking = [peer for peer in self._peers.values() if peer.policy is Policy.BLOCK]
        if len(blocking) == len(self._peers):
            return False
        low = min((peer.cursor(self.head) for peer in blocking), default=self.head)
        # Again, for the case that a consumer reached for each item just when we did: it found
        # them all gone, and will not reach for them twice.
        for _ in range(2):
            held = self._leases()
            for seq in self._below(low):
                if seq + 1 not in held and self._retire(seq):
                    self._book.release(seq)
                    return True
            # Or it was always quicker: then it has given back what it held before.
            self._look()
            if self._book.free:
                return True
        return False

    def _retire(self, seq: int) -> bool:
        """Take an item's number away; whether nobody has leased it before."""
        # We say "gone", then look for leases; a consumer says "leased", then
        # looks whether it is gone. With a fence in each, one of us sees it.
        at = DESCRIPTOR_WORD + (seq & self._mask) * DESCRIPTOR_WORDS
        if self._words[at] == seq + 1:
            self._words[at] = 0
        fence()
        return seq + 1 not in self._leases()

    def _leases(self) -> set[int]:
        held: set[int] = set()
        for peer in self._peers.values():
            held.update(peer.leased(self.head, self._shape.leases))
        return held

    def _below(self, low: int) -> Iterator[int]:
        for seq in self._book.busy:
            if seq >= low:
                return
            yield seq

    def _describe(self, seq: int, slot: int, length: int, pts: int, tags: int) -> None:
        words = self._words
        at = DESCRIPTOR_WORD + (seq & self._mask) * DESCRIPTOR_WORDS
        # A reader checks the first word after it has read the others: it must
        # not be seen whole while they change.
        words[at] = 0
        words[at + 1], words[at + 2], words[at + 3], words[at + 4] = slot, length, pts, tags
        words[at] = seq + 1

    def _announce(self) -> None:
        self._words[HEAD_WORD] = self.head
        fence()
        for peer in self._peers.values():
            if peer.words[CONSUMER_WAITS_WORD]:
                peer.words[CONSUMER_WAITS_WORD] = 0
                bells.ring(peer.bell)
