"""The standard library: a pipe, a queue, and shared memory with a pipe for its tokens."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.shared_memory import SharedMemory
from typing import Any, ClassVar

import numpy as np

from benchmarks.ipc.peers.base import Bytes, Cable, Lossless, Plain, Play, look, ready_made

Given = dict[str, Any]


class Pipe(Plain):
    """``multiprocessing.Pipe``, one for each reader; the kernel copies in and out."""

    title: ClassVar[str] = "multiprocessing Pipe"
    needs: ClassVar[tuple[str, ...]] = ()
    copies: ClassVar[int] = 2

    @staticmethod
    def give(cables: Sequence[Cable]) -> Given:
        """A pipe for each reader of each cable."""
        context = multiprocessing.get_context("spawn")
        return {
            c.name: {reader: context.Pipe(duplex=False) for reader in c.readers} for c in cables
        }

    def sender(self, cable: Cable) -> PipeSender:
        """Writes one array, and sends its bytes into each pipe."""
        pipes = self.given[cable.name].values()
        return PipeSender([writer for _, writer in pipes], cable.size)

    def receiver(self, cable: Cable) -> PipeReceiver:
        """Receives into one array."""
        return PipeReceiver(self.given[cable.name][self.side][0], cable.size)


class PipeSender(Lossless):
    """See `Pipe`."""

    def __init__(self, pipes: list[Any], size: int) -> None:
        self.pipes, self.payloads = pipes, ready_made(size)
        self.frame = np.empty(size, np.uint8)

    def send(self, mark: int) -> None:
        """Fill the array, send its bytes."""
        payload: Any
        if self.payloads:
            payload = self.payloads[mark]
        else:
            self.frame.fill(mark)
            payload = self.frame
        self.post(payload)

    def post(self, payload: Any) -> None:
        """Send bytes to every reader."""
        for pipe in self.pipes:
            pipe.send_bytes(payload)


class PipeReceiver(Lossless):
    """See `Pipe`."""

    def __init__(self, pipe: Any, size: int) -> None:
        self.pipe, self.small = pipe, bool(ready_made(size))
        self.frame = np.empty(size, np.uint8)

    def take(self) -> int:
        """Receive, and read."""
        if self.small:
            payload: bytes = self.pipe.recv_bytes()
            return payload[0]
        self.pipe.recv_bytes_into(self.frame)
        return look(self.frame)

    def forward(self, sender: PipeSender) -> int:
        """Receive, and send the same array."""
        self.pipe.recv_bytes_into(self.frame)
        sender.post(self.frame)
        return 0


class Queue(Plain):
    """``multiprocessing.Queue``, one for each reader; it pickles in a thread of the sender."""

    title: ClassVar[str] = "multiprocessing Queue"
    needs: ClassVar[tuple[str, ...]] = ()
    copies: ClassVar[int] = 4

    @staticmethod
    def give(cables: Sequence[Cable]) -> Given:
        """A queue for each reader of each cable."""
        context = multiprocessing.get_context("spawn")
        return {c.name: {reader: context.Queue(c.depth) for reader in c.readers} for c in cables}

    def __init__(self, side: str, play: Play, given: Given) -> None:
        super().__init__(side, play, given)
        self.writing: list[Any] = []

    def sender(self, cable: Cable) -> QueueSender:
        """Puts a new array, or bytes if they are few."""
        self.writing = list(self.given[cable.name].values())
        return QueueSender(self.writing, cable.size)

    def receiver(self, cable: Cable) -> QueueReceiver:
        """Gets what was put."""
        return QueueReceiver(self.given[cable.name][self.side])

    def close(self) -> None:
        """Do not wait for what nobody will read."""
        for queue in self.writing:
            queue.cancel_join_thread()


class QueueSender(Lossless):
    """See `Queue`."""

    def __init__(self, queues: list[Any], size: int) -> None:
        self.queues, self.payloads, self.size = queues, ready_made(size), size

    def send(self, mark: int) -> None:
        """Make an array, put it."""
        self.post(self.payloads[mark] if self.payloads else np.full(self.size, mark, np.uint8))

    def post(self, payload: Any) -> None:
        """Put a value for every reader."""
        for queue in self.queues:
            queue.put(payload)


class QueueReceiver(Lossless):
    """See `Queue`."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def take(self) -> int:
        """Get, and read."""
        payload: bytes | Bytes = self.queue.get()
        return payload[0] if isinstance(payload, bytes) else look(payload)

    def forward(self, sender: QueueSender) -> int:
        """Get, and put."""
        sender.post(self.queue.get())
        return 0


