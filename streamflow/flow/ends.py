"""Ends: what a segment sees of a link, whatever lies between its two ends."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from streamflow.events import Event
from streamflow.flow.signal import Signal
from streamflow.metrics import EdgeReport


class SendingEnd(Protocol):
    """Where a segment hands items over; see `Link` for what each member promises."""

    name: str
    room: Signal
    sent: int
    dropped: dict[str, int]

    @property
    def never_blocks(self) -> bool:
        """Whether `try_send` always finds a way."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether an item more might fit."""
        ...

    def try_send(self, item: Any) -> bool:
        """Send an item if there is a credit for it."""
        ...

    async def send(self, item: Any) -> None:
        """Send an item, waiting for a credit as long as it takes."""
        ...

    def send_event(self, event: Event) -> None:
        """Send a control event."""
        ...

    def close(self) -> None:
        """End the stream behind what was sent."""
        ...

    def report(self) -> EdgeReport:
        """The ledger, or this end's half of it."""
        ...


class ReceivingEnd(Protocol):
    """Where a segment takes items; see `Link` for what each member promises."""

    name: str
    arrived: Signal
    room: Signal
    queue: deque[Any]
    events: deque[tuple[int, Event]]

    @property
    def removed(self) -> int:
        """How many items have left, taken or dropped."""
        ...

    @property
    def pending(self) -> bool:
        """Whether `take` or `next_event` would find something."""
        ...

    def take(self, count: int) -> list[Any]:
        """Take up to ``count`` items that wait, none beyond the next event's place."""
        ...

    def untake(self, items: list[Any]) -> None:
        """Give back, in order, items that were taken but not processed."""
        ...

    def next_event(self) -> Event | None:
        """The event whose place in the stream has come, taken out of its lane."""
        ...

    def look_ahead(self) -> None:
        """Bring in what waits elsewhere, so that `events` shows what is to come."""
        ...

    def preload(self, items: list[Any]) -> None:
        """Begin with items that an earlier run had sent."""
        ...

    def offer(self) -> None:
        """Let senders know of any room: the receiver is about to sleep."""
        ...

    def drop_all(self, reason: str) -> None:
        """Drop what waits, counted under ``reason``."""
        ...

    def report(self) -> EdgeReport:
        """The ledger, or this end's half of it."""
        ...


class ReadableEnd(ReceivingEnd, Protocol):
    """A receiving end that user code reads."""

    failure: BaseException | None
