"""Executions: one run of a pipeline, from the outside.

An execution moves from pending over initializing to running, may be paused and
resumed, and ends completed, failed or cancelled. However it ends, every node
that was initialized is cleaned up, and every item is accounted for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from streamflow.clock import Clock
from streamflow.errors import NodeTimeoutError
from streamflow.events import Event
from streamflow.flow.signal import Signal
from streamflow.ipc.pool import Pool
from streamflow.lifecycle import Lifecycle, State
from streamflow.metrics import ProcessReport, Report
from streamflow.node import Node
from streamflow.scheduler.access import Access
from streamflow.scheduler.accounts import combined
from streamflow.scheduler.build import Options
from streamflow.scheduler.checkpointing import Checkpointing, NoCheckpoints
from streamflow.scheduler.conduct import cleanup, ended_by, holder_of, initialize, late
from streamflow.scheduler.local import Local
from streamflow.scheduler.part import About, Part
from streamflow.scheduler.plan import Plan
from streamflow.scheduler.supervise import GRACE

if TYPE_CHECKING:
    from pathlib import Path

    from streamflow.scheduler.crew import Crew

STALL_AFTER = 1.0
"""Seconds that a node may hold its thread before it is reported."""


class Execution:
    """One run; made by `Pipeline.start`.

    Use it as an async context manager: entering it initializes the nodes,
    leaving it stops what still runs. Items begin to flow at the first await in
    its body, so that `outputs` asked for before that miss nothing.

    Args:
        name: the pipeline's.
        plan: what to run.
        instances: the nodes, by id.
        clock: how time passes.
        options: how it is built.
        inputs: node id → items for its input port.
        session_id: for the nodes' contexts.
        metadata: likewise.
        stall_after: seconds after which a node that holds its thread is reported.
        timeout: seconds for the whole run, or None.
        checkpointing: what checkpoints are taken, or None.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        instances: Mapping[str, Node],
        *,
        clock: Clock,
        options: Options,
        inputs: Mapping[str, Iterable[Any] | AsyncIterator[Any]] | None = None,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        stall_after: float = STALL_AFTER,
        timeout: float | None = None,
        checkpointing: Checkpointing | None = None,
    ) -> None:
        self._timeout = timeout
        self.id = uuid4().hex
        self.name, self.clock = name, clock
        self._life, self._plan = Lifecycle(name), plan
        about = About(self.id, session_id, metadata or {})
        inputs = inputs or {}
        self._crew: Crew | None = None
        if plan.processes:
            self._crew = make_crew(about, plan, instances, clock, options, inputs, stall_after)
        self._here = Local(
            about,
            plan.part(None),
            instances,
            clock=clock,
            options=options,
            inputs=inputs,
            ends=self._crew.ends if self._crew is not None else None,
            make_pool=self._crew.make_pool if self._crew is not None else Pool,
            stall_after=stall_after,
        )
        self._parts: list[Part] = [self._here, *(self._crew.remotes if self._crew else ())]
        self._access = Access(plan, self._parts)
        streams = self._crew.streams if self._crew is not None else ()
        around = plan, self._parts, streams, self._here.machine
        self._checkpoints = make_checkpoints(checkpointing, *around)
        self._warnings: list[str] = []
        self._duration: float | None = None
        self._failure: BaseException | None = None
        self._stopping = False
        self._finished: asyncio.Future[None] | None = None
        self._ended = Signal()

    @property
    def state(self) -> State:
        """Where the execution is in its life."""
        return self._life.state

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            await self._abort()
        elif not self.state.final:
            await self.stop()

    async def begin(self) -> None:
        """Initialize the nodes, and let items flow from the next turn of the loop on.

        Raises:
            NodeError: a node could not be initialized; all were cleaned up.
            StateError: it has begun already.
            TimeoutError: that alone took longer than the whole run may.
            CheckpointError: checkpoints cannot be taken, or not be gone on from.
        """
        self._life.move(State.INITIALIZING)
        self._finished = asyncio.get_running_loop().create_future()
        self.clock.start()
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                self._checkpoints.open()
                if self._crew is not None:
                    await self._crew.start()
                await initialize(self._parts)
                await self._checkpoints.restore()
        except BaseException as error:
            failure = late(self.name, self._timeout) if limit.expired() else error
            await self._end(failure)
            raise failure from failure.__cause__
        self._life.move(State.RUNNING)
        for part in self._parts:
            part.launch()
        if self._crew is not None:
            self._crew.launch(self._here)
        self._checkpoints.launch()
        self._ending = asyncio.ensure_future(self._conduct(limit.when()))

    async def _conduct(self, deadline: float | None) -> None:
        failure = await ended_by(self._parts, deadline, lambda: late(self.name, self._timeout))
        if failure is None and not self._stopping:
            await self._checkpoints.conclude()
        await self._end(failure)

    async def _end(self, failure: BaseException | None) -> None:
        """Clean up, settle the ledger, and move to the final state."""
        await self._checkpoints.close()
        failures: list[Exception] = [*await cleanup(self._parts, self._plan.topology.order)]
        if failure is None and failures and not self._stopping:
            failure = failures.pop(0)
        if self._crew is not None:
            await self._crew.finish(failure)
        for part in self._parts:
            await part.settle(failure)
        for part in self._parts:
            failures += await part.close()
        if self._crew is not None:
            self._crew.close()
        if failure is None and failures and not self._stopping:
            failure = failures.pop(0)
        self._warnings += [str(error) for error in failures]
        self._duration = self.clock.time()
        if not self.state.final:  # it is if a node held up stop() past its deadline
            self._life.move(self._final_state(failure))
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)
            self._ended.wake()

    def _final_state(self, failure: BaseException | None) -> State:
        if isinstance(failure, asyncio.CancelledError) or (failure is None and self._stopping):
            return State.CANCELLED
        self._failure = failure
        return State.FAILED if failure else State.COMPLETED

    async def wait(self) -> Report:
        """Wait until the run has ended, and report it.

        Raises:
            NodeError: a node failed.
            TimeoutError: the run took longer than it may.
            StreamflowError: the run failed otherwise.
            StateError: it has not begun.
        """
        if self._finished is None:
            self._life.need(State.RUNNING, to="wait")
        else:
            await self._ended.wait(self._finished.done)
        if self._failure is not None:
            raise self._failure
        return self.report()

    async def pause(self) -> None:
        """Let no item into a node until `resume`; control events pass.

        Raises:
            StateError: it is not running.
        """
        self._life.move(State.PAUSED)
        for part in self._parts:
            part.gate(closed=True)

    async def resume(self) -> None:
        """Go on.

        Raises:
            StateError: it is not paused.
        """
        self._life.need(State.PAUSED, to="resume")
        self._life.move(State.RUNNING)
        for part in self._parts:
            part.gate(closed=False)

    async def stop(self, timeout: float = GRACE) -> Report:
        """End the sources, let what is under way drain, and clean up.

        Args:
            timeout: seconds; then what is still queued is dropped, counted as
                ``stopped``, and calls under way are cancelled.

        Raises:
            NodeTimeoutError: a node did not return even so; it is named.
            NodeError: a node failed meanwhile.
        """
        self._life.need(State.RUNNING, State.PAUSED, to="stop")
        # What has come to its end by itself is completed, not cancelled.
        self._stopping = not all([await part.has_finished() for part in self._parts])
        if self._stopping:
            self._checkpoints.stop()
        for part in self._parts:
            part.stop()
        finished = await self._finished_within(timeout)
        if not finished:
            holder = await holder_of(self._parts)
            for part in self._parts:
                part.cancel()
            if not await self._finished_within(GRACE):
                raise self._abandon(holder, timeout)
        if self._failure is not None:
            raise self._failure
        return self.report()

    def _abandon(self, holder: str, timeout: float) -> NodeTimeoutError:
        message = f"it has not returned {timeout + GRACE:g} s after stop()"
        error = NodeTimeoutError(holder, "process", "TimeoutError", message)
        self._failure = error
        self._life.move(State.FAILED)
        return error

    async def _finished_within(self, timeout: float) -> bool:
        if self._finished is None:
            return True
        await asyncio.wait([self._finished], timeout=timeout)
        return self._finished.done()

    async def _abort(self) -> None:
        """End at once: the caller's own code has failed or was cancelled."""
        if self.state.final or self._finished is None:
            return
        self._stopping = True
        self.clock.stop()
        for part in self._parts:
            part.gate(closed=False)
            part.cancel()
        if not await self._finished_within(2 * GRACE):
            raise self._abandon(await holder_of(self._parts), 0.0)

    async def checkpoint(self) -> Path:
        """Take a checkpoint now; its file, once it is on the disk.

        Raises:
            CheckpointError: the execution was started without ``checkpoint``, or
                this one could not be taken.
            StateError: the execution is not running or paused.
        """
        self._life.need(State.RUNNING, State.PAUSED, to="take a checkpoint")
        return await self._checkpoints.take()

    async def end_inputs(self) -> None:
        """Inject nothing more: nodes that only injections feed come to their end."""
        for part in self._parts:
            part.end_inputs()

    async def inject(self, node: str, item: Any, port: str = "in") -> None:
        """Send an item into a node, beside what its edges bring; waits for a credit.

        Raises:
            GraphError: there is no such node or input port.
            LinkClosed: the node has come to its end.
            StateError: the execution is not running or paused.
        """
        self._life.need(State.RUNNING, State.PAUSED, to=f"inject into {node}.{port}")
        await self._access.input(node, port).inject(node, port, item)

    def send_event(self, node: str, event: Event, port: str = "in") -> None:
        """Send a control event into a node, and from there down the graph.

        Raises:
            GraphError: there is no such node or input port.
            LinkClosed: the node has come to its end.
            StateError: the execution is not running or paused.
        """
        self._life.need(State.RUNNING, State.PAUSED, to=f"send an event to {node}.{port}")
        self._access.send_event(node, port, event)

    def outputs(self, node: str, port: str = "out") -> AsyncIterator[Any]:
        """Items that leave a port, as they come; a bounded link that holds the node back.

        Raises:
            GraphError: there is no such node or port, or it is connected and
                items flow already: ask before the first await.
        """
        return self._access.outputs(node, port)

    def report(self) -> Report:
        """What the run has done so far."""
        taken = self.clock.time() if self._duration is None else self._duration
        duration = 0.0 if self.state is State.PENDING else taken
        remotes = self._crew.remotes if self._crew is not None else ()
        died = {remote.process.name for remote in remotes if remote.died}
        total = combined([part.snapshot(duration) for part in self._parts], self._plan, died)
        return Report(
            name=self.name,
            state=self.state.value,
            duration=duration,
            nodes=total.nodes,
            edges=total.edges,
            results=self._here.machine.results,
            stalls=total.stalls,
            warnings=(
                *total.warnings,
                *(self._crew.warnings if self._crew is not None else ()),
                *self._checkpoints.warnings,
                *self._warnings,
            ),
            processes=self._crew.processes() if self._crew is not None else (),
        )

    def metrics(self) -> Report:
        """What the run has done so far, without its results; cheap, and from any thread.

        Beside what `report` says, it tells the memory of the pipeline's own
        process. What processes tell of themselves is a quarter of a second old
        at most.
        """
        from streamflow.usage import peak_resident, resident

        report = self.report()
        rss = resident()
        own = ProcessReport(
            None, tuple(sorted(self._here.plan.graph.nodes)), rss, max(rss, peak_resident())
        )
        return replace(report, results=(), processes=(own, *report.processes))

    def progress(self) -> float | None:
        """How much of the sources has been emitted, from 0 to 1; None if one cannot tell."""
        fractions = [value for part in self._parts for value in part.progress().values()]
        known = [fraction for fraction in fractions if fraction is not None]
        return min(known) if known and len(known) == len(fractions) else None


def make_crew(*arguments: Any) -> Crew:
    """The workers of an execution; what they need is imported only where there are any."""
    from streamflow.scheduler.crew import Crew

    return Crew(*arguments)


def make_checkpoints(wanted: Checkpointing | None, *arguments: Any) -> NoCheckpoints:
    """The checkpoints of an execution; what they need is imported only where there are any."""
    if wanted is None:
        return NoCheckpoints()
    from streamflow.scheduler.checkpoints import Checkpoints

    return Checkpoints(wanted, *arguments)
