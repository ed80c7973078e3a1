"""The producing end where descriptors go through pipes: any processor, any POSIX system.

The payload lies in shared memory; what tells of it are records in a pipe to
each consumer, and the numbers that come back. The producer holds the reading
end of each pipe too: to steal the oldest item from a slow consumer it reads the
record itself, and the kernel decides who was first.
"""

from __future__ import annotations

import os
import select
import struct

from streamflow.errors import IpcError, RingCorrupt
from streamflow.ipc import bells, pipes
from streamflow.ipc._producer import RingProducer
from streamflow.ipc.layout import LEFT, WORD, Policy

RECORD = struct.Struct("=8Q")  # seq+1, slot, length, pts, tags, 3 reserved
HELLO = struct.Struct("=3Q")  # policy, depth, first sequence number
UNSEEN = 1 << 63
"""Bit of a number that is given back: the consumer's policy has dropped the item."""
_CHUNK = 65536


class _Peer:
    """What the producer knows of one consumer.

    Attributes:
        sent: numbers of what it was sent and has not given back, oldest first;
            the last of them wait in the pipe still.
        lost: how many it never saw.
        room: so many more may wait for it, as far as was seen last.
        left: it takes no more.
        lie: what it did that it never should, for whom it may concern.
    """

    def __init__(self, number: int, policy: Policy, depth: int, aside: int, releases: int) -> None:
        self.number, self.policy, self.depth, self.aside = number, policy, depth, aside
        self.sent: dict[int, None] = {}
        self.lost, self.room, self.left, self.rest, self.lie = 0, 0, False, b"", ""
        self.fds: list[int] = []
        # Closed from the last to the first: who hears that the bell has gone finds
        # that the records have, too.
        self.bell, self.ringer = self._pipe()
        self.records, self.recorder = self._pipe()
        self.returns, self.returner = self._pipe()
        self.limit = min(depth, pipes.widen(self.recorder, depth * RECORD.size) // RECORD.size)
        if not self.limit or pipes.widen(self.returner, releases * WORD) < releases * WORD:
            self.close()
            raise IpcError(f"the pipes of this system are too small for {releases} slots")

    def _pipe(self) -> tuple[int, int]:
        try:
            ends = pipes.pair()
        except IpcError:
            self.close()
            raise
        self.fds += ends
        return ends

    def close(self) -> None:
        bells.close_all(self.fds)

    def give(self, fd: int) -> int:
        """Our descriptor is the consumer's from here on."""
        self.fds.remove(fd)
        return fd

    def waiting(self) -> int:
        """How many records it has not taken."""
        if self.lie:
            raise RingCorrupt(self.lie)
        size = pipes.waiting(self.records)
        if size % RECORD.size or size > len(self.sent) * RECORD.size:
            raise RingCorrupt(f"consumer {self.number} has left {size} bytes of its records")
        return size // RECORD.size

    def tell(self, seq: int, record: bytes) -> None:
        """Send it a record; one that has lied is found out later, as others must get theirs."""
        try:
            if self.policy is not Policy.BLOCK:
                while self.waiting() >= self.limit and self.pop() is not None:
                    pass
        except RingCorrupt as error:
            self.lie = str(error)
        # In the book first: a consumer may give back what was just written.
        self.sent[seq] = None
        self.room -= 1
        if self.lie or not pipes.push(self.recorder, record):
            del self.sent[seq]
            self.lost += 1

    def queued(self) -> set[int]:
        """The numbers of what it has not taken."""
        return set(list(self.sent)[len(self.sent) - self.waiting() :])

    def read(self) -> None:
        """Note what it has given back."""
        data = pipes.pull(self.returns, _CHUNK)
        if data is None:
            return
        if not data:
            # It has died, or closed this end last: what it held is free. What it has not
            # taken still waits, and holds the sender back until somebody detaches it.
            for seq in self.sent.keys() - self.queued():
                del self.sent[seq]
            return
        data = self.rest + data
        whole = len(data) // WORD * WORD
        self.rest = data[whole:]
        for (word,) in struct.iter_unpack("=Q", data[:whole]):
            if word == LEFT:
                self.left = True
                self.recall_all()
            else:
                self._return(word)

    def _return(self, word: int) -> None:
        seq = word & ~UNSEEN
        if seq not in self.sent:
            raise RingCorrupt(f"consumer {self.number} gave back item {seq}, not its own")
        del self.sent[seq]
        self.lost += word != seq

    def pop(self) -> int | None:
        """Take its oldest record back: the number of the item, or None if there is none left."""
        record = pipes.pull(self.records, RECORD.size)
        if not record:
            return None
        if len(record) != RECORD.size:
            raise RingCorrupt(f"consumer {self.number} has taken part of a record")
        seq = int(RECORD.unpack(record)[0]) - 1
        if self.sent.pop(seq, self) is self:
            raise RingCorrupt(f"consumer {self.number} gave item {seq} back before it took it")
        self.lost += 1
        return seq

    def recall(self, seq: int) -> None:
        """Take back all up to an item, unless it has just been taken."""
        while (popped := self.pop()) is not None and popped < seq:
            pass

    def recall_all(self) -> None:
        """Take back what it has left behind: that is not lost, as nobody waits for it."""
        lost = self.lost
        while self.pop() is not None:
            pass
        self.lost = lost


class Producer(RingProducer[_Peer]):
    """Publishes by writing records into pipes."""

    def fileno(self) -> int:
        self._check_open()
        return self._bell

    def pending(self, number: int) -> int:
        peer = self._peer(number)
        peer.read()
        return peer.waiting()

    def leased(self, number: int) -> list[int]:
        peer = self._peer(number)
        peer.read()
        # Counted before: what is taken meanwhile is not missed.
        waiting = peer.waiting()
        return list(peer.sent)[: len(peer.sent) - waiting]

    def lost(self, number: int) -> int:
        peer = self._peer(number)
        peer.read()
        return peer.lost

    def arm(self) -> bool:
        # Consumers ring always: there is no flag to set.
        self._check_open()
        return not self._room()

    def drain(self) -> None:
        self._check_open()
        pipes.empty(self._bell)

    def _open_bell(self) -> select.poll:
        self._bell, self._ringer = pipes.pair()
        return bells.poller(self._bell)

    def _close_bell(self) -> None:
        os.close(self._bell)
        os.close(self._ringer)

    def _welcome(
        self, number: int, policy: Policy, depth: int, aside: int
    ) -> tuple[_Peer, list[int]]:
        peer = _Peer(number, policy, depth, aside, self.slots + 1)
        try:
            fds = bells.duplicates((self._segment.fd, peer.records, self._ringer))
        except IpcError:
            peer.close()
            raise
        pipes.push(peer.ringer, HELLO.pack(policy, depth, self.head))
        return peer, [*fds, peer.give(peer.bell), peer.give(peer.returner)]

    def _credit(self) -> bool:
        claimed = len(self._book.writing)
        for peer in self._peers.values():
            if peer.policy is not Policy.BLOCK or peer.left or peer.room > claimed:
                continue
            peer.room = peer.limit - peer.waiting()
            if peer.room <= claimed:
                peer.read()
                if not peer.left:
                    return False
        return True

    def _look(self) -> None:
        for peer in self._peers.values():
            peer.read()
        for seq in [seq for seq in self._book.busy if not self._holders(seq)]:
            self._book.release(seq)

    def _steal(self) -> bool:
        if all(peer.policy is Policy.BLOCK for peer in self._peers.values()):
            return False
        queued = {peer.number: peer.queued() for peer in self._peers.values()}
        for seq in self._book.busy:
            holders = self._holders(seq)
            if any(
                peer.policy is Policy.BLOCK or seq not in queued[peer.number] for peer in holders
            ):
                continue
            for peer in holders:
                peer.recall(seq)
            break
        # A consumer may have been quicker: then something else was recalled, or given back.
        self._look()
        return bool(self._book.free)

    def _holders(self, seq: int) -> list[_Peer]:
        return [peer for peer in self._peers.values() if seq in peer.sent]

    def _describe(self, seq: int, slot: int, length: int, pts: int, tags: int) -> None:
        record = RECORD.pack(seq + 1, slot, length, pts, tags, 0, 0, 0)
        for peer in self._peers.values():
            if not peer.left:
                peer.tell(seq, record)

    def _announce(self) -> None:
        for peer in self._peers.values():
            pipes.push(peer.ringer, b"\1")
