"""The consuming end where descriptors come through a pipe.

What has been read from the pipe is ours until we give it back.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import struct
from contextlib import ExitStack

from streamflow.errors import HandshakeError, RingCorrupt
from streamflow.ipc import bells, layout, pipes
from streamflow.ipc._consumer import Copied, Item, RingConsumer, Side
from streamflow.ipc._socketproducer import HELLO, RECORD, UNSEEN
from streamflow.ipc.layout import CLOSED_WORD, FAR, LEFT, Geometry, Policy, is_alone, unpack_tags
from streamflow.ipc.lease import Lease
from streamflow.ipc.segment import Segment, attach

# Of the four pipes: records, the producer's bell, ours, returns.
_MODES = (os.O_RDONLY, os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)
_WORD = struct.Struct("=Q")
_CHUNK = pipes.RECORD_LIMIT // _WORD.size


class _Side(Side):
    """With the pipe that numbers are given back through.

    Attributes:
        held: number of the item that each leased cell stands for.
    """

    def __init__(self, segment: Segment, fds: list[int], leases: int) -> None:
        self.records, self.producers_bell, self.bell, self.returns, *_ = fds
        self.held: dict[int, int] = {}
        super().__init__(segment, fds, leases)

    def empty(self, cell: int) -> None:
        self.say(self.held.pop(cell))

    def say_left(self) -> None:
        self.say(LEFT)

    def say(self, *words: int) -> None:
        # The pipe has room for the numbers of all that the ring can ever lend.
        for first in range(0, len(words), _CHUNK):
            pipes.push(self.returns, b"".join(map(_WORD.pack, words[first : first + _CHUNK])))

    def wake(self) -> None:
        pipes.push(self.producers_bell, b"\1")


class Consumer(RingConsumer[_Side]):
    """Takes by reading records from a pipe."""

    def __init__(self, side: _Side, shape: Geometry, hello: bytes) -> None:
        # The parent's finalizer looks at this.
        self._closed = True
        if len(hello) != HELLO.size:
            raise HandshakeError("the ring does not say how it begins")
        policy, depth, first = HELLO.unpack(hello)
        if policy not in {0, 1, 2} or not 1 <= depth <= shape.slots or first >= FAR:
            raise HandshakeError(
                f"the ring has no policy {policy} of depth {depth} from item {first} on"
            )
        self._next: int = first
        # Read from the pipe, but not taken yet: a batch has stopped before it.
        self._kept: Item | None = None
        self._records = bells.poller(side.records)
        super().__init__(side, shape, Policy(policy), depth)

    @classmethod
    def open(cls, fds: list[int]) -> Consumer:
        """Join a ring.

        Args:
            fds: from `Producer.attach`; they are ours from here on. What comes
                after the fifth is kept open for as long as the memory is.

        Raises:
            HandshakeError: they are not what a producer hands over.
        """
        owned = list(fds)
        with ExitStack() as undo:
            undo.callback(bells.close_all, owned)
            if len(owned) < 5:
                raise HandshakeError(f"a ring is handed over with 5 descriptors, not {len(owned)}")
            for fd, mode in zip(owned[1:5], _MODES, strict=True):
                _check_pipe(fd, mode)
            segment = attach(owned.pop(0), writable=False, least=layout.DESCRIPTORS)
            undo.callback(segment.close)
            with memoryview(segment.map).cast("Q") as words:
                shape = layout.check(words[: layout.HEADER_WORDS].tolist(), segment.size)
            side = _Side(segment, owned, shape.leases)
            consumer = cls(side, shape, pipes.pull(side.bell, HELLO.size) or b"")
            undo.pop_all()
        return consumer

    def take(self) -> Lease | None:
        self._check_open()
        side = self._side
        if not side.free or (item := self._next_item()) is None:
            return None
        cell = side.free.pop()
        side.held[cell] = item[0]
        # Less waits now: a producer without credit wants to know.
        side.wake()
        return Lease(side, cell, item)

    def take_batch(self, most: int) -> list[Copied]:
        self._check_open()
        items: list[Copied] = []
        numbers: list[int] = []
        memory = self._side.memory
        while len(items) < most and (item := self._next_item()) is not None:
            seq, offset, length, pts, tags = item
            if is_alone(length, tags):
                self._kept = item
                break
            items.append((bytes(memory[offset : offset + length]), pts, *unpack_tags(tags)))
            numbers.append(seq)
            if self._lossy:
                # The producer is not kept waiting for a slot until all are copied.
                self._side.say(numbers.pop())
        if items:
            self._side.say(*numbers)
            self._side.wake()
        return items

    def pending(self) -> int:
        self._check_open()
        waiting = self._unread() + (self._kept is not None)
        return min(waiting, self._depth) if self._lossy else waiting

    def closed(self) -> bool:
        self._check_open()
        # Hung up, and nothing left to read: what the producer wrote before is seen.
        hung_up = any(event & select.POLLHUP for _, event in self._records.poll(0))
        if not hung_up or self._kept is not None or self._unread():
            return False
        closed = self._side.words[CLOSED_WORD]
        if closed and not self._next < closed <= FAR:
            raise RingCorrupt(f"the ring was closed at item {closed - 1}, but came to {self._next}")
        return closed > 0

    def arm(self) -> bool:
        # The producer rings always: there is no flag to set.
        return not self.pending() and not self.closed()

    def drain(self) -> None:
        self._check_open()
        rings = pipes.pull(self._bell, 65536)
        if rings == b"" or (rings and pipes.pull(self._bell, 65536) == b""):
            # The producer is gone: it rings no more, but would be heard for ever.
            self._poll = select.poll()

    def _find_bell(self) -> int:
        return self._side.bell

    def _unread(self) -> int:
        return pipes.waiting(self._side.records) // RECORD.size

    def _next_item(self) -> Item | None:
        kept, self._kept = self._kept, None
        if kept is not None:
            if not self._lossy or self._unread() < self._depth:
                return kept
            self.lost += 1
            self._side.say(kept[0] | UNSEEN)
        record = pipes.pull(self._side.records, RECORD.size)
        return self._read(record) if record else None

    def _read(self, record: bytes) -> Item:
        if len(record) != RECORD.size:
            raise RingCorrupt(f"a record has {RECORD.size} bytes, not {len(record)}")
        number, slot, length, pts, tags, *_ = RECORD.unpack(record)
        seq = number - 1
        skipped = seq - self._next
        if not self._next <= seq < FAR or (skipped and not self._lossy):
            raise RingCorrupt(f"item {self._next} was expected, but {seq} has come")
        item = self._item(seq, slot, length, pts, tags)
        self.lost += skipped
        self._next = seq + 1
        return item


def _check_pipe(fd: int, mode: int) -> None:
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
        is_end = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == mode
    except OSError as error:
        raise HandshakeError(f"descriptor {fd} is no pipe: {error}") from None
    if not (is_pipe and is_end):
        raise HandshakeError(f"descriptor {fd} is not the end of a pipe that is needed there")
    os.set_blocking(fd, False)
