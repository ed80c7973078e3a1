"""Links: running edges between two segments, bounded by credits.

A sender spends a credit for each item; the receiver grants it back as it takes.
Whoever waits is woken at an edge only, empty to filled or full to half empty,
and then has a window's worth of work. Every item is accounted for:
``sent == received + sum(dropped) + in_flight``.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from itertools import repeat, starmap
from typing import Any, Final

from streamflow.errors import LinkClosed, LinkFull
from streamflow.events import End, Event
from streamflow.flow.limits import Budget, Gauge, nbytes_of
from streamflow.flow.signal import Signal
from streamflow.graph import Queue
from streamflow.metrics import EdgeReport

DEFAULT_ITEMS: Final = 32


class Link:
    """A bounded queue with one receiving segment, on the same thread or another.

    Attributes:
        name: ``source.port -> target.port``.
        queue: items that wait.
        events: (position, event): the event comes before the item of that number.
        max_items: the window.
        sent: items that entered.
        dropped: items lost, by reason.
        arrived: wakes the receiver.
        room: wakes senders.
    """

    __slots__ = (
        "_budget",
        "_closed",
        "_dropping",
        "_evicted",
        "_free",
        "_gauge",
        "_low",
        "_policy",
        "arrived",
        "dropped",
        "events",
        "max_items",
        "name",
        "queue",
        "received",
        "room",
        "sent",
    )

    def __init__(
        self,
        name: str,
        options: Queue | None = None,
        arrived: Signal | None = None,
        budget: Budget | None = None,
    ) -> None:
        options = options or Queue()
        self.name = name
        self.max_items = options.max_items or DEFAULT_ITEMS
        self.queue: deque[Any] = deque()
        self.events: deque[tuple[int, Event]] = deque()
        self.sent = self.received = self._evicted = 0
        self.dropped: dict[str, int] = {}
        self.arrived, self.room = arrived or Signal(), Signal()
        self._low = self.max_items // 2
        self._policy = options.policy
        self._closed = False
        # Items may be dropped by the sender, and from outside, at once.
        self._dropping = threading.Lock()
        measured = options.max_bytes or options.max_time or budget
        self._gauge = Gauge(options.max_bytes, options.max_time) if measured else None
        # Items up to which an item enters without a further look.
        self._free = 0 if measured else self.max_items
        self._budget = budget
        if budget is not None:
            budget.freed.append(self.room)

    @property
    def removed(self) -> int:
        """How many items have left the queue, taken or dropped."""
        # Two counters with one writer each: the receiver's and the sender's.
        return self.received + self._evicted

    @property
    def never_blocks(self) -> bool:
        """Whether `try_send` always finds a way."""
        return self._policy != "block"

    def try_send(self, item: Any) -> bool:
        """Send an item if there is a credit for it.

        Returns:
            False if the sender must wait: only under ``policy="block"``.

        Raises:
            LinkClosed: the sender has ended this link.
            LinkFull: there is no credit, and ``policy="error"``.
        """
        queue = self.queue
        if len(queue) >= self._free:
            return self._send_checked(item)
        queue.append(item)
        self.sent += 1
        if self.arrived.waiters:
            self.arrived.wake()
        return True

    async def send(self, item: Any) -> None:
        """Send an item, waiting for a credit as long as it takes."""
        while not self.try_send(item):
            if self._gauge is None:
                await self.room.wait(lambda: self.has_room)
            else:
                await self.room.wait(partial(self._fits, item, nbytes_of(item)))

    def _send_checked(self, item: Any) -> bool:
        if self._closed:
            raise LinkClosed(f"{self.name}: the sender has ended this link")
        if self._gauge is None and self._policy == "block":
            return False  # full: there is no other bound
        nbytes = nbytes_of(item) if self._gauge is not None else 0
        while not self._fits(item, nbytes):
            if self._policy == "block":
                return False
            if self._policy == "error":
                raise LinkFull(f"{self.name} is full: {self._fill()}")
            if self._policy == "drop_newest":
                self.sent += 1
                self._count_drop("drop_newest")
                return True
            self._drop_queued(1 if self._policy == "drop_oldest" else len(self.queue))
        if self._gauge is not None:
            self._gauge.add(item, nbytes)
        if self._budget is not None:
            self._budget.spend(nbytes)
        self.sent += 1
        self.queue.append(item)
        if self.arrived.waiters:
            self.arrived.wake()
        return True

    def _fits(self, item: Any, nbytes: int) -> bool:
        # An empty link takes one item whatever it weighs: so the receiver always
        # has work, and the graph moves however tight the bound.
        if not self.queue:
            return True
        if len(self.queue) >= self.max_items:
            return False
        if self._gauge is not None and not self._gauge.fits(item, nbytes):
            return False
        return self._budget is None or self._budget.fits(nbytes)

    def _fill(self) -> str:
        return f"{len(self.queue)} of {self.max_items} items wait"

    def _drop_queued(self, count: int) -> None:
        for _ in range(count):
            if not self._evict(self._policy):
                return

    def _evict(self, reason: str) -> bool:
        """Drop the item at the front; false if none waits."""
        with self._dropping:
            try:
                self.queue.popleft()
            except IndexError:  # the receiver, on its thread, was faster
                return False
            self._evicted += 1
        self._forget()
        self._count_drop(reason)
        return True

    def _count_drop(self, reason: str, count: int = 1) -> None:
        with self._dropping:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def _forget(self) -> None:
        if self._gauge is None:
            return
        nbytes = self._gauge.remove()
        if self._budget is not None:
            self._budget.refund(nbytes)

    def take(self, count: int) -> list[Any]:
        """Take up to ``count`` items that wait, none beyond the next event's place."""
        items: list[Any]
        if self._gauge is not None or self._policy != "block" or self.events:
            items = self._take_checked(count)
        else:
            items = []
            queue = self.queue
            # No item is in flight between queue and list when this breaks off:
            # one may have been dropped from another thread meanwhile.
            try:  # noqa: SIM105 - suppress() costs as much as ten items
                items.extend(starmap(queue.popleft, repeat((), min(count, len(queue)))))
            except IndexError:
                pass
            self.received += len(items)
        if self.room.waiters and (len(self.queue) <= self._low or self._gauge is not None):
            self.room.wake()
        return items

    def _take_checked(self, count: int) -> list[Any]:
        items: list[Any] = []
        while len(items) < count:
            # What the sender drops meanwhile changes which item is first, and
            # so whether an event comes before it.
            with self._dropping:
                if not self.queue or (self.events and self.events[0][0] <= self.removed):
                    break
                items.append(self.queue.popleft())
                self.received += 1
            self._forget()
        return items

    @property
    def has_room(self) -> bool:
        """Whether an item more might fit."""
        return len(self.queue) < self.max_items

    def offer(self) -> None:
        """Wake senders if there is any room at all: the receiver is about to sleep.

        While it is awake they sleep until the queue is half empty, so that a
        wake-up is worth a window. But what it waits for may come from them.
        """
        if self.room.waiters and self.has_room:
            self.room.wake()

    def untake(self, items: list[Any]) -> None:
        """Give back, in order, items that were taken but not processed."""
        self.queue.extendleft(reversed(items))
        self.received -= len(items)
        if self._gauge is not None:
            for item in reversed(items):
                nbytes = nbytes_of(item)
                self._gauge.put_back(item, nbytes)
                if self._budget is not None:
                    self._budget.spend(nbytes)

    def look_ahead(self) -> None:
        """Bring in what waits elsewhere: nothing does."""

    def preload(self, items: list[Any]) -> None:
        """Begin with items that an earlier run had sent, as many as they are."""
        for item in items:
            nbytes = nbytes_of(item) if self._gauge is not None else 0
            if self._gauge is not None:
                self._gauge.add(item, nbytes)
            if self._budget is not None:
                self._budget.spend(nbytes)
        self.queue.extend(items)
        self.sent += len(items)

    def next_event(self) -> Event | None:
        """The event whose place in the stream has come, taken out of its lane."""
        if self.events and self.events[0][0] <= self.removed:
            return self.events.popleft()[1]
        return None

    @property
    def pending(self) -> bool:
        """Whether `take` or `next_event` would find something."""
        return bool(self.queue) or bool(self.events and self.events[0][0] <= self.removed)

    def send_event(self, event: Event) -> None:
        """Send a control event: in its place behind what was sent, or at once if urgent."""
        if event.urgent:
            self.drop_all("flushed")
            behind = sum(other.urgent for _, other in self.events)
            self.events.insert(behind, (0, event))
        else:
            self.events.append((self.sent - self._lost_on_entry(), event))
        if self.arrived.waiters:
            self.arrived.wake()

    def _lost_on_entry(self) -> int:
        # drop_newest counts what never entered the queue; places count what did.
        return self.dropped.get("drop_newest", 0)

    def close(self) -> None:
        """End the stream behind what was sent."""
        if not self._closed:
            self._closed, self._free = True, 0
            self.send_event(End())

    def drop_all(self, reason: str) -> None:
        """Drop what waits, counted under ``reason``."""
        while self._evict(reason):
            pass
        self.room.wake()

    def report(self) -> EdgeReport:
        """A snapshot of the ledger."""
        waiting = len(self.queue)
        return EdgeReport(
            sent=self.sent,
            received=self.received,
            dropped=dict(self.dropped),
            in_flight=waiting,
            credits=max(0, self.max_items - waiting),
            max_items=self.max_items,
            bytes=self._gauge.bytes if self._gauge is not None else 0,
        )
