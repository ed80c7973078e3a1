"""Generations: the rings that a sender has had, the present one and those not finished yet.

A ring cannot grow. Where a larger one is needed the sender begins a new one and
tells its receivers, who finish the old ring first: nothing is lost, and order is
kept. An old ring goes when all have been through it and hold nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamflow.errors import IpcError, RingCorrupt
from streamflow.ipc.audience import Audience, Listener
from streamflow.ipc.backend import Producer, backend, rings
from streamflow.ipc.handshake import Hello
from streamflow.ipc.layout import MAX_SLOTS
from streamflow.ipc.memory import of
from streamflow.ipc.wire import Kind, close_all


class Ring:
    """One generation.

    Attributes:
        producer: what writes it.
        consumers: who reads it: the number in this ring by the receiver's number.
        keeps: what a slot refers to, by slot; it lives until the slot comes back.
    """

    __slots__ = ("consumers", "keeps", "producer")

    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self.consumers: dict[int, int] = {}
        self.keeps: dict[int, Any] = {}
        # What is put together in a slot and received by ourselves can be forwarded.
        of(producer.segment())

    def let_go(self) -> None:
        """Forget what was kept for slots that have come back."""
        if self.keeps:
            for slot in self.producer.reclaim():
                self.keeps.pop(slot, None)

    def listen(self) -> None:
        """While anything is kept: ask to be woken when the next slot comes back."""
        if self.keeps:
            self.producer.arm()
            self.let_go()

    def pending(self, number: int) -> int:
        """Items that a receiver has not taken."""
        consumer = self.consumers.get(number)
        return 0 if consumer is None else self.producer.pending(consumer)

    def leases(self, number: int) -> int:
        """Items that a receiver holds."""
        consumer = self.consumers.get(number)
        return 0 if consumer is None else len(self.producer.leased(consumer))

    def lost(self, number: int) -> int:
        """Items that the policy of a receiver has dropped."""
        consumer = self.consumers.get(number)
        return 0 if consumer is None else self.producer.lost(consumer)

    def idle(self) -> bool:
        """Whether all have been through it, and nobody holds anything of it."""
        try:
            return not any(self.pending(number) or self.leases(number) for number in self.consumers)
        except RingCorrupt:
            # Whoever lies there is hung up on when the ring is next used.
            return False


class Generations:
    """All rings of one sender.

    Args:
        audience: who receives.
        slots: of the first ring.
        slot_size: bytes, of the first ring.
        leases: how many items each receiver may hold.

    Attributes:
        current: the ring that is written.
    """

    def __init__(self, audience: Audience, slots: int, slot_size: int, leases: int) -> None:
        self._audience, self._leases = audience, leases
        self._old: list[Ring] = []
        self._gone: list[int] = []
        self.current = self._new(slots, slot_size, 0)

    def __iter__(self) -> Iterator[Ring]:
        yield from self._old
        yield self.current

    @property
    def lent(self) -> int:
        """Slots that refer to something that is kept for them."""
        return sum(len(ring.keeps) for ring in self)

    def join(self, listener: Listener) -> int:
        """Let a receiver read from the next item on; its number.

        Raises:
            IpcError: there are as many as there can be, or the system has no memory or
                descriptor left.
        """
        self._audience.check_room()
        known = [*self._audience.listeners.values(), listener]
        slots = sum(each.depth + self._leases for each in known) + 2
        if slots > MAX_SLOTS:
            raise IpcError(f"{slots} slots would be needed; a ring has {MAX_SLOTS} at most")
        if slots > self.current.producer.slots:
            # Room for as many again, so that sixteen make four generations.
            self.begin(min(2 * slots, MAX_SLOTS), self.current.producer.slot_size)
        consumer, fds = self.current.producer.attach(listener.policy, listener.depth)
        try:
            number = self._audience.join(listener, self._hello(self.current, listener), fds)
        finally:
            close_all(fds)
        self.current.consumers[number] = consumer
        return number

    def fit(self, length: int) -> Producer:
        """The producer of a ring whose slots have room for so many bytes."""
        producer = self.current.producer
        if length > producer.slot_size:
            size = max(2 * producer.slot_size, 1 << (length - 1).bit_length())
            self.begin(producer.slots, size)
        return self.current.producer

    def begin(self, slots: int, slot_size: int) -> None:
        """Begin a new ring.

        Raises:
            IpcError: the system has no memory or descriptor left; the old ring goes on.
        """
        ring = self._new(slots, slot_size, self.current.producer.generation + 1)
        handed: dict[int, list[int]] = {}
        try:
            # All or none: what a receiver has been told cannot be taken back.
            for number, listener in self._audience.listeners.items():
                consumer, fds = ring.producer.attach(listener.policy, listener.depth)
                ring.consumers[number], handed[number] = consumer, fds
            self._audience.advance()
            for number, fds in handed.items():
                listener = self._audience.listeners[number]
                hello = self._hello(ring, listener)
                self._audience.tell_one(listener, Kind.GENERATION, hello, fds)
        except BaseException:
            self._drop(ring)
            raise
        finally:
            for fds in handed.values():
                close_all(fds)
        self._old.append(self.current)
        self.current = ring
        self.retire()

    # -- receivers

    def pending(self, number: int) -> int:
        """Items that a receiver has not taken yet."""
        return sum(ring.pending(number) for ring in self)

    def leases(self, number: int) -> int:
        """Items that a receiver holds."""
        return sum(ring.leases(number) for ring in self)

    def lost(self, number: int) -> int:
        """Items that the policy of a receiver has dropped."""
        return self._audience.listeners[number].lost + sum(ring.lost(number) for ring in self)

    def reap(self) -> list[int]:
        """Let go of receivers that have hung up, or were hung up on, since the last call."""
        self.expel_liars()
        for number in self._audience.gone():
            self._leave(number)
        gone, self._gone = self._gone, []
        self.retire()
        return gone

    def expel_liars(self) -> bool:
        """Hang up on those who have written what no receiver should; whether there were any."""
        liars = [number for number in self._audience.listeners if self._lies(number)]
        for number in liars:
            self._leave(number)
        return bool(liars)

    def retire(self) -> None:
        """Free old rings that everybody has done with."""
        for ring in [ring for ring in self._old if ring.idle()]:
            ring.let_go()
            for number in ring.consumers.keys() & self._audience.listeners.keys():
                self._audience.listeners[number].lost += ring.lost(number)
            self._old.remove(ring)
            self._drop(ring)

    def close(self) -> None:
        """Free all rings; receivers keep what is in them."""
        for ring in self:
            self._drop(ring)
        self._old.clear()

    def _lies(self, number: int) -> bool:
        try:
            self.pending(number)
            self.leases(number)
            self.lost(number)
        except RingCorrupt:
            return True
        return False

    def _leave(self, number: int) -> None:
        self._audience.leave(number)
        for ring in self:
            if number in ring.consumers:
                ring.producer.detach(ring.consumers.pop(number))
        self._gone.append(number)

    def _new(self, slots: int, slot_size: int, generation: int) -> Ring:
        make = rings().Producer
        ring = Ring(make(slots, slot_size, leases=self._leases, generation=generation))
        self._audience.watch(ring.producer.fileno(), ring.producer.drain)
        return ring

    def _drop(self, ring: Ring) -> None:
        self._audience.unwatch(ring.producer.fileno())
        ring.producer.close()
        ring.keeps.clear()

    @staticmethod
    def _hello(ring: Ring, listener: Listener) -> bytes:
        return Hello(backend(), listener.policy, ring.producer.generation).pack()
