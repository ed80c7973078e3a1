"""Virtual time: it passes only when every task waits, and then jumps to the next timer.

While anything can run, time stands still; so what a test sees depends on no
machine's speed. An hour of `asyncio.sleep` takes as long as what happens in it.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

from streamflow.clock import Clock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualClock(Clock):
    """A clock whose time no one has to wait for.

    Give it to `Pipeline.run`, or run a coroutine of your own under it with
    `run`. On its event loop `asyncio.sleep`, `asyncio.timeout` and all other
    timers go by virtual time. All placements run inline. Work in executors
    (``asyncio.to_thread``) holds time still until it is done.

    Args:
        patience: real seconds to wait for I/O before time jumps; for tests
            that talk over real sockets or pipes.
        watchdog: real seconds after which a loop on which nothing can happen
            any more is given up; None waits for ever.

    Raises:
        ValueError: patience is less than 0, or watchdog not more.

    >>> async def hour(clock):
    ...     clock.start()
    ...     await asyncio.sleep(3600)
    ...     return clock.time()
    >>> clock = VirtualClock()
    >>> clock.run(hour(clock))
    3600.0
    """

    threads = False

    def __init__(self, *, patience: float = 0.0, watchdog: float | None = 10.0) -> None:
        if patience < 0:
            raise ValueError(f"patience must be 0 seconds or more, not {patience}")
        if watchdog is not None and watchdog <= 0:
            raise ValueError(f"watchdog must be more than 0 seconds, not {watchdog}")
        self.patience, self.watchdog = patience, watchdog
        self._passed = 0.0
        super().__init__()

    def _now(self) -> float:
        return self._passed

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A loop that goes by this clock."""
        return VirtualLoop(self)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in virtual time, as `asyncio.run` does in real time."""
        with asyncio.Runner(loop_factory=self.new_event_loop) as runner:
            return runner.run(main)

    def start(self) -> None:
        """Make this moment time zero.

        Raises:
            RuntimeError: the loop that runs goes by another clock.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop) or loop.clock is not self:
            raise RuntimeError(
                f"a VirtualClock needs an event loop of its own, not {type(loop).__name__}: "
                "call pipeline.run(clock=clock), or clock.run(your_coroutine())"
            )
        super().start()

    def advance(self, seconds: float) -> None:
        """Let time pass while the caller holds the thread, as a call that blocks would.

        Raises:
            ValueError: seconds is less than 0.
        """
        if seconds < 0:
            raise ValueError(f"seconds must be 0 or more, not {seconds}")
        self._passed += seconds

    def wait_until(self, time: float) -> bool:
        """Let time pass until ``time`` (seconds); False, at once, if the run has stopped."""
        if self._stopped.is_set():
            return False
        self.advance(max(0.0, time - self.time()))
        return True


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that goes by a virtual clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._outside = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Virtual seconds; what timers go by."""
        return self.clock._passed

    def jump(self, seconds: float) -> bool:
        """Let time pass until the next timer; False where something outside comes first."""
        if self._outside:
            return False
        self.clock.advance(seconds)
        return True

    def keep_resolution(self) -> None:
        """Keep the smallest step of time one that a float of this size can take.

        A timer is due at ``when < time + resolution``; after some months the
        usual nanosecond is lost in that sum, and no timer would ever be due.
        """
        self._clock_resolution = max(1e-9, 2 * math.ulp(self.time()))

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As in any loop; time stands still until the call has returned."""
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, future: asyncio.Future[Any]) -> None:
        self._outside -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the executor's threads; in real time, so without a virtual limit."""
        self._outside += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._outside -= 1

    def stuck(self, seconds: float) -> TimeoutError:
        """The error that says that nothing happens any more, and who waits where."""
        waiting = sorted(f"{task.get_name()} at {standing_at(task)}" for task in _tasks_of(self))
        outside = f", {self._outside} calls in executors have not returned" * (self._outside > 0)
        return TimeoutError(
            f"nothing has happened for {seconds:g} real seconds, and no timer will change that"
            f"{outside}; {len(waiting)} tasks wait: {'; '.join(waiting)}"
        )


class _Selector(selectors.DefaultSelector):
    """Looks for I/O; where there is none, time jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._select(timeout)
        self._loop.keep_resolution()
        return ready

    def _select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        clock = self._loop.clock
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is not None:
            ready = super().select(clock.patience)
            if ready or self._loop.jump(timeout):
                return ready
        ready = super().select(clock.watchdog)
        if not ready and clock.watchdog is not None:
            raise self._loop.stuck(clock.watchdog)
        return ready


def _tasks_of(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks(loop) if not task.done()}


def standing_at(task: asyncio.Task[Any]) -> str:
    """File and line at which the innermost coroutine of a task waits."""
    awaited: Any = task.get_coro()
    where = "its start"
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return where
