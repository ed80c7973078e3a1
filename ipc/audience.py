"""The audience of a sender: the wires to all who receive, and what they must all know.

What matters in order is told to everybody under the same epoch, a number that
each item carries too: its receiver must have come to that epoch before it looks
at the item. Who comes late is told all that still stands. Nobody is waited for:
what a receiver has not read yet is kept for it, within bounds.
"""

from __future__ import annotations

import selectors
import struct
from collections.abc import Callable, Sequence
from typing import Final

from streamflow.errors import IpcError
from streamflow.ipc.layout import MAX_CONSUMERS, Policy
from streamflow.ipc.memory import ID_BYTES, Memory
from streamflow.ipc.wire import Kind, Wire, close_all

EPOCHS: Final = 1 << 16
"""Epochs are counted modulo this."""
MOST_NUMBERS: Final = (1 << 16) - 1
"""Schemas that one sender may announce: an item has 16 bits for the number of its own."""
NUMBER: Final = struct.Struct("<I")
"""What messages about a schema or a memory begin with."""
MEMORY: Final = struct.Struct(f"<I{ID_BYTES}s")
"""A memory's number and its id."""

_READ: Final = selectors.EVENT_READ
_BOTH: Final = selectors.EVENT_READ | selectors.EVENT_WRITE


class Listener:
    """One receiver.

    Attributes:
        wire: to it.
        policy: what happens when it is slow.
        depth: how many items may wait for it.
        since: how many items had been sent when it joined.
        lost: items that its policy has dropped in rings that are no more.
    """

    __slots__ = ("depth", "fd", "lost", "policy", "since", "wire")

    def __init__(self, wire: Wire, policy: Policy, depth: int, since: int) -> None:
        self.wire, self.policy, self.depth, self.since = wire, policy, depth, since
        self.fd, self.lost = wire.fileno(), 0


