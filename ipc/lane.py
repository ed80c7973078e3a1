"""The lane: what comes to a receiver over the wire, beside its ring.

Schemas and memories are taken in as they come; what has a place among the items
(events, the next ring, the end) waits in a queue until that place is reached.
"""

from __future__ import annotations

import select
from collections import deque
from typing import Final

from streamflow.errors import RingCorrupt
from streamflow.ipc import memory as memories
from streamflow.ipc.audience import EPOCHS, MEMORY, NUMBER
from streamflow.ipc.memory import Memory
from streamflow.ipc.wire import Kind, Message, Wire, close_all

MOST_MEMORIES: Final = 1024
"""Memories that a sender may refer to at a time."""
MOST_RINGS: Final = 64
"""Rings that may wait for their turn."""
MOST_QUEUED: Final = 8192
"""Messages that are read ahead of their place."""

_IN_PLACE: Final = (Kind.EVENT, Kind.GENERATION, Kind.CLOSE)


class Lane:
    """The receiving end of a wire, after HELLO.

    Args:
        wire: to read from.
        epoch: how far its sender had come when the ring was handed over.

    Attributes:
        queue: messages with a place among the items, in order.
        urgent: events that overtake the items.
    """

    def __init__(self, wire: Wire, epoch: int) -> None:
        self.queue: deque[Message] = deque()
        self.urgent: deque[bytes] = deque()
        self._wire, self._epoch = wire, epoch
        self._schemas: dict[int, bytes] = {}
        self._memories: dict[int, Memory] = {}
        self._rings = 0
        self._poll = select.poll()
        self._poll.register(wire.fileno(), select.POLLIN)

    @property
    def ended(self) -> bool:
        """Whether the sender has hung up and all it had said has been read."""
        return self._wire.hung_up

    @property
    def full(self) -> bool:
        """Whether nothing more is read for now."""
        return len(self.queue) >= MOST_QUEUED

    def look(self) -> None:
        """Read what has come, if anything has."""
        if not self.ended and not self.full and self._poll.poll(0):
            self.fill()

    def fill(self) -> bool:
        """Read what has come; whether anything had.

        Raises:
            RingCorrupt: the sender has said what no sender should.
            HandshakeError: it has handed over what is no shared memory.
        """
        came = False
        while not self.full and (message := self._wire.receive()) is not None:
            came = True
            self._take_in(message)
        return came

    def reach(self, epoch: int) -> bool:
        """Read on until this epoch has come; whether it has."""
        while 0 < (epoch - self._epoch) % EPOCHS < EPOCHS // 2:
            if not self.fill():
                return False
        return True

    def before(self, epoch: int) -> Message | None:
        """The next message whose place is before the items of an epoch, off the queue."""
        if self.queue and (epoch - self.queue[0].epoch) % EPOCHS < EPOCHS // 2:
            return self.queue.popleft()
        return None

    def schema(self, number: int) -> bytes:
        """The schema that an item names; a `KeyError` if it has not been announced.

        Args:
            number: with or without the item's epoch in its upper 16 bits.
        """
        return self._schemas[number & 0xFFFF]

    def memory(self, number: int) -> Memory:
        """The memory that an item names; a `KeyError` if it has not been announced."""
        return self._memories[number]

    def took_ring(self) -> None:
        """A ring that waited has had its turn."""
        self._rings -= 1

    def close(self) -> None:
        """Hang up; what lies in memories that were announced lasts as long as it is looked at."""
        self._wire.close()
        for memory in self._memories.values():
            memory.close()
        self._memories.clear()
        for message in self.queue:
            close_all(message.fds)
        self.queue.clear()

    def _take_in(self, message: Message) -> None:
        if message.kind in _IN_PLACE:
            self._rings += message.kind == Kind.GENERATION
            self.queue.append(message)
            if self._rings > MOST_RINGS:
                raise RingCorrupt(f"more than {MOST_RINGS} rings wait for their turn")
        elif message.kind == Kind.MEMORY:
            self._learn_memory(message)
        else:
            close_all(message.fds)
            self._learn(message)
        if message.kind != Kind.URGENT:
            self._epoch = message.epoch

    def _learn(self, message: Message) -> None:
        kind, body = message.kind, message.body
        if kind == Kind.URGENT:
            self.urgent.append(body)
        elif kind == Kind.SCHEMA and len(body) >= NUMBER.size:
            self._schemas[NUMBER.unpack_from(body)[0]] = body[NUMBER.size :]
        elif kind == Kind.FORGET and len(body) == NUMBER.size:
            known = self._memories.pop(NUMBER.unpack(body)[0], None)
            if known is not None:
                known.close()
        elif kind != Kind.READY:
            raise RingCorrupt(f"the sender sent message {kind} of {len(body)} bytes")

    def _learn_memory(self, message: Message) -> None:
        fds = message.fds
        if len(fds) != 1 or len(message.body) != MEMORY.size:
            close_all(fds)
            raise RingCorrupt(f"shared memory came with {len(message.fds)} descriptors, not 1")
        number, key = MEMORY.unpack(message.body)
        if number in self._memories or len(self._memories) == MOST_MEMORIES:
            close_all(fds)
            raise RingCorrupt(f"shared memory {number} is one too many")
        self._memories[number] = memories.attach(fds[0], key)
