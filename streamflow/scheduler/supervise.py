"""Supervision: starts drivers where they belong, and ends them all, whatever happens.

Every `initialize` returns before the first item; every `cleanup` runs once, on
the thread where its node lived; the first failure ends the others; and each
wait has a deadline, after which the node that holds it is named.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Final

from streamflow.errors import NodeError, NodeTimeoutError
from streamflow.metrics import Stall
from streamflow.node import Node
from streamflow.scheduler.build import Machine
from streamflow.scheduler.deadlock import can_deadlock, find_deadlock
from streamflow.scheduler.driver import Driver
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.placement import Inline, Placement, Thread
from streamflow.scheduler.stall import Overdue, Watch, node_at_work, watchdog

FIRST_LOOK: Final = 0.01
"""Seconds until the first look for a deadlock; two looks in a row must see it."""

RARELY: Final = 0.25
"""Seconds between looks once a run has gone on for long."""

GRACE: Final = 5.0
"""Seconds that a cancelled run waits for a thread before it names the node that holds it."""


class Supervisor:
    """Runs a machine.

    Args:
        machine: what to run.
        stall_after: seconds without a turn after which a node is reported.
        overdue: called when a call exceeds its node's timeout and nothing here
            can end it.
        stalled: called with each stall, at once.

    Attributes:
        initialized: nodes whose `initialize` was called, and which wait for their
            `cleanup`.
        warnings: what went wrong without ending the run, in words.
        stalls: nodes that held a thread.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        stall_after: float,
        overdue: Callable[[Overdue], None] | None = None,
        stalled: Callable[[Stall], None] | None = None,
    ) -> None:
        self.machine, self._overdue, self._stalled = machine, overdue, stalled
        self.warnings: list[str] = []
        self._stall_after = stall_after
        self._inline = Inline()
        self._threads: dict[str, Thread] = {}
        self.initialized: set[str] = set()
        self._tasks: list[asyncio.Task[Any]] = []
        self._watches: list[Watch] = []

    @property
    def stalls(self) -> list[Any]:
        """Nodes that held a thread too long, so far."""
        return [stall for watch in self._watches for stall in watch.stalls]

    def placement(self, driver: Driver) -> Placement:
        """Where a driver runs; a thread starts when first asked for."""
        name = driver.segment.plan.placement
        if not driver.segment.plan.threaded:
            return self._inline
        if name not in self._threads:
            self._threads[name] = Thread(name)
        return self._threads[name]

    async def initialize(self) -> None:
        """Call `initialize` of every node; segments concurrently, as do async nodes of one.

        Raises:
            NodeError: one failed; all have returned.
        """
        calls = [
            self.placement(driver).call(self._initialize_segment(driver))
            for driver in self.machine.drivers
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _initialize_segment(self, driver: Driver) -> None:
        waiting: list[Coroutine[Any, Any, None]] = []
        failures: list[Exception] = []
        for id in driver.segment.nodes:
            if id in driver.segment.retrying:
                waiting.append(self._initialize_again(driver, id))
                continue
            try:
                result = self._begin(id)
            except Exception as error:  # explained and raised below
                failures.append(node_error(id, "initialize", error))
                break
            if inspect.isawaitable(result):
                waiting.append(_await_phase(id, "initialize", result))
        results = await asyncio.gather(*waiting, return_exceptions=True)
        failures += [result for result in results if isinstance(result, Exception)]
        if failures:
            raise failures[0]

    def _begin(self, id: str) -> Any:
        """Call `initialize` of a node; its `cleanup` will be called, if it has one."""
        instance = self.machine.instances[id]
        if getattr(instance.cleanup, "__func__", None) is not Node.cleanup:
            self.initialized.add(id)
        return instance.initialize(self.machine.contexts[id])

    async def _initialize_again(self, driver: Driver, id: str) -> None:
        """Initialize a node whose calls are retried; each try that failed is cleaned up."""

        async def attempt() -> None:
            if id in self.initialized:
                self.initialized.remove(id)
                await _cleanup(self.machine, id)
            self.machine.contexts[id].emitted.clear()
            result = self._begin(id)
            if inspect.isawaitable(result):
                await result

        await _await_phase(id, "initialize", driver.segment.retrying[id].call(attempt))

    def launch(self) -> None:
        """Start all drivers."""
        loop = asyncio.get_running_loop()
        for driver in self.machine.drivers:
            placement = self.placement(driver)
            name = f"streamflow {driver.segment.head}"
            self._tasks.append(loop.create_task(placement.call(driver.drive()), name=name))
        self._watch()

    async def ended(self) -> BaseException | None:
        """Wait until all drivers have ended; the first failure, if there was one."""
        try:
            return await self._first_failure()
        finally:
            watchdog.remove(self._watches)

    def _watch(self) -> None:
        by_thread: dict[int, list[Driver]] = {}
        for driver in self.machine.drivers:
            by_thread.setdefault(self.placement(driver).thread_id or 0, []).append(driver)
        self._watches = [
            Watch(thread, drivers, self._stall_after, self._overdue, self._stalled)
            for thread, drivers in by_thread.items()
        ]
        watchdog.add(self._watches)

    async def _first_failure(self) -> BaseException | None:
        pending: set[asyncio.Task[Any]] = set(self._tasks)
        failure: BaseException | None = None
        tick = FIRST_LOOK if can_deadlock(self.machine) else None
        suspected = False
        while pending:
            finished, pending = await asyncio.wait(
                pending, timeout=tick, return_when=asyncio.FIRST_EXCEPTION
            )
            found = next((error for task in finished if (error := _error(task))), None)
            if found is None and not finished and tick is not None:
                deadlock = find_deadlock(self.machine)
                found, suspected = (deadlock if suspected else None), deadlock is not None
                tick = FIRST_LOOK if suspected else min(tick * 2, RARELY)
            if found is not None and failure is None:
                failure = found
                for task in pending:
                    task.cancel()
        return failure

    def cancel(self) -> None:
        """End all drivers where they stand."""
        for task in self._tasks:
            task.cancel()

    async def cleanup(self, id: str) -> NodeError | None:
        """Call `cleanup` of one node, where it lived; what failed."""
        self.initialized.remove(id)
        driver = self.machine.driver_of(id)
        try:
            if not driver.segment.plan.threaded:
                await _cleanup(self.machine, id)
                return None
            # A thread that does not return must not keep the others from cleaning up.
            call = asyncio.ensure_future(self.placement(driver).call(_cleanup(self.machine, id)))
            await asyncio.wait_for(asyncio.shield(call), GRACE)
        except TimeoutError:
            holder = node_at_work(self.placement(driver).thread_id) or id
            return _held(holder, "cleanup", GRACE)
        except NodeError as error:
            return error
        return None

    async def close(self) -> list[NodeError]:
        """End the threads; who held them up."""
        failures: list[NodeError] = []
        for thread in self._threads.values():
            thread.close()
        for name, thread in self._threads.items():
            if not await thread.join(GRACE):
                holder = node_at_work(thread.thread_id) or name.partition(":")[2]
                failures.append(_held(holder, "cleanup", GRACE))
        return failures

    def holder(self) -> str:
        """The node that keeps the run from ending, as far as can be told."""
        for driver, task in zip(self.machine.drivers, self._tasks, strict=False):
            if not task.done():
                at_work = node_at_work(self.placement(driver).thread_id)
                return at_work or driver.runner.in_hand or driver.segment.head
        return ""


async def _await_phase(id: str, phase: str, result: Any) -> None:
    try:
        await result
    except Exception as error:
        made = node_error(id, phase, error)
        raise made from made.__cause__


async def _cleanup(machine: Machine, id: str) -> None:
    try:
        result = machine.instances[id].cleanup()
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        raise node_error(id, "cleanup", error) from error


def _error(task: asyncio.Task[Any]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


def _held(node: str, phase: str, seconds: float) -> NodeTimeoutError:
    return NodeTimeoutError(node, phase, "TimeoutError", f"it has not returned after {seconds:g} s")
