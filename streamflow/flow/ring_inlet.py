"""The receiving end of a link between processes: takes from a ring, in order and with its events.

What was sent comes first, whatever has become of the sender. Then the stream has
ended, or goes on with the sender that took its place.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import select
from collections import deque
from typing import Any, Final

from streamflow.errors import PeerLost
from streamflow.events import End, Event
from streamflow.flow.signal import Signal
from streamflow.graph import Queue
from streamflow.ipc.receiver import Control, Receiver
from streamflow.ipc.wire import Wire
from streamflow.metrics import EdgeReport

logger: Final = logging.getLogger("streamflow.ring")

WINDOW: Final = 64
"""Items that are brought in at a time."""


class RingInlet:
    """The end that receives.

    Args:
        name: ``source.port -> target.port``.
        options: what the link holds.
        singly: bring in one item at a time, so that no more is lost if this
            process dies.

    Attributes:
        queue: items that were taken and given back.
        events: (position, event): the event comes before the item of that number.
        received: items that were taken.
        dropped: items lost on the way, by reason.
        arrived: wakes the receiver.
        room: no sender waits here: it does so at its own end.
        failure: what to raise when the stream breaks off.
    """

    def __init__(self, name: str, options: Queue, *, singly: bool = False) -> None:
        self.name, self.arrived, self.room = name, Signal(), Signal()
        self.queue: deque[Any] = deque()
        self.events: deque[tuple[int, Event]] = deque()
        self.received = 0
        self.dropped: dict[str, int] = {}
        self.failure: BaseException | None = None
        self._policy = options.policy
        # What a lossy ring may drop must stay in it until it is wanted.
        blocks = options.policy in ("block", "error", "drop_newest")
        self._window = min(options.max_items or WINDOW, WINDOW) if blocks and not singly else 1
        self._wire: Wire | None = None
        self._lost_before = self._sent_before = 0
        self._abandoned = False
        self._receiver: Receiver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def connect(self, wire: Wire) -> None:
        """Receive from whoever is at the other end of a wire, which is owned from here on.

        It may not have begun its ring yet: that is waited for when first looked
        at. If there was another sender before, what it sent comes first.
        """
        if self._wire is not None:
            self._wire.close()
        self._wire = wire
        self.arrived.wake()

    def abandon(self) -> None:
        """The sender has died, and none takes its place: behind what it sent, the stream ends."""
        self._abandoned = True
        self.arrived.wake()

    def _succeed(self) -> bool:
        """The sender is lost: go on to the next, or end; whether there is something to take."""
        if self._receiver is None:
            return False
        if not self._abandoned and self._wire is None:
            return False  # whoever watches over processes knows more of it
        self._sent_before = self.removed + len(self.queue)
        self._close_receiver()
        if self._abandoned:
            self.events.append((self.removed + len(self.queue), End()))
            return True
        self._watch()
        return False

    def _close_receiver(self) -> None:
        if self._receiver is None:
            return
        self._lost_before += self._receiver.lost
        self._receiver.close()
        self._receiver = None

    def _ready(self) -> Receiver | None:
        """The receiver, once the other end has begun its ring."""
        if self._receiver is None and self._wire is not None and _readable(self._wire):
            self._receiver = Receiver(
                self._wire, trusted=True, name=self.name, when_short=self._short
            )
            self._wire = None
            self._watch()
        return self._receiver

    def _short(self, held: int) -> None:
        _, _, node = self.name.partition(" -> ")
        logger.warning(
            "%s holds %d items that came from another process; what comes from here on "
            "is copied for it. Keep copies of frames, not the frames",
            node or self.name,
            held,
        )

    @property
    def removed(self) -> int:
        """How many items have left, taken or dropped."""
        return self.received + sum(self.dropped.values()) + self._lost

    @property
    def _lost(self) -> int:
        return self._lost_before + (self._receiver.lost if self._receiver is not None else 0)

    @property
    def pending(self) -> bool:
        """Whether `take` or `next_event` would find something."""
        return bool(self.queue or self.events) or self._fetch()

    def _fetch(self) -> bool:
        """Bring in what waits, a window at most; whether there was anything."""
        receiver = self._ready()
        if receiver is None:
            return False
        try:
            values = receiver.take_many(self._window)
        except PeerLost:
            return self._succeed()
        urgent: list[tuple[int, Event]] = []
        for value in values:
            if not isinstance(value, Control):
                self.queue.append(value)
            elif value.urgent:
                urgent.append(pickle.loads(value.data))
            else:
                _, event = pickle.loads(value.data)
                self.events.append((self.removed + len(self.queue), event))
        for position, event in urgent:
            self._drop_before(position, "flushed")
            behind = sum(other.urgent for _, other in self.events)
            self.events.insert(behind, (0, event))
        return bool(values)

    def look_ahead(self) -> None:
        """Bring in what waits in the ring, so that `events` shows what is to come."""
        self._fetch()

    def preload(self, items: list[Any]) -> None:
        """Begin with items that an earlier run had sent; nobody has sent them in this one."""
        self.queue.extend(items)
        self._sent_before += len(items)

    def take(self, count: int) -> list[Any]:
        """Take up to ``count`` items that wait, none beyond the next event's place."""
        if not self.queue and not self.events:
            self._fetch()
        items: list[Any] = []
        if self.events:
            count = min(count, self.events[0][0] - self.removed)
        while self.queue and len(items) < count:
            items.append(self.queue.popleft())
        self.received += len(items)
        return items

    def untake(self, items: list[Any]) -> None:
        """Give back, in order, items that were taken but not processed."""
        self.queue.extendleft(reversed(items))
        self.received -= len(items)

    def next_event(self) -> Event | None:
        """The event whose place in the stream has come, taken out of its lane."""
        if not self.events and not self.queue:
            self._fetch()
        if self.events and self.events[0][0] <= self.removed:
            return self.events.popleft()[1]
        return None

    def offer(self) -> None:
        """Ask to be woken when something comes: the receiver is about to sleep."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._watch()
        if self._receiver is not None:
            self._receiver.arm()

    def _watch(self) -> None:
        if self._loop is None:
            return
        if self._receiver is not None:
            self._receiver.watch(self._loop, self.arrived.wake)
        elif self._wire is not None:
            self._loop.add_reader(self._wire.fileno(), self._begun)

    def _begun(self) -> None:
        if self._loop is not None and self._wire is not None:
            self._loop.remove_reader(self._wire.fileno())
            self.arrived.wake()

    def drop_all(self, reason: str) -> None:
        """Drop what waits, counted under ``reason``."""
        self._drop_before(None, reason)

    def _drop_before(self, position: int | None, reason: str) -> None:
        while position is None or self.removed < position:
            if not self.queue and not self._fetch():
                return
            if self.queue:
                self.queue.popleft()
                self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def free(self) -> None:
        """Give up the ring; what was received stays readable."""
        self._close_receiver()
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def report(self) -> EdgeReport:
        """This end's half of the ledger."""
        dropped = dict(self.dropped)
        if self._lost:
            dropped[self._policy] = self._lost
        copied = self._receiver.copied if self._receiver is not None else 0
        return EdgeReport(
            sent=self._sent_before,
            received=self.received,
            dropped=dropped,
            copied_bytes=copied,
        )


def _readable(wire: Wire) -> bool:
    poll = select.poll()
    poll.register(wire.fileno(), select.POLLIN)
    return bool(poll.poll(0))
