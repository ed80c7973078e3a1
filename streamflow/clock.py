"""Clocks: how a pipeline's time passes.

A source that has a rate waits on its context's clock before it emits. Live, it
waits as long as the media takes; offline, not at all, and files are processed
as fast as the machine can. Tests bring a virtual clock of the same shape
(`streamflow.testing.VirtualClock`).
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import asyncio


class Clock:
    """Seconds since the execution began, and waits for them.

    Attributes:
        live: whether waiting for a time takes that time.
        threads: whether threads may wait on it; under a clock that says no,
            every placement runs inline.
    """

    live: ClassVar[bool] = True
    threads: ClassVar[bool] = True

    def __init__(self) -> None:
        self._origin = self._now()
        self._stopped = threading.Event()

    def __getstate__(self) -> dict[str, Any]:
        # Other processes of this machine count the same seconds; events do not travel.
        return {name: value for name, value in vars(self).items() if name != "_stopped"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._stopped = threading.Event()

    def _now(self) -> float:
        return monotonic()

    def new_event_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that this clock needs; None where any will do."""
        return None

    def start(self) -> None:
        """Make this moment time zero."""
        self._origin = self._now()
        self._stopped.clear()

    def stop(self) -> None:
        """Wake every thread that waits; it is told that the time has not come."""
        self._stopped.set()

    def time(self) -> float:
        """Seconds since the execution began."""
        return self._now() - self._origin

    async def sleep_until(self, time: float) -> None:
        """Return when the clock shows ``time`` (seconds)."""
        import asyncio

        await asyncio.sleep(max(0.0, time - self.time()))

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of the clock's time."""
        await self.sleep_until(self.time() + seconds)

    def wait_until(self, time: float) -> bool:
        """Hold the calling thread until ``time`` (seconds); False if the run stopped first."""
        return not self._stopped.wait(max(0.0, time - self.time()))


class LiveClock(Clock):
    """Time passes as on the wall."""


class OfflineClock(Clock):
    """Nobody waits: each time has come as soon as it is asked for."""

    live = False

    async def sleep_until(self, time: float) -> None:
        """Let other tasks run once, and return."""
        import asyncio

        await asyncio.sleep(0)

    def wait_until(self, time: float) -> bool:
        """Return at once; False if the run has stopped."""
        return not self._stopped.is_set()


def make_clock(clock: Clock | Literal["live", "offline"]) -> Clock:
    """The clock itself, or a new one of the kind named.

    >>> make_clock("offline").live
    False
    """
    if isinstance(clock, Clock):
        return clock
    kinds: dict[str, type[Clock]] = {"live": LiveClock, "offline": OfflineClock}
    if clock not in kinds:
        raise ValueError(f"clock must be 'live', 'offline' or a Clock, not {clock!r}")
    return kinds[clock]()
