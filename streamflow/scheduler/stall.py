"""Stalls: a node that holds its thread so long that nothing else on it moves.

One thread of the process looks at the stacks of those that run segments. Where
a segment has not looked up since last time, the line of its generated code on
that stack tells the node.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter_ns
from types import FrameType
from typing import Final, cast

from streamflow.copies import running
from streamflow.errors import NodeTimeoutError
from streamflow.metrics import Stall
from streamflow.scheduler.chunk import Chunk
from streamflow.scheduler.driver import Driver

logger: Final = logging.getLogger("streamflow.stall")

GRACE: Final = 0.5
"""Seconds beyond its timeout that a call may come back, and cost no more than its item."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A call that has exceeded its node's timeout and cannot be interrupted.

    Attributes:
        node: its id.
        timeout: seconds that it may take.
        where: the file and line it stands on.
    """

    node: str
    timeout: float
    where: str

    def error(self) -> NodeTimeoutError:
        """What ends the run once the process is killed for it."""
        message = (
            f"it has not returned within {self.timeout:g} s, at {self.where}; "
            "its process was killed"
        )
        return NodeTimeoutError(self.node, "process", "TimeoutError", message)


@dataclass(slots=True, eq=False)
class Watch:
    """Drivers that share a thread.

    Attributes:
        thread_id: where they run.
        drivers: whose turns are counted.
        limit: seconds without a turn that make a stall.
        overdue: called with a call that exceeds its node's timeout, once; None
            where nothing could end it.
        stalled: called with each stall, if anybody wants to know at once.
        stalls: what was found.
    """

    thread_id: int
    drivers: list[Driver]
    limit: float
    overdue: Callable[[Overdue], None] | None = None
    stalled: Callable[[Stall], None] | None = None
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
        step = cast("Chunk", found[0]).steps.get(found[1])
        if step is None or frame is None:
            return
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if held >= self.limit and not self._told:
            self._told = True
            self.stalls.append(Stall(step.node, held, where))
            if self.stalled is not None:
                self.stalled(self.stalls[-1])
            logger.warning("node %r has held its thread for %.1f s at %s", step.node, held, where)
        if self.overdue is not None:
            self._look_at_calls(step.node, where)

    def _look_at_calls(self, node: str, where: str) -> None:
        for driver in self.drivers:
            call = driver.segment.guard.held
            if call is None or self.overdue is None:
                continue
            began, timeout = call
            if perf_counter_ns() - began > (timeout + GRACE) * 1e9:
                self.overdue(Overdue(node, timeout, where))
                self.overdue = None

    @property
    def period(self) -> float:
        """Seconds between two looks."""
        limits = [self.limit]
        if self.overdue is not None:
            for driver in self.drivers:
                timeouts = (node.options.timeout for node in driver.segment.nodes.values())
                limits += [timeout for timeout in timeouts if timeout is not None]
        return min(limits) / 4


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
                self._changed.wait(min(watch.period for watch in self._watches))
                watches = list(self._watches)
            frames = sys._current_frames()
            for watch in watches:
                watch.look(frames.get(watch.thread_id))


watchdog: Final = Watchdog()
"""The process's watchdog; its thread starts with the first execution and sleeps between them."""