class Shared(Plain):
    """What one builds oneself: slots in ``SharedMemory``, and pipes for tokens both ways."""

    title: ClassVar[str] = "SharedMemory and Pipe"
    needs: ClassVar[tuple[str, ...]] = ()
    copies: ClassVar[int] = 0

    @staticmethod
    def give(cables: Sequence[Cable]) -> Given:
        """A name for the memory, which the writer makes, and pipes for each reader."""
        context = multiprocessing.get_context("spawn")
        return {c.name: {reader: context.Pipe() for reader in c.readers} for c in cables}

    def __init__(self, side: str, play: Play, given: Given) -> None:
        super().__init__(side, play, given)
        self.memories: list[SharedMemory] = []
        self.own: list[SharedMemory] = []

    def sender(self, cable: Cable) -> SharedSender:
        """Makes the memory."""
        memory = SharedMemory(self.named(cable), create=True, size=cable.size * cable.depth)
        self.own.append(memory)
        pipes = self.given[cable.name].values()
        return SharedSender(slots(memory, cable), [ours for ours, _ in pipes])

    def receiver(self, cable: Cable) -> SharedReceiver:
        """Opens the memory."""
        memory = SharedMemory(self.named(cable))
        self.memories.append(memory)
        return SharedReceiver(slots(memory, cable), self.given[cable.name][self.side][1])

    def named(self, cable: Cable) -> str:
        """A name of this stage's own."""
        return f"sf_{self.play.token}_{cable.name}"

    def close(self) -> None:
        """Remove what was made here; mappings end with the process, as views of them do."""
        for memory in self.own:
            memory.unlink()


def slots(memory: SharedMemory, cable: Cable) -> list[Bytes]:
    """An array over each slot."""
    view: Any = memory.buf
    return [
        np.frombuffer(view, np.uint8, cable.size, number * cable.size)
        for number in range(cable.depth)
    ]


class SharedSender(Lossless):
    """See `Shared`."""

    def __init__(self, slots: list[Bytes], pipes: list[Any]) -> None:
        self.slots, self.pipes, self.sent = slots, pipes, 0

    def send(self, mark: int) -> None:
        """Fill a slot, send its number."""
        self.claim().fill(mark)
        self.publish()

    def claim(self) -> Bytes:
        """The next slot, once every reader has given it back."""
        if self.sent >= len(self.slots):
            for pipe in self.pipes:
                pipe.recv_bytes()
        return self.slots[self.sent % len(self.slots)]

    def publish(self) -> None:
        """Send the number of the slot that was claimed."""
        token = (self.sent % len(self.slots)).to_bytes(4, "little")
        self.sent += 1
        for pipe in self.pipes:
            pipe.send_bytes(token)


class SharedReceiver(Lossless):
    """See `Shared`."""

    def __init__(self, slots: list[Bytes], pipe: Any) -> None:
        self.slots, self.pipe = slots, pipe

    def take(self) -> int:
        """Receive the number, read the slot, send the number back."""
        token: bytes = self.pipe.recv_bytes()
        mark = look(self.slots[int.from_bytes(token, "little")])
        self.pipe.send_bytes(token)
        return mark

    def forward(self, sender: SharedSender) -> int:
        """Copy the slot into one of the next memory."""
        token: bytes = self.pipe.recv_bytes()
        np.copyto(sender.claim(), self.slots[int.from_bytes(token, "little")])
        sender.publish()
        self.pipe.send_bytes(token)
        return 0
