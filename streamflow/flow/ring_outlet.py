"""The sending end of a link between processes: a ring in shared memory, and its credits.

The sender spends a credit for each item that the receiver, in its process, has
not taken yet. Each end counts what it sees; the two accounts make one ledger.
Frames in shared memory are not copied on the way, any other is copied once.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from typing import Any, Final

from streamflow.errors import LinkClosed, LinkFull
from streamflow.events import End, Event, Start
from streamflow.flow.limits import Budget, Gauge, nbytes_of
from streamflow.flow.link import DEFAULT_ITEMS
from streamflow.flow.signal import Signal
from streamflow.graph import LinkPolicy, Queue
from streamflow.ipc.layout import Policy
from streamflow.ipc.sender import Sender
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Wire
from streamflow.metrics import EdgeReport

LEASES: Final = 64
"""Items that may be held at the other end before they are copied there: by nodes, and by
what they were forwarded to, whose window is smaller."""

RING_POLICY: Final[dict[LinkPolicy, Policy]] = {
    "block": Policy.BLOCK,
    "drop_oldest": Policy.DROP_OLDEST,
    "drop_newest": Policy.BLOCK,
    "latest": Policy.LATEST,
    "error": Policy.BLOCK,
}
"""What the ring does at capacity; where it blocks, the outlet may decide otherwise."""


class RingOutlet:
    """The end that sends.

    Args:
        name: ``source.port -> target.port``.
        options: what the link holds.
        budget: of all links of this process together.
        attached: whether anybody reads; until then items pass by.
        mends: whether another receiver may take the place of one that has died;
            then items are kept here until they are taken.

    Attributes:
        sent: items that entered.
        dropped: items lost here, by reason.
        unread: items that passed by.
        room: wakes senders.
    """

    def __init__(
        self,
        name: str,
        options: Queue,
        budget: Budget | None = None,
        *,
        attached: bool = True,
        mends: bool = False,
    ) -> None:
        self.name, self.attached = name, attached
        self.max_items = options.max_items or DEFAULT_ITEMS
        self.sent = self.unread = 0
        self.dropped: dict[str, int] = {}
        self.room = Signal()
        self._policy: LinkPolicy = options.policy
        self._closed = False
        measured = options.max_bytes or options.max_time or budget
        self._gauge = Gauge(options.max_bytes, options.max_time) if measured else None
        self._budget = budget
        if budget is not None:
            budget.freed.append(self.room)
        self._sender: Sender | None = None
        self._receiver = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._weighed = 0
        self._untaken: deque[Any] | None = deque() if mends else None
        self._taken_before = 0
        self._abandoned = False

    def connect(self, wire: Wire, pool: SharedPool) -> None:
        """Begin a ring to whoever is at the other end of a wire.

        Args:
            wire: to it; owned from here on.
            pool: where frames are copied to that lie in no shared memory yet.
        """
        self._sender = Sender(slots=self.max_items, leases=LEASES, pool=pool, references=True)
        self._receiver = self._sender.connect(wire, RING_POLICY[self._policy])

    def reconnect(self, wire: Wire, pool: SharedPool) -> None:
        """Go on with another receiver; what the one before has not taken is sent again."""
        untaken = self._settle_taken()
        self._give_up()
        self.connect(wire, pool)
        self.send_event(Start())
        for item in untaken:
            self._ring.try_send(item)
        if self._closed:
            self._end()
        if self._loop is not None:
            self._ring.watch(self._loop, self.room.wake)
        self.room.wake()

    def abandon(self) -> None:
        """The receiver has died, and none takes its place: what is sent from here on is lost."""
        lost = self._settle_taken()
        self._abandoned = True
        self._count_drop("lost", len(lost))
        self._give_up()
        self.room.wake()

    def _settle_taken(self) -> list[Any]:
        """Count what a receiver took before it died; what it did not take, if that is kept."""
        waiting = self.waiting
        self._taken_before = self.sent - sum(self.dropped.values()) - waiting
        if self._untaken is None:
            return [None] * waiting
        kept = list(self._untaken)
        return kept[len(kept) - waiting :]

    def _give_up(self) -> None:
        if self._sender is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._sender.unwatch(self._loop)
        self._sender.close(0.0)
        self._sender = None

    @property
    def _ring(self) -> Sender:
        if self._sender is None:
            raise LinkClosed(f"{self.name}: it leads nowhere yet")
        return self._sender

    @property
    def never_blocks(self) -> bool:
        """Whether `try_send` always finds a way."""
        return self._policy != "block"

    @property
    def waiting(self) -> int:
        """Items that the receiver has not taken."""
        return self._sender.pending(self._receiver) if self._sender is not None else 0

    @property
    def taken(self) -> int:
        """Items that receivers which have died had taken."""
        return self._taken_before

    @property
    def has_room(self) -> bool:
        """Whether an item more might fit."""
        return self.waiting < self.max_items

    def try_send(self, item: Any) -> bool:
        """Send an item if there is a credit for it.

        Returns:
            False if the sender must wait: only under ``policy="block"``.

        Raises:
            LinkClosed: the sender has ended this link.
            LinkFull: there is no credit, and ``policy="error"``.
            PicklingError: the item cannot travel.
        """
        if not self.attached:
            self.unread += 1
            return True
        if self._closed:
            raise LinkClosed(f"{self.name}: the sender has ended this link")
        if self._abandoned:
            self.sent += 1
            self._count_drop("lost")
            return True
        if self._gauge is not None and not self._fits(item):
            return self._refused()
        if not self._ring.try_send(item):
            return self._refused()
        self.sent += 1
        if self._gauge is not None:
            self._weigh(item)
        if self._untaken is not None:
            self._keep(item)
        return True

    def _keep(self, item: Any) -> None:
        if self._untaken is not None:
            self._untaken.append(item)
            while len(self._untaken) > self.max_items:
                self._untaken.popleft()

    def _refused(self) -> bool:
        if self._policy == "error":
            raise LinkFull(f"{self.name} is full: {self.waiting} of {self.max_items} items wait")
        if self._policy != "drop_newest":
            return False
        self.sent += 1
        self._count_drop("drop_newest")
        return True

    def _count_drop(self, reason: str, count: int = 1) -> None:
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    async def send(self, item: Any) -> None:
        """Send an item, waiting for a credit as long as it takes."""
        while not self.try_send(item):
            self._watch()
            await self.room.wait(lambda: self._has_credit(item))

    def _has_credit(self, item: Any) -> bool:
        # Asks the ring to wake us, and looks again.
        if self._ring.arm():
            return False
        return self._gauge is None or self._fits(item)

    def _watch(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._ring.watch(self._loop, self.room.wake)

    def _fits(self, item: Any) -> bool:
        if self._gauge is None:
            return True
        waiting = self.waiting
        self._forget_taken(waiting)
        if not waiting:
            return True
        nbytes = nbytes_of(item)
        return self._gauge.fits(item, nbytes) and (
            self._budget is None or self._budget.fits(nbytes)
        )

    def _forget_taken(self, waiting: int) -> None:
        """Let the gauge count what waits, no more what has been taken."""
        while self._gauge is not None and self._weighed > waiting:
            self._weighed -= 1
            nbytes = self._gauge.remove()
            if self._budget is not None:
                self._budget.refund(nbytes)

    def _weigh(self, item: Any) -> None:
        if self._gauge is not None:
            nbytes = nbytes_of(item)
            self._weighed += 1
            self._gauge.add(item, nbytes)
            if self._budget is not None:
                self._budget.spend(nbytes)

    def send_event(self, event: Event) -> None:
        """Send a control event: in its place behind what was sent, or at once if urgent."""
        if self._sender is None:
            return
        # drop_newest counts what never entered the ring; places count what did.
        position = self.sent - self.dropped.get("drop_newest", 0)
        data = pickle.dumps((position, event), 5)
        if event.urgent:
            self._sender.send_urgent(data)
        else:
            self._sender.send_event(data)

    def drop_all(self, reason: str) -> None:
        """What waits is the receiver's to drop; wakes senders."""
        self.room.wake()

    def close(self) -> None:
        """End the stream behind what was sent."""
        if not self._closed:
            self._closed = True
            self._end()

    def _end(self) -> None:
        self.send_event(End())
        if self._sender is not None:
            self._sender.finish()

    def free(self) -> None:
        """Give up the ring; what the receiver holds stays readable."""
        self.close()
        self._give_up()

    def report(self) -> EdgeReport:
        """This end's half of the ledger."""
        waiting = self.waiting
        self._forget_taken(waiting)
        return EdgeReport(
            sent=self.sent,
            received=self._taken_before,
            dropped=dict(self.dropped),
            in_flight=waiting,
            credits=max(0, self.max_items - waiting),
            max_items=self.max_items,
            bytes=self._gauge.bytes if self._gauge is not None else 0,
            copied_bytes=self._sender.copied if self._sender is not None else 0,
        )
