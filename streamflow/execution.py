"""Executions: one run of a pipeline, from the outside.

An execution moves from pending over initializing to running, may be paused and
resumed, and ends completed, failed or cancelled. However it ends, every node
that was initialized is cleaned up, and every item is accounted for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from streamflow.clock import Clock
from streamflow.context import NodeContext
from streamflow.errors import (
    GraphError,
    LinkClosed,
    NodeTimeoutError,
)
from streamflow.events import Event, Interrupt
from streamflow.lifecycle import Lifecycle, State
from streamflow.metrics import Report
from streamflow.node import Node
from streamflow.scheduler.accounts import reports, unbalanced
from streamflow.scheduler.build import Machine, Options
from streamflow.scheduler.inlet import Inlet
from streamflow.scheduler.plan import Plan
from streamflow.scheduler.supervise import GRACE, Supervisor

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
    ) -> None:
        self.id = uuid4().hex
        self.name, self.clock = name, clock
        self._life = Lifecycle(name)
        self._inputs = dict(inputs or {})
        self._injections: dict[tuple[str, str], Inlet] = {}
        contexts: dict[str, NodeContext] = {}
        self._machine = Machine(plan, instances, contexts, options)
        for id, node in plan.graph.nodes.items():
            contexts[id] = NodeContext(
                id,
                type(node.node).__name__,
                execution_id=self.id,
                session_id=session_id,
                params=node.params,
                metadata=metadata,
                clock=clock,
                connected=self._connected(plan, id),
                charge=self._machine.charge(id),
                send_event=self._machine.send_event(id),
            )
        self._supervisor = Supervisor(self._machine, stall_after=stall_after)
        self._duration: float | None = None
        self._failure: BaseException | None = None
        self._stopping = False
        self._finished: asyncio.Future[None] | None = None
        self._open_inputs(options)

    def _connected(self, plan: Plan, id: str) -> frozenset[str]:
        edges = plan.graph.edges
        return frozenset(
            [edge.source_port for edge in edges if edge.source == id]
            + [edge.target_port for edge in edges if edge.target == id]
        )

    def _open_inputs(self, options: Options) -> None:
        """Feed the nodes that no edge feeds: from the inputs, or by injection."""
        for driver in self._machine.drivers:
            head = driver.segment.nodes[driver.segment.head]
            if driver.segment.head in self._inputs:
                driver.inputs = self._inputs[driver.segment.head]
            elif not driver.inlets and head.shape.inputs and options.outlets:
                for port in head.shape.inputs:
                    inlet = self._machine.add_inlet(head.id, port, lasting=True)
                    self._injections[head.id, port] = inlet

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
        """
        self._life.move(State.INITIALIZING)
        self._finished = asyncio.get_running_loop().create_future()
        self.clock.start()
        try:
            await self._supervisor.initialize()
        except BaseException as error:
            await self._end(error)
            raise
        self._life.move(State.RUNNING)
        self._supervisor.launch(self._drivers_ended)

    def _drivers_ended(self, failure: BaseException | None) -> None:
        self._ending = asyncio.ensure_future(self._end(failure))

    async def _end(self, failure: BaseException | None) -> None:
        """Clean up, settle the ledger, and move to the final state."""
        failures = await self._supervisor.cleanup()
        if failure is None and failures and not self._stopping:
            failure = failures.pop(0)
        self._supervisor.warnings += [str(error) for error in failures]
        self._settle(failure)
        self._duration = self.clock.time()
        if not self.state.final:  # it is if a node held up stop() past its deadline
            self._life.move(self._final_state(failure))
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    def _final_state(self, failure: BaseException | None) -> State:
        if isinstance(failure, asyncio.CancelledError) or (failure is None and self._stopping):
            return State.CANCELLED
        self._failure = failure
        return State.FAILED if failure else State.COMPLETED

    def _settle(self, failure: BaseException | None) -> None:
        for link in self._machine.links.values():
            link.drop_all("stopped")
        for inlet in self._injections.values():
            inlet.link.drop_all("stopped")
            inlet.link.close()
        for outlet in self._machine.outlets.values():
            outlet.failure = failure
            outlet.close()
        self._supervisor.warnings += unbalanced(self._machine)

    async def wait(self) -> Report:
        """Wait until the run has ended, and report it.

        Raises:
            NodeError: a node failed.
            StreamflowError: the run failed otherwise.
            StateError: it has not begun.
        """
        if self._finished is None:
            self._life.need(State.RUNNING, to="wait")
        else:
            await asyncio.shield(self._finished)
        if self._failure is not None:
            raise self._failure
        return self.report()

    async def pause(self) -> None:
        """Let no item into a node until `resume`; control events pass.

        Raises:
            StateError: it is not running.
        """
        self._life.move(State.PAUSED)
        self._machine.gate.closed = True

    async def resume(self) -> None:
        """Go on.

        Raises:
            StateError: it is not paused.
        """
        self._life.need(State.PAUSED, to="resume")
        self._life.move(State.RUNNING)
        self._open_gate()

    def _open_gate(self) -> None:
        self._machine.gate.closed = False
        for driver in self._machine.drivers:
            driver.segment.arrived.wake()

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
        self._stopping = not all(driver.finished for driver in self._machine.drivers)
        self.clock.stop()
        self._open_gate()
        for inlet in self._injections.values():
            inlet.link.close()
        for driver in self._machine.drivers:
            driver.stop()
        finished = await self._finished_within(timeout)
        if not finished:
            holder = self._supervisor.holder()
            self._supervisor.cancel()
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
        self._open_gate()
        self._supervisor.cancel()
        if not await self._finished_within(2 * GRACE):
            raise self._abandon(self._supervisor.holder(), 0.0)

    async def end_inputs(self) -> None:
        """Inject nothing more: nodes that only injections feed come to their end."""
        for inlet in self._injections.values():
            inlet.link.close()

    async def inject(self, node: str, item: Any, port: str = "in") -> None:
        """Send an item into a node, beside what its edges bring; waits for a credit.

        Raises:
            GraphError: there is no such node or input port.
            LinkClosed: the node has come to its end.
            StateError: the execution is not running or paused.
        """
        await self._injection(node, port).link.send(item)

    def send_event(self, node: str, event: Event, port: str = "in") -> None:
        """Send a control event into a node, and from there down the graph.

        Raises:
            GraphError: there is no such node or input port.
            StateError: the execution is not running or paused.
        """
        injection = self._injection(node, port)
        if event.urgent:
            self._urge(node, event)
        injection.link.send_event(event)

    def _urge(self, node: str, event: Event) -> None:
        # An urgent event overtakes everything: whatever waits further down is
        # dropped now, so that nobody blocks the way of the event itself.
        below = {node}
        for edge in self._machine.plan.graph.edges:
            if edge.source in below:
                below.add(edge.target)
        for edge, link in self._machine.links.items():
            if edge.source in below:
                link.drop_all("flushed")
        if isinstance(event, Interrupt):
            for driver in self._machine.drivers:
                if below.intersection(driver.segment.nodes):
                    driver.interrupt()

    def _injection(self, node: str, port: str) -> Inlet:
        self._life.need(State.RUNNING, State.PAUSED, to=f"inject into {node}.{port}")
        if (node, port) not in self._injections:
            graph = self._machine.plan.graph
            if node not in graph.nodes or port not in graph.nodes[node].shape.inputs:
                known = [f"{id}.{name}" for id, n in graph.nodes.items() for name in n.shape.inputs]
                raise GraphError(f"no input port {node}.{port}; there are {', '.join(known)}")
            self._injections[node, port] = self._machine.add_inlet(node, port)
        inlet = self._injections[node, port]
        if inlet.ended or self._machine.driver_of(node).finished:
            raise LinkClosed(f"cannot inject into {node}.{port}: its stream has ended")
        return inlet

    def outputs(self, node: str, port: str = "out") -> AsyncIterator[Any]:
        """Items that leave a port, as they come; a bounded link that holds the node back.

        Raises:
            GraphError: there is no such node or port, or it is connected and
                items flow already: ask before the first await.
        """
        outlets = self._machine.outlets
        if (node, port) not in outlets:
            graph = self._machine.plan.graph
            if node not in graph.nodes or port not in graph.nodes[node].outputs:
                known = [f"{id}.{name}" for id, n in graph.nodes.items() for name in n.outputs]
                raise GraphError(f"no output port {node}.{port}; there are {', '.join(known)}")
            if self._machine.driver_of(node).segment.chunks:
                raise GraphError(
                    f"outputs of {node}.{port}, which is connected, must be asked for "
                    "before the first item: before the first await after start"
                )
            self._machine.add_outlet(node, port)
        outlet = outlets[node, port]
        if outlet.attached:
            raise GraphError(f"{node}.{port} is read already")
        outlet.attached = True
        return outlet.read()

    def report(self) -> Report:
        """What the run has done so far."""
        if self.state is State.PENDING:
            duration = 0.0
        else:
            duration = self.clock.time() if self._duration is None else self._duration
        nodes, edges = reports(self._machine, duration)
        return Report(
            name=self.name,
            state=self.state.value,
            duration=duration,
            nodes=nodes,
            edges=edges,
            results=self._machine.results,
            stalls=tuple(self._supervisor.stalls),
            warnings=tuple(self._supervisor.warnings),
        )

    def progress(self) -> float | None:
        """How much of the sources has been emitted, from 0 to 1; None if one cannot tell."""
        fractions = [
            self._machine.instances[id].progress()
            for id, node in self._machine.plan.graph.nodes.items()
            if node.shape.is_source
        ]
        known = [fraction for fraction in fractions if fraction is not None]
        return min(known) if known and len(known) == len(fractions) else None
