"""The part of an execution that runs in this very process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any

from streamflow.clock import Clock
from streamflow.context import NodeContext
from streamflow.errors import GraphError, LinkClosed, NodeError
from streamflow.events import Event
from streamflow.flow.link import Link
from streamflow.ipc.pool import Pool
from streamflow.metrics import Stall
from streamflow.node import Node
from streamflow.scheduler.accounts import reports, unbalanced
from streamflow.scheduler.build import Ends, Machine, Options
from streamflow.scheduler.cut import Share
from streamflow.scheduler.deadlock import all_wait
from streamflow.scheduler.driver import Driver
from streamflow.scheduler.inlet import Inlet
from streamflow.scheduler.part import About, Snapshot
from streamflow.scheduler.partake import Partaking, call
from streamflow.scheduler.plan import Plan
from streamflow.scheduler.stall import Overdue
from streamflow.scheduler.supervise import Supervisor

Inputs = Mapping[str, Iterable[Any] | AsyncIterator[Any]]


class Local:
    """A machine, with all that is asked of it; see `Part`.

    Args:
        about: the execution.
        plan: what runs here.
        instances: the nodes, by id.
        clock: how time passes.
        options: how it is built.
        inputs: node id → items for its input port.
        ends: links that lead to other processes.
        make_pool: gives a node the memory that it allocates from.
        stall_after: seconds after which a node that holds its thread is reported.
        overdue: called when a call exceeds its node's timeout and nothing here
            can end it.
        stalled: called with each stall, at once.
    """

    def __init__(
        self,
        about: About,
        plan: Plan,
        instances: Mapping[str, Node],
        *,
        clock: Clock,
        options: Options,
        inputs: Inputs,
        ends: Ends | None = None,
        make_pool: Callable[[], Pool] = Pool,
        stall_after: float,
        overdue: Callable[[Overdue], None] | None = None,
        stalled: Callable[[Stall], None] | None = None,
    ) -> None:
        self.clock, self.plan = clock, plan
        contexts: dict[str, NodeContext] = {}
        self.machine = Machine(plan, instances, contexts, options, ends)
        for id, node in plan.graph.nodes.items():
            contexts[id] = NodeContext(
                id,
                type(node.node).__name__,
                execution_id=about.execution_id,
                session_id=about.session_id,
                params=node.params,
                metadata=about.metadata,
                clock=clock,
                connected=_connected(plan, id),
                charge=self.machine.charge(id),
                send_event=self.machine.send_event(id),
                make_pool=make_pool,
            )
        self._supervisor = Supervisor(
            self.machine, stall_after=stall_after, overdue=overdue, stalled=stalled
        )
        self.partaking = Partaking(self.machine, self._at_home)
        self._injections: dict[tuple[str, str], tuple[Inlet, Link]] = {}
        self._open_inputs(options, inputs)
        if options.resumed:
            self.expect()

    def _open_inputs(self, options: Options, inputs: Inputs) -> None:
        """Feed the nodes that no edge feeds: from the inputs, or by injection."""
        for driver in self.machine.drivers:
            head = driver.segment.nodes[driver.segment.head]
            if head.id in inputs:
                driver.inputs = inputs[head.id]
            elif not driver.inlets and head.shape.inputs and options.outlets:
                for port in head.shape.inputs:
                    injection = self.machine.add_inlet(head.id, port, lasting=True)
                    self._injections[head.id, port] = injection

    async def _at_home(self, driver: Driver, function: Callable[[], None]) -> None:
        await self._supervisor.placement(driver).call(call(function))

    @property
    def nodes(self) -> Collection[str]:
        return self.plan.graph.nodes.keys()

    @property
    def initialized(self) -> set[str]:
        return self._supervisor.initialized

    @property
    def finished(self) -> bool:
        """Whether all segments have come to their end by themselves."""
        return all(driver.finished for driver in self.machine.drivers)

    async def has_finished(self) -> bool:
        return self.finished

    async def initialize(self) -> None:
        await self._supervisor.initialize()

    def expect(self) -> None:
        for context in self.machine.contexts.values():
            context.resumed = True

    def listen(self, tell: Callable[[Share], None], due: Callable[[], None]) -> None:
        self.partaking.listen(tell, due)

    def ask(self, number: int, names: Collection[str]) -> None:
        self.partaking.ask(number, names)

    async def restore(self, shares: Mapping[str, Share]) -> None:
        for driver in self.machine.drivers:
            share = shares.get(driver.segment.head)
            for node, port in share.injected if share is not None else ():
                self._injection(node, port)
        await self.partaking.restore(shares)

    async def rehearse(self) -> None:
        await self.partaking.rehearse()

    def launch(self) -> None:
        self._supervisor.launch()

    async def ended(self) -> BaseException | None:
        return await self._supervisor.ended()

    def cancel(self) -> None:
        self._supervisor.cancel()

    async def cleanup(self, id: str) -> NodeError | None:
        return await self._supervisor.cleanup(id)

    async def settle(self, failure: BaseException | None) -> None:
        for link in self.machine.links.values():
            link.drop_all("stopped")
        for _, link in self._injections.values():
            link.drop_all("stopped")
            link.close()
        for outlet in self.machine.outlets.values():
            outlet.failure = failure
            outlet.close()
        for end in (*self.machine.ends.outgoing.values(), *self.machine.ends.outlets.values()):
            end.close()
        self._supervisor.warnings += unbalanced(self.machine)

    async def close(self) -> list[NodeError]:
        return await self._supervisor.close()

    def gate(self, *, closed: bool) -> None:
        self.machine.gate.closed = closed
        if not closed:
            for driver in self.machine.drivers:
                driver.segment.arrived.wake()

    def stop(self) -> None:
        self.clock.stop()
        self.gate(closed=False)
        self.end_inputs()
        for driver in self.machine.drivers:
            driver.stop()

    def end_inputs(self) -> None:
        for _, link in self._injections.values():
            link.close()

    async def inject(self, node: str, port: str, item: Any) -> None:
        await self._injection(node, port).send(item)

    def send_event(self, node: str, port: str, event: Event) -> None:
        self._injection(node, port).send_event(event)

    def _injection(self, node: str, port: str) -> Link:
        if (node, port) not in self._injections:
            self._injections[node, port] = self.machine.add_inlet(node, port)
        inlet, link = self._injections[node, port]
        if inlet.ended or self.machine.driver_of(node).finished:
            raise LinkClosed(f"cannot inject into {node}.{port}: its stream has ended")
        return link

    def urge(self, below: frozenset[str], *, interrupt: bool) -> None:
        for edge, link in self.machine.links.items():
            if edge.source in below:
                link.drop_all("flushed")
        for driver in self.machine.drivers:
            if interrupt and below.intersection(driver.segment.nodes):
                driver.interrupt()

    def outputs(self, node: str, port: str) -> AsyncIterator[Any]:
        outlets = self.machine.outlets
        if (node, port) not in outlets:
            if self.machine.driver_of(node).segment.chunks:
                raise GraphError(
                    f"outputs of {node}.{port}, which is connected, must be asked for "
                    "before the first item: before the first await after start"
                )
            self.machine.add_outlet(node, port)
        outlet = outlets[node, port]
        if outlet.attached:
            raise GraphError(f"{node}.{port} is read already")
        outlet.attached = True
        return outlet.read()

    async def holder(self) -> str:
        return self._supervisor.holder()

    def snapshot(self, duration: float) -> Snapshot:
        nodes, edges = reports(self.machine, duration)
        return Snapshot(
            nodes,
            edges,
            tuple(self._supervisor.stalls),
            tuple(self._supervisor.warnings),
            frozenset(
                id
                for driver in self.machine.drivers
                if driver.finished
                for id in driver.segment.nodes
            ),
            sum(driver.window.turns for driver in self.machine.drivers),
            all_wait(self.machine),
        )

    def progress(self) -> dict[str, float | None]:
        """How much each source has emitted, from 0 to 1; None if it cannot tell."""
        return {
            id: self.machine.instances[id].progress()
            for id, node in self.plan.graph.nodes.items()
            if node.shape.is_source
        }


def _connected(plan: Plan, id: str) -> frozenset[str]:
    edges = plan.graph.edges
    return frozenset(
        [edge.source_port for edge in edges if edge.source == id]
        + [edge.target_port for edge in edges if edge.target == id]
    )
