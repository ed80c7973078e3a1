"""Stalls: a node that holds its thread so long that nothing else on it moves.

One thread of the process looks at the stacks of those that run segments. Where
a segment has not looked up since last time, the line of its generated code on
that stack tells the node.
"""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Final, cast

from streamflow.copies import running
from streamflow.metrics import Stall
from streamflow.scheduler.chunk import Chunk
from streamflow.scheduler.driver import Driver

logger: Final = logging.getLogger("streamflow.stall")


@dataclass(slots=True, eq=False)
class Watch:
    """Drivers that share a thread.

    Attributes:
        thread_id: where they run.
        drivers: whose turns are counted.
        limit: seconds without a turn that make a stall.
        stalls: what was found.
    """

    thread_id: int
    drivers: list[Driver]
    limit: float
    stalls: list[Stall] = field(default_factory=list[Stall])
    _turns: int = -1
    _since: float = 0.0
    _told: bool = False

    def look(self, frame: FrameType | None) -> None:
        """Look at the thread's stack."""
        turns = sum(driver.window.turns for driver in self.drivers)
        found = running(frame)
        now = monotonic()
        if turns != self._turns or found is None:
            self._turns, self._since, self._told = turns, now, False
            return
        held = now - self._since
        if held < self.limit or self._told or frame is None:
            return
        self._told = True
        step = cast("Chunk", found[0]).steps.get(found[1])
        if step is not None:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            self.stalls.append(Stall(step.node, held, where))
            logger.warning("node %r has held its thread for %.1f s at %s", step.node, held, where)


def node_at_work(thread_id: int | None) -> str | None:
    """The node that runs on a thread now, if one does."""
    found = running(sys._current_frames().get(thread_id or 0))
    if found is None:
        return None
    step = cast("Chunk", found[0]).steps.get(found[1])
    return step.node if step is not None else None


class Watchdog:
    """Looks at all watches, a few times in the shortest limit."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, watches: list[Watch]) -> None:
        """Begin to look."""
        with self._changed:
            self._watches.extend(watches)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="streamflow watchdog", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def remove(self, watches: list[Watch]) -> None:
        """Look no more."""
        with self._changed:
            self._watches = [watch for watch in self._watches if watch not in watches]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._watches:
                    self._changed.wait()
                self._changed.wait(min(watch.limit for watch in self._watches) / 4)
                watches = list(self._watches)
            frames = sys._current_frames()
            for watch in watches:
                watch.look(frames.get(watch.thread_id))


watchdog: Final = Watchdog()
"""The process's watchdog; its thread starts with the first execution and sleeps between them."""
