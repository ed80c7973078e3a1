"""Delay lines: items wait side by side, and leave in the order they came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

from streamflow.context import NodeContext
from streamflow.events import Event
from streamflow.node import Node


class DelayLine(Node):
    """Emits each item a fixed time after it came, by the clock of the run.

    Args:
        seconds: how long each item waits, 0 or more.
        max_items: items that wait at once, at most; then the input waits too,
            and its items leave later.
    """

    is_streaming = True

    def __init__(self, seconds: float, max_items: int) -> None:
        self.seconds, self.max_items = seconds, max_items
        self._forget()

    def _forget(self) -> None:
        self._line: deque[tuple[float, Any]] = deque()  # when each may leave, and the item
        self._ended = False
        self._filled, self._room = asyncio.Event(), asyncio.Event()

    def initialize(self, ctx: NodeContext) -> None:
        """Take the clock."""
        self._forget()
        self._clock = ctx.clock

    async def process(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Yield each item when its time has come."""
        reader = asyncio.create_task(self._read(items))
        try:
            while self._line or not self._ended:
                if not self._line:
                    self._filled.clear()
                    await self._filled.wait()
                    continue
                entry = self._line[0]
                if entry[0] > self._clock.time():
                    await self._clock.sleep_until(entry[0])
                # An event may have dropped it meanwhile.
                if self._line and self._line[0] is entry:
                    self._line.popleft()
                    self._room.set()
                    yield entry[1]
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, items: AsyncIterator[Any]) -> None:
        try:
            while True:
                while len(self._line) >= self.max_items:
                    self._room.clear()
                    await self._room.wait()
                item = await anext(items, END)
                if item is END:
                    return
                self._line.append((self._clock.time() + self.seconds, item))
                self._filled.set()
        finally:
            self._ended = True
            self._filled.set()

    def on_event(self, event: Event) -> None:
        """Drop what waits, if the event says so."""
        if event.urgent:
            self._line.clear()
            self._room.set()

    def cleanup(self) -> None:
        """Let the items go."""
        self._forget()

    def get_state(self) -> list[tuple[float, Any]]:
        """The items that wait, each with the seconds that it has still to wait."""
        now = self._clock.time()
        return [(max(0.0, due - now), item) for due, item in self._line]

    def set_state(self, state: list[tuple[float, Any]]) -> None:
        """Let these items wait for the rest of their time."""
        now = self._clock.time()
        self._line = deque((now + left, item) for left, item in state)


END: Final = object()
