"""The receiving end: items out of a ring, and what came for them over the wire.

An item is looked at only when everything that was told before it has been read,
and control events come out in their place among the items. What has been sent
is finished first, whatever became of the sender; then the end is clean, or the
peer is lost.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from streamflow.errors import HandshakeError, IpcError, PeerLost, RingCorrupt
from streamflow.ipc.backend import Consumer, Lease, available, backend, rings
from streamflow.ipc.codecs import Decoder
from streamflow.ipc.codecs import Kind as Payload
from streamflow.ipc.ears import Ears
from streamflow.ipc.handshake import PATIENCE, Hello, check_peer, expect, peer_pid
from streamflow.ipc.lane import Lane
from streamflow.ipc.memory import of
from streamflow.ipc.wire import Kind, Message, Wire, close_all

TURNS: Final = 32
"""Items after which the wire is looked at, for what overtakes."""

BYTES: Final = int(Payload.BYTES)

Copied = tuple[bytes, int, int, int, int]


class Control(NamedTuple):
    """A control event that came out in its place.

    Attributes:
        data: what was sent.
        urgent: whether it has overtaken items.
    """

    data: bytes
    urgent: bool


class Empty:
    """The class of `EMPTY`."""

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY: Final = Empty()
"""What `Receiver.try_take` gives when nothing is there."""


class Receiver:
    """Receives what a `Sender` sends; for one thread at a time.

    Args:
        wire: to the sender; the receiver owns it from here on.
        trusted: whether objects are unpickled; else one that comes is an `IpcError`.
        name: what the sender is called in errors.
        timeout: seconds that the sender has for its part of the handshake.
        when_short: called once, with the number of items held, when so many are
            held that from here on they are copied out instead of lent.

    Attributes:
        closed: whether the sender has finished and all has been taken.
        copied: bytes that were copied out because too many items were held.

    Raises:
        HandshakeError: the sender runs as another user, or offers no ring that can
            be used here.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        trusted: bool,
        name: str = "",
        timeout: float = PATIENCE,
        when_short: Callable[[int], object] | None = None,
    ) -> None:
        check_peer(wire)
        hello = expect(wire, Kind.HELLO, time.monotonic() + timeout)
        self.closed, self.copied = False, 0
        self._name = name or f"the sender (process {peer_pid(wire.socket)})"
        self._wire, self._when_short = wire, when_short
        try:
            self._consumer = self._open(hello)
        except BaseException:
            wire.close()
            raise
        wire.admit()
        self._lane = lane = Lane(wire, hello.epoch)
        self._decoder = Decoder(schema=lane.schema, memory=lane.memory, trusted=trusted)
        self._cells = self._consumer.leases_free
        self._lost, self._epoch, self._turns = 0, hello.epoch, TURNS
        # Items that have been taken, but not given out: they wait for the wire.
        self._stash: deque[Lease | Copied] = deque()
        self._failure: Exception | None = None
        self._wire_fd = wire.fileno()
        self._ears = Ears(self._see_to)
        # Whether the wire has just been looked at.
        self._fresh = False
        self._ears.hear(self._consumer.fileno())
        self._ears.hear(self._wire_fd)
        self._begin()

    @property
    def lost(self) -> int:
        """Items that a lossy policy has dropped."""
        return self._lost + self._consumer.lost

    @property
    def leases(self) -> int:
        """Items of the present ring that are held."""
        return self._cells - self._consumer.leases_free

    # -- taking

    def try_take(self) -> Any:
        """The next value or `Control`, or `EMPTY`.

        Raises:
            PeerLost: the sender has died, and all that it had sent has been taken.
            RingCorrupt: the sender has written what no sender should.
            IpcError: an object came, and the sender is not trusted.
        """
        if self._stash or self._failure is not None:
            return self._resume()
        self._turns -= 1
        if self._turns < 0:
            self._turns = TURNS
            self._lane.look()
        if self._lane.urgent:
            return Control(self._lane.urgent.popleft(), True)
        lease = self._consumer.take()
        if lease is None:
            return self._idle()
        if lease.schema >> 16 != self._epoch:
            self._stash.append(lease)
            return self._resume()
        return self._decode(lease)

    def take_many(self, most: int) -> list[Any]:
        """Up to ``most`` values and `Control` messages, as far as they are there.

        Small ones are taken together. Raises what `try_take` does, once all that
        came before has been given out.
        """
        values: list[Any] = []
        if self._failure is not None:
            self._resume()
        try:
            if not self._stash:
                self._take_batch(values, most)
            while self._stash and len(values) < most:
                value = self._resume()
                if value is EMPTY:
                    return values
                values.append(value)
            if not values and (value := self._idle(look=False)) is not EMPTY:
                values.append(value)
        except Exception as error:
            if not values:
                raise
            self._failure = error
        return values

    def _take_batch(self, values: list[Any], most: int) -> None:
        if not self._fresh:
            self._lane.look()
        self._fresh = False
        if self._lane.urgent:
            values.append(Control(self._lane.urgent.popleft(), True))
            return
        batch = self._consumer.take_batch(most)
        # Epochs only grow: if the last is of this one, all are.
        if not batch or batch[-1][4] >> 16 != self._epoch:
            self._stash.extend(batch)
            return
        decode = self._decoder.decode_bytes
        try:
            for payload, pts, kind, flags, schema in batch:
                # Small bytes are their own payload.
                plain = kind == BYTES
                values.append(payload if plain else decode(kind, flags, schema, pts, payload))
        except Exception:
            self._stash.extend(batch[len(values) + 1 :])
            raise

    def _resume(self) -> Any:
        """What is next where something has been put off."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._lane.urgent:
            return Control(self._lane.urgent.popleft(), True)
        item = self._stash[0]
        epoch = (item[4] if isinstance(item, tuple) else item.schema) >> 16
        if epoch != self._epoch:
            reached = self._lane.reach(epoch)
            message = self._lane.before(epoch)
            if message is not None:
                return self._event(message)
            if not reached:
                return self._nothing()
            self._epoch = epoch
        self._stash.popleft()
        return self._decode(item)

    def _idle(self, *, look: bool = True) -> Any:
        """What is next where the ring seems to be empty.

        Args:
            look: at the wire; it has not been looked at just before.
        """
        if self.closed:
            return EMPTY
        lane = self._lane
        if look:
            lane.look()
        lease = self._consumer.take()
        if lease is not None:
            self._stash.append(lease)
            return self._resume()
        # Whatever was sent before a message is in the ring before the message can be
        # read: if nothing is pending now, the message is next.
        if lane.urgent or not lane.queue or self._consumer.pending():
            return self._nothing()
        message = lane.queue.popleft()
        if message.kind == Kind.GENERATION:
            self._enter(message)
            return self.try_take()
        if message.kind == Kind.CLOSE:
            close_all(message.fds)
            self.closed = True
            return EMPTY
        return self._event(message)

    def _nothing(self) -> Any:
        if self._lane.urgent:
            return Control(self._lane.urgent.popleft(), True)
        if self._lane.ended and (self._stash or not self._consumer.pending()):
            raise PeerLost(self._name, "it hung up without closing; what it had sent was taken")
        return EMPTY

    def _event(self, message: Message) -> Control:
        close_all(message.fds)
        if message.kind != Kind.EVENT:
            raise RingCorrupt(f"an item came behind message {message.kind}, which ends its ring")
        return Control(message.body, False)

    def _decode(self, item: Lease | Copied) -> Any:
        if isinstance(item, tuple):
            payload, pts, kind, flags, schema = item
            return self._decoder.decode_bytes(kind, flags, schema, pts, payload)
        if self._consumer.leases_free:
            return self._decoder.decode(item)
        # The last lease must come back at once, or nothing would come any more.
        tell, self._when_short = self._when_short, None
        if tell is not None:
            tell(self._cells - 1)
        value = self._decoder.decode(item, copy=True)
        self.copied += getattr(value, "nbytes", item.length)
        return value

    # -- sleeping

    def arm(self) -> bool:
        """Before sleeping: ask to be woken; True if there is nothing to take yet."""
        lane = self._lane
        if self.closed or self._failure is not None or lane.urgent or lane.ended:
            return False
        if self._wire_fd not in self._ears and not lane.full:
            self._ears.hear(self._wire_fd)
        if self._stash:
            item = self._stash[0]
            return not lane.reach((item[4] if isinstance(item, tuple) else item.schema) >> 16)
        return self._consumer.arm()

    def wait(self, timeout: float | None) -> bool:
        """Sleep until there may be something to take, or the sender has hung up.

        Args:
            timeout: seconds at most; None: as long as it takes.

        Returns:
            Whether anything happened.
        """
        return not self.arm() or self._attend(timeout)

    def drain(self) -> None:
        """Silence what rings; take in what came over the wire."""
        self._attend(0)

    def watch(self, loop: Any, callback: Callable[[], object]) -> None:
        """Have ``callback`` called on an asyncio loop whenever something may be there."""
        self._ears.watch(loop, callback)

    def unwatch(self) -> None:
        """Undo `watch`."""
        self._ears.unwatch()

    def close(self) -> None:
        """Take no more. What was taken stays as long as it is looked at.

        The sender sees the hangup when nothing is held any more.
        """
        self.closed = True
        self._stash.clear()
        self._ears.close()
        self._consumer.close()
        self._lane.close()

    def _attend(self, timeout: float | None) -> bool:
        some = self._ears.attend(timeout)
        self._fresh = True
        return some

    def _see_to(self, fd: int) -> None:
        if fd == self._wire_fd:
            self._drain_wire()
        elif self._lane.ended:
            # Nobody rings any more, but a bell whose other end is closed is heard for ever.
            self._ears.ignore(fd)
        else:
            self._consumer.drain()

    def _drain_wire(self) -> None:
        try:
            self._lane.fill()
        except IpcError as error:
            self._failure = error
        if self._lane.ended or self._lane.full:
            # It would be readable for ever; `try_take` looks at it all the same.
            self._ears.ignore(self._wire_fd)

    # -- rings

    def _begin(self) -> None:
        """Take in what the sender has said behind HELLO."""
        try:
            self._lane.look()
        except RingCorrupt as error:
            self.close()
            raise HandshakeError(str(error)) from None
        except HandshakeError:
            self.close()
            raise

    def _open(self, message: Message) -> Consumer:
        """The ring of a message; the wire lasts until nothing is held of it any more."""
        try:
            hello = Hello.unpack(message.body)
            ends = rings(_like(hello.backend))
            message.fds.append(os.dup(self._wire.fileno()))
        except BaseException:
            close_all(message.fds)
            raise
        consumer = ends.Consumer.open(message.fds)
        if (consumer.policy, consumer.generation) != (hello.policy, hello.generation):
            consumer.close()
            raise HandshakeError("the ring is not the one that the message announces")
        # From here on what lies in it can be forwarded.
        of(consumer.segment())
        return consumer

    def _enter(self, message: Message) -> None:
        """Go on to the next ring."""
        consumer = self._open(message)
        self._lane.took_ring()
        self._lost += self._consumer.lost
        self._ears.ignore(self._consumer.fileno())
        self._consumer.close()
        self._consumer, self._cells = consumer, consumer.leases_free
        self._ears.hear(consumer.fileno())


def _like(theirs: str) -> str:
    """The backend of ours that reads the rings of theirs.

    Raises:
        HandshakeError: none does.
    """
    family = ("socket",) if theirs == "socket" else (backend(), "c", "python")
    for ours in family:
        if (ours == "socket") == (theirs == "socket") and available(ours):
            return ours
    raise HandshakeError(f"the sender's ring is of the kind {theirs!r}, which cannot be read here")
