"""The sending end: values are encoded, put into the slots of a ring, and announced.

Nothing is lost and nothing truncated: a value too large for its ring begins a
new one, a generation, whose receivers finish the old ring first. What an item
refers to is kept until its slot has come back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from streamflow.errors import IpcError, RingCorrupt
from streamflow.ipc import wire as wires
from streamflow.ipc.audience import Audience, Listener
from streamflow.ipc.codecs import Encoded, Encoder, Kind
from streamflow.ipc.generations import Generations
from streamflow.ipc.layout import MAX_CONSUMERS, SMALL, Policy
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Wire

BATCH: Final = 64
"""Values that are encoded before their batch is sent."""
BYTES: Final = int(Kind.BYTES)


class Sender:
    """Sends values to any number of receivers in other processes, late ones too.

    For one thread at a time.

    Args:
        slots: how many items may wait for a receiver that names no depth of its own.
        slot_size: bytes of a slot to begin with; larger values make larger slots.
        leases: how many items each receiver may hold at a time, 1 to 64.
        receivers: how many there will be, if that is known: then they all join the first ring.
        pool: where frames are shared that lie in no shared memory yet; None: they
            are written into the slots.
        references: whether what lies in shared memory goes as a reference, uncopied.

    Attributes:
        sent: items that have been committed.
        unheard: items that nobody was there to receive.
        copied: bytes of media and arrays that were copied into slots.
    """

    def __init__(
        self,
        *,
        slots: int = 8,
        slot_size: int = 16_384,
        leases: int = 8,
        receivers: int = 1,
        pool: SharedPool | None = None,
        references: bool = False,
    ) -> None:
        if not 1 <= receivers <= MAX_CONSUMERS:
            raise ValueError(f"receivers must be 1 to {MAX_CONSUMERS}, not {receivers}")
        self.sent = self.unheard = self.copied = 0
        self._depth, self._leases = slots, leases
        self._audience = audience = Audience()
        self._encoder = Encoder(
            announce_schema=audience.announce_schema,
            announce_memory=audience.announce_memory if references else None,
            pool=pool,
        )
        # A value that found no room, encoded: it will be offered again.
        self._parked: tuple[Any, Encoded] | None = None
        self._watched = self._finished = self._closed = False
        self._generations = Generations(
            audience, receivers * (slots + leases) + 2, slot_size, leases
        )

    # -- receivers

    def connect(self, wire: Wire, policy: Policy = Policy.BLOCK, depth: int | None = None) -> int:
        """Let a receiver join: it gets every item from the next one on.

        Args:
            wire: to it; the sender owns it from here on.
            policy: what happens when it is slow.
            depth: how many items may wait for it; None: ``slots``.

        Returns:
            A number for it, never used again.

        Raises:
            IpcError: there are 16 already, depth is more than a ring can have, the
                sender has finished, or the system has no memory or descriptor left.
        """
        self._check_open()
        wire.admit()
        listener = Listener(wire, Policy(policy), depth or self._depth, self.sent)
        return self._generations.join(listener)

    @property
    def receivers(self) -> dict[int, Listener]:
        """The receivers by number, without those that are known to be gone."""
        return self._audience.listeners

    def pending(self, number: int) -> int:
        """Items that a receiver has not taken yet."""
        return self._generations.pending(number)

    def leases(self, number: int) -> int:
        """Items that a receiver holds."""
        return self._generations.leases(number)

    def lost(self, number: int) -> int:
        """Items that the policy of a receiver has dropped."""
        return self._generations.lost(number)

    def reap(self) -> list[int]:
        """Numbers of the receivers that have hung up since the last call.

        What they had not taken and what they held is free again. Who sleeps on
        `fileno` is not disturbed.
        """
        self._audience.hear()
        self.reclaim()
        return self._generations.reap()

    def reclaim(self) -> None:
        """Let go of what was kept for items that have come back."""
        for ring in self._generations:
            ring.let_go()

    # -- items

    def try_send(self, value: Any) -> bool:
        """Send a value; False if a receiver with the policy BLOCK has no credit.

        Offer the same value again once there is room (`arm`, `wait`, `watch`): it
        is not encoded twice. Without receivers it goes nowhere, and is counted.

        Raises:
            PicklingError: the value cannot travel.
            IpcError: the sender has finished.
        """
        if not self._audience.listeners:
            return self._to_nobody(1) == 1
        try:
            if value.__class__ is not bytes or len(value) > SMALL:
                return self._put_value(value)
            # Small bytes are their own payload, and the quickest thing to send.
            producer = self._generations.fit(len(value))
            if producer.send(value, 0, BYTES, 0, self._audience.stamp) < 0:
                return False
            self.sent += 1
            return True
        except RingCorrupt:
            if not self._generations.expel_liars():
                raise
            return self.try_send(value)

    def try_send_batch(self, values: Sequence[Any]) -> int:
        """Send as many of these as there is credit for; how many went.

        Small ones go together: one announcement, one wake-up.

        Raises:
            PicklingError: a value cannot travel; those before it may have gone.
            IpcError: the sender has finished.
        """
        first, most = self.sent, len(values)
        while (done := self.sent - first) < most:
            if not self._audience.listeners:
                return done + self._to_nobody(most - done)
            some = values[done : done + BATCH]
            try:
                if set(map(type, some)) == {bytes} and max(map(len, some)) <= SMALL:
                    self._put_bytes(some)
                else:
                    self._put_all([self._encoder.encode(value) for value in some])
            except RingCorrupt:
                if not self._generations.expel_liars():
                    raise
                continue
            if self.sent - first < done + len(some):
                break
        return self.sent - first

    @property
    def lent(self) -> int:
        """Items that went as references and have not come back: what they refer to is kept."""
        return self._generations.lent

    # -- control lane

    def send_event(self, data: bytes) -> None:
        """Send a control event: each receiver gets it after what was sent before, never dropped."""
        self._audience.tell(wires.Kind.EVENT, data)

    def send_urgent(self, data: bytes) -> None:
        """Send a control event that overtakes the items that wait."""
        for listener in self._audience.listeners.values():
            self._audience.tell_one(listener, wires.Kind.URGENT, data)

    # -- sleeping

    def fileno(self) -> int:
        """A descriptor that is readable when `drain` has something to do."""
        return self._audience.fileno()

    def arm(self) -> bool:
        """Before sleeping on `fileno`: ask to be woken; True if there is no room yet."""
        self._listen()
        try:
            return self._generations.current.producer.arm()
        except RingCorrupt:
            if not self._generations.expel_liars():
                raise
            return False

    def wait(self, timeout: float | None) -> bool:
        """Sleep until there may be room, or a receiver has hung up; whether anything happened.

        Args:
            timeout: seconds at most; None: as long as it takes.
        """
        return not self.arm() or self._audience.attend(timeout)

    def drain(self) -> None:
        """Make `fileno` silent, let go of what came back, and send what waits for a wire."""
        self._audience.attend()
        self.reclaim()

    def watch(self, loop: Any, callback: Callable[[], object]) -> None:
        """Have ``callback`` called on an asyncio loop whenever room or a hangup may be there.

        While it is watched, what was kept for references is let go of as they come back.
        """
        self._watched = True

        def woken() -> None:
            self.drain()
            self._listen()
            callback()

        loop.add_reader(self.fileno(), woken)
        self._listen()

    def unwatch(self, loop: Any) -> None:
        """Undo `watch`."""
        self._watched = False
        loop.remove_reader(self.fileno())

    # -- the end

    def finish(self) -> None:
        """Say that nothing more will come; what was sent can still be taken."""
        if not self._finished:
            self._finished = True
            self._audience.tell(wires.Kind.CLOSE)

    def close(self, linger: float = 1.0) -> None:
        """Finish, and free everything; receivers keep what is in the ring.

        Args:
            linger: seconds at most to wait for receivers that are behind with reading
                their wires, or that hold items which refer to other memory than our
                slots: what they hold then may change under their eyes.
        """
        if self._closed:
            return
        self.finish()
        self._closed = True
        deadline = time.monotonic() + linger
        while self._lingers():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._audience.attend(left)
        self._generations.close()
        self._audience.close()

    # -- within

    def _check_open(self) -> None:
        if self._finished:
            raise IpcError("this sender has finished")

    def _lingers(self) -> bool:
        """Whether a receiver still needs something of ours; we are woken when that changes."""
        self.drain()
        self.reap()
        self._listen()
        return bool(self.lent or self._audience.backlog)

    def _listen(self) -> None:
        for ring in self._generations:
            ring.listen()

    def _to_nobody(self, count: int) -> int:
        self._check_open()
        self.unheard += count
        return count

    def _put_value(self, value: Any) -> bool:
        """Send a value, if there is room for it; else keep it encoded."""
        parked, self._parked = self._parked, None
        if parked is not None and parked[0] is value:
            encoded = parked[1]
        else:
            encoded = self._encoder.encode(value)
        if self._put(encoded):
            return True
        self._parked = value, encoded
        return False

    def _put(self, encoded: Encoded) -> bool:
        """Send an encoded value, if there is room for it."""
        producer = self._generations.fit(encoded.length)
        schema = encoded.schema | self._audience.stamp
        small = encoded.small if encoded.keep is None else None
        if small is None:
            slot = producer.reserve()
            if slot < 0:
                return False
            self._write(slot, encoded, schema)
        elif producer.send(small, encoded.pts, encoded.kind, encoded.flags, schema) < 0:
            return False
        self.sent += 1
        self.copied += encoded.copied
        return True

    def _put_bytes(self, values: Sequence[bytes]) -> int:
        """Send small bytes, which are their own payload, while there is room; how many went."""
        self._generations.fit(max(map(len, values)))
        return self._put_payloads(values, BYTES, 0, self._audience.stamp, None)

    def _put_payloads(
        self,
        payloads: Sequence[bytes],
        kind: int,
        flags: int,
        schema: int,
        pts: Sequence[int] | None,
    ) -> int:
        producer = self._generations.current.producer
        before = producer.head
        try:
            producer.send_batch(payloads, kind, flags, schema, pts)
        finally:
            went = producer.head - before
            self.sent += went
        return went

    def _write(self, slot: int, encoded: Encoded, schema: int) -> None:
        ring, keep = self._generations.current, encoded.keep
        tags = encoded.kind, encoded.flags, schema
        try:
            encoded.write(ring.producer.memory(slot))
            ring.producer.commit(slot, encoded.length, encoded.pts, *tags)
        except BaseException:
            ring.producer.cancel(slot)
            raise
        if keep is not None:
            # It comes back no earlier than somebody asks whether it has.
            ring.keeps[slot] = keep
            if self._watched:
                ring.listen()
            else:
                ring.let_go()

    def _put_all(self, items: Sequence[Encoded]) -> None:
        """Send encoded values while there is room."""
        done = 0
        while done < len(items):
            payloads = self._together(items, done)
            if len(payloads) < 2:
                if not self._put(items[done]):
                    return
                done += 1
                continue
            first, together = items[done], items[done : done + len(payloads)]
            schema = first.schema | self._audience.stamp
            pts = [item.pts for item in together]
            went = self._put_payloads(payloads, first.kind, first.flags, schema, pts)
            self.copied += sum(item.copied for item in together[:went])
            if went < len(payloads):
                return
            done += went

    def _together(self, items: Sequence[Encoded], start: int) -> list[bytes]:
        """The payloads of those from one on that can go together."""
        size, first = self._generations.current.producer.slot_size, items[start]
        kind, flags, schema = first.kind, first.flags, first.schema
        payloads: list[bytes] = []
        for item in islice(items, start, None):
            alike = item.kind == kind and item.flags == flags and item.schema == schema
            if not alike or item.keep is not None or item.length > size:
                break
            small = item.small
            if small is None:
                break
            payloads.append(small)
        return payloads
