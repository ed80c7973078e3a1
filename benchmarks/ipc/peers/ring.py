"""The ring by itself: slots and descriptors, without values, generations or a handshake.

It is what everything of ours stands on: what a `Writer`, or a process of a
pipeline, costs beyond it is theirs.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Any, ClassVar

import numpy as np

from benchmarks.ipc.peers.base import Cable, Lossless, Plain, Play, look, ready_made
from streamflow.ipc.backend import Consumer, Producer, rings

NAP = 10.0
"""Seconds to sleep at most; then one looks again."""

FDS = 8
WINDOW = 64
"""Small items that are taken together."""


class Ring(Plain):
    """Producer and consumers of a ring; its descriptors go over a socket once."""

    title: ClassVar[str] = "our ring by itself"
    needs: ClassVar[tuple[str, ...]] = ()
    copies: ClassVar[int] = 0

    def __init__(self, side: str, play: Play, given: Any) -> None:
        super().__init__(side, play, given)
        self.writing: list[tuple[socket.socket, RingSender, Cable]] = []
        self.reading: list[tuple[socket.socket, RingReceiver]] = []

    def address(self, cable: Cable) -> str:
        """Where descriptors are to be had."""
        return str(self.play.folder / f"{cable.name}.sock")

    def sender(self, cable: Cable) -> RingSender:
        """Makes the ring, and a door for its readers."""
        door = socket.socket(socket.AF_UNIX)
        door.bind(self.address(cable))
        door.listen()
        readers = len(cable.readers)
        slots = readers * (cable.depth + 8) + 2
        sender = RingSender(rings().Producer(slots, cable.size), cable.size)
        self.writing.append((door, sender, cable))
        return sender

    def receiver(self, cable: Cable) -> RingReceiver:
        """Knocks at the door; what it gets it opens later."""
        knocking = socket.socket(socket.AF_UNIX)
        knocking.connect(self.address(cable))
        receiver = RingReceiver(small=bool(ready_made(cable.size)))
        self.reading.append((knocking, receiver))
        return receiver

    def settle(self) -> None:
        """Hand descriptors out, and take them."""
        for door, sender, cable in self.writing:
            for _ in cable.readers:
                guest, _ = door.accept()
                _, fds = sender.producer.attach(depth=cable.depth)
                socket.send_fds(guest, [b"!"], fds)
        for knocking, receiver in self.reading:
            _, fds, _, _ = socket.recv_fds(knocking, 1, FDS)
            receiver.consumer = rings().Consumer.open(fds)

    def close(self) -> None:
        """Close all."""
        for _, sender, _ in self.writing:
            sender.producer.close()
        for _, receiver in self.reading:
            receiver.consumer.close()


class RingSender(Lossless):
    """See `Ring`."""

    def __init__(self, producer: Producer, size: int) -> None:
        self.producer, self.payloads, self.size = producer, ready_made(size), size

    def send(self, mark: int) -> None:
        """Copy bytes into a slot, or paint a slot."""
        if self.payloads:
            while self.producer.send(self.payloads[mark]) < 0:
                self.producer.wait(NAP)
        else:
            slot = self.reserve()
            np.frombuffer(self.producer.memory(slot), np.uint8)[: self.size].fill(mark)
            self.producer.commit(slot, self.size)

    def reserve(self) -> int:
        """A slot, once one is free."""
        while (slot := self.producer.reserve()) < 0:
            self.producer.wait(NAP)
        return slot


class RingReceiver(Lossless):
    """See `Ring`."""

    consumer: Consumer

    def __init__(self, *, small: bool) -> None:
        self.small = small
        self.window: deque[tuple[bytes, int, int, int, int]] = deque()

    def wait(self) -> Any:
        """The next lease."""
        while (lease := self.consumer.take()) is None:
            self.consumer.wait(NAP)
        return lease

    def take(self) -> int:
        """Read bytes, of which many are taken at a time, or a slot."""
        if self.small:
            while not self.window:
                self.window.extend(self.consumer.take_batch(WINDOW))
                if not self.window:
                    self.consumer.wait(NAP)
            return self.window.popleft()[0][0]
        lease = self.wait()
        mark = look(lease.array())
        lease.release()
        return mark

    def forward(self, sender: RingSender) -> int:
        """Copy: a ring knows its own memory only."""
        lease, slot = self.wait(), sender.reserve()
        target = np.frombuffer(sender.producer.memory(slot), np.uint8)
        np.copyto(target[: sender.size], lease.array())
        sender.producer.commit(slot, sender.size)
        lease.release()
        return 0
