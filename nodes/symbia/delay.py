"""A line that items wait in, each for the same time from when it came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

from streamflow.context import NodeContext
from streamflow.events import Event
from streamflow.node import Node
from streamflow.nodes.symbia.checks import check_milliseconds

MAX_WAITING: Final = 1_000
"""Items that wait at once; with more, the input waits."""


class Delay(Node):
    """Emits each item ``delayMs`` milliseconds after it came, by the clock of the run.

    Items wait beside each other, so that as many leave in a second as come. An
    event that drops what is under way drops what waits.

    Args:
        delayMs: milliseconds.

    Raises:
        ValueError: it is less than 0.

    >>> import streamflow as sf
    >>> from streamflow.testing import VirtualClock
    >>> report = sf.Pipeline(Delay(5_000)).run([1, 2, 3], clock=VirtualClock())
    >>> report.results, report.duration
    ([1, 2, 3], 5.0)
    """

    is_streaming = True

    def __init__(self, delayMs: float = 1_000) -> None:
        check_milliseconds("delayMs", delayMs, zero=True)
        self.seconds = delayMs / 1_000
        self._begin()

    def _begin(self) -> None:
        self._waiting: deque[tuple[float, Any]] = deque()  # when each may leave, and the item
        self._came, self._left = asyncio.Event(), asyncio.Event()

    def initialize(self, ctx: NodeContext) -> None:
        """Take the clock."""
        self._begin()
        self._clock = ctx.clock

    async def process(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Yield each item when its time has come."""
        reader = asyncio.create_task(self._read(items))
        reader.add_done_callback(lambda _: self._came.set())
        try:
            while self._waiting or not reader.done():
                if not self._waiting:
                    self._came.clear()
                    await self._came.wait()
                    continue
                first = self._waiting[0]
                await self._clock.sleep_until(first[0])
                # An event may have dropped it meanwhile.
                if self._waiting and self._waiting[0] is first:
                    self._waiting.popleft()
                    self._left.set()
                    yield first[1]
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, items: AsyncIterator[Any]) -> None:
        async for item in items:
            while len(self._waiting) >= MAX_WAITING:
                self._left.clear()
                await self._left.wait()
            self._waiting.append((self._clock.time() + self.seconds, item))
            self._came.set()

    def on_event(self, event: Event) -> None:
        """Drop what waits, if the event says so."""
        if event.urgent:
            self._waiting.clear()
            self._left.set()

    def cleanup(self) -> None:
        """Let the items go."""
        self._begin()

    def get_state(self) -> list[tuple[float, Any]]:
        """The items that wait, each with the seconds that it has still to wait."""
        now = self._clock.time()
        return [(max(0.0, due - now), item) for due, item in self._waiting]

    def set_state(self, state: list[tuple[float, Any]]) -> None:
        """Let these items wait for the rest of their time."""
        now = self._clock.time()
        self._waiting = deque((now + left, item) for left, item in state)