class Audience:
    """All receivers of one sender.

    Attributes:
        listeners: by number, without those that are known to be gone.
        epoch: how many ordered messages have been sent, modulo `EPOCHS`.
        stamp: the epoch as it stands in the upper half of an item's ``schema``.
    """

    def __init__(self) -> None:
        self.listeners: dict[int, Listener] = {}
        self.epoch = self.stamp = 0
        self._joined = 0
        self._selector = selectors.DefaultSelector()
        self._schemas: dict[bytes, int] = {}
        self._memories: dict[bytes, tuple[int, Memory]] = {}
        self._announced = 0

    def fileno(self) -> int:
        """Readable when `attend` has something to do."""
        return self._selector.fileno()

    # -- coming and going

    def check_room(self) -> None:
        """See whether one more may join.

        Raises:
            IpcError: there are as many as there can be.
        """
        if len(self.listeners) == MAX_CONSUMERS:
            raise IpcError(f"a sender has {MAX_CONSUMERS} receivers at most")

    def join(self, listener: Listener, hello: bytes, fds: Sequence[int]) -> int:
        """Tell a newcomer of its ring and of all that stands; its number."""
        self._sweep()
        wire = listener.wire
        # It has come to the present only when it has been told everything: hence
        # all but the last of this carries the epoch before.
        before = (self.epoch - 1) % EPOCHS
        wire.send(Kind.HELLO, hello, fds, before)
        for schema, number in self._schemas.items():
            wire.send(Kind.SCHEMA, NUMBER.pack(number) + schema, epoch=before)
        for number, memory in self._memories.values():
            # One that another thread lets go of just now: nothing can refer to it any more.
            if (fd := memory.fd) >= 0:
                wire.send(Kind.MEMORY, MEMORY.pack(number, memory.id), [fd], before)
        wire.send(Kind.READY, epoch=self.epoch)
        number, self._joined = self._joined, self._joined + 1
        self.listeners[number] = listener
        self._selector.register(listener.fd, _READ, number)
        self._look_after(listener)
        return number

    def gone(self) -> list[int]:
        """Numbers of those that have hung up."""
        return [number for number, each in self.listeners.items() if each.wire.hung_up]

    def leave(self, number: int) -> None:
        """Hang up on one."""
        listener = self.listeners.pop(number)
        if listener.fd in self._selector.get_map():
            self._selector.unregister(listener.fd)
        listener.wire.close()

    def close(self) -> None:
        """Hang up on all."""
        for number in list(self.listeners):
            self.leave(number)
        self._selector.close()

    # -- telling

    def advance(self) -> int:
        """Begin the next epoch; its number."""
        self.epoch = (self.epoch + 1) % EPOCHS
        self.stamp = self.epoch << 16
        return self.epoch

    def tell(self, kind: Kind, body: bytes = b"", fds: Sequence[int] = ()) -> None:
        """Tell everybody something, in order."""
        self.advance()
        for listener in self.listeners.values():
            self.tell_one(listener, kind, body, fds)

    def tell_one(
        self, listener: Listener, kind: Kind, body: bytes = b"", fds: Sequence[int] = ()
    ) -> None:
        """Tell one receiver something of this epoch."""
        listener.wire.send(kind, body, fds, self.epoch)
        self._look_after(listener)

    def announce_schema(self, schema: bytes) -> int:
        """The number of a schema, from 1 on; everybody is told when it is new.

        Raises:
            IpcError: there are too many.
        """
        number = self._schemas.get(schema)
        if number is None:
            number = len(self._schemas) + 1
            if number > MOST_NUMBERS:
                raise IpcError(f"a sender has {MOST_NUMBERS} schemas at most")
            self._schemas[schema] = number
            self.tell(Kind.SCHEMA, NUMBER.pack(number) + schema)
        return number

    def announce_memory(self, memory: Memory) -> int:
        """The number of a shared memory; everybody is handed it when it is new."""
        known = self._memories.get(memory.id)
        if known is not None and known[1] is memory:
            return known[0]
        if known is not None:
            self._forget(memory.id)
        self._sweep()
        self._announced += 1
        self._memories[memory.id] = self._announced, memory
        self.tell(Kind.MEMORY, MEMORY.pack(self._announced, memory.id), [memory.fd])
        return self._announced

    def _sweep(self) -> None:
        """Let everybody forget the memories that are mapped here no more."""
        for key in [key for key, (_, each) in self._memories.items() if not each.alive]:
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        self.tell(Kind.FORGET, NUMBER.pack(self._memories.pop(key)[0]))

    # -- listening

    def watch(self, fd: int, callback: Callable[[], object]) -> None:
        """Watch a descriptor beside the wires; `attend` calls back when it is readable."""
        self._selector.register(fd, _READ, callback)

    def unwatch(self, fd: int) -> None:
        """Undo `watch`."""
        self._selector.unregister(fd)

    @property
    def backlog(self) -> int:
        """Messages that wait for receivers to read."""
        return sum(each.wire.backlog for each in self.listeners.values())

    def attend(self, timeout: float | None = 0) -> bool:
        """See to whatever needs it, or wait until something does; whether something did.

        Args:
            timeout: seconds at most to wait; None: as long as it takes.
        """
        ready = self._selector.select(timeout)
        for key, _ in ready:
            if callable(key.data):
                key.data()
            else:
                self._see_to(self.listeners[key.data])
        return bool(ready)

    def hear(self) -> None:
        """See to the wires alone: who sleeps on `fileno` is still woken by the rest."""
        for key, _ in self._selector.select(0):
            if not callable(key.data):
                self._see_to(self.listeners[key.data])

    def _see_to(self, listener: Listener) -> None:
        listener.wire.flush()
        self._listen(listener.wire)
        self._look_after(listener)

    @staticmethod
    def _listen(wire: Wire) -> None:
        """Nothing is expected of a receiver but that it hangs up one day."""
        try:
            message = wire.receive()
        except IpcError:
            return
        if message is not None:
            close_all(message.fds)
            wire.close()

    def _look_after(self, listener: Listener) -> None:
        """Watch for what its wire needs: a hangup, and room if something waits for it."""
        if listener.fd not in self._selector.get_map():
            return
        if listener.wire.hung_up:
            # It would be readable for ever.
            self._selector.unregister(listener.fd)
            return
        wanted = _BOTH if listener.wire.backlog else _READ
        key = self._selector.get_key(listener.fd)
        if key.events != wanted:
            self._selector.modify(listener.fd, wanted, key.data)
