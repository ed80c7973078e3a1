"""Building: from a plan to segments, links and drivers that are ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, Protocol

from streamflow import pickling
from streamflow.context import NodeContext
from streamflow.events import Event
from streamflow.flow.ends import ReceivingEnd, SendingEnd
from streamflow.flow.limits import Budget
from streamflow.flow.link import Link
from streamflow.flow.merge import CombineLatest
from streamflow.flow.outlet import Outlet
from streamflow.graph import Edge, Queue
from streamflow.node import Node
from streamflow.ports import Video
from streamflow.scheduler.cut import Cutter, Kept
from streamflow.scheduler.driver import Driver
from streamflow.scheduler.inlet import Inlet
from streamflow.scheduler.place import Consumer
from streamflow.scheduler.plan import Plan, SegmentPlan
from streamflow.scheduler.segment import Segment
from streamflow.scheduler.window import Gate

FEEDER_ITEMS: Final = 8
"""Window of a link at a thread's border, or one that carries pictures."""

RESULTS: Final = Consumer(None, "results")


@dataclass(frozen=True)
class Options:
    """How an execution is built.

    Attributes:
        collect: whether unconnected ``out`` ports go to the results.
        outlets: whether unconnected ports may be read while it runs.
        max_bytes: bound on what waits on all links together.
        exact: time and check every item.
        cuts: whether checkpoints are taken.
        cut_items: ask for one after so many items of a source.
        resumed: whether the run goes on from one.
    """

    collect: bool = False
    outlets: bool = False
    max_bytes: int | None = None
    exact: bool = False
    cuts: bool = False
    cut_items: int | None = None
    resumed: bool = False


class RemoteOutlet(SendingEnd, Protocol):
    """An outlet that is read in the pipeline's own process."""

    attached: bool
    unread: int


@dataclass(frozen=True, slots=True)
class Ends:
    """Links that this process has one end of.

    Attributes:
        outgoing: by edge, what its source sends to.
        incoming: by edge, what its target takes from.
        outlets: by (node, port), what leads to the pipeline's own process
            although no edge does: results, and outputs that may be read.
        inputs: by (node, port), what the pipeline's own process feeds.
        budget: on bytes that wait, where all processes share one.
    """

    outgoing: dict[Edge, SendingEnd] = field(default_factory=dict[Edge, SendingEnd])
    incoming: dict[Edge, ReceivingEnd] = field(default_factory=dict[Edge, ReceivingEnd])
    outlets: dict[tuple[str, str], RemoteOutlet] = field(
        default_factory=dict[tuple[str, str], RemoteOutlet]
    )
    inputs: dict[tuple[str, str], ReceivingEnd] = field(
        default_factory=dict[tuple[str, str], ReceivingEnd]
    )
    budget: Budget | None = None


class Machine:
    """Everything of one execution that moves in one process.

    Attributes:
        plan: what it was built from.
        gate: closed while paused.
        drivers: one for each segment, in topological order.
        links: by edge, those that are received from here.
        outlets: by (node, port).
        results: what was collected.
        places: numbers of results, where checkpoints are taken.
        ends: links that lead to other processes.
    """

    def __init__(
        self,
        plan: Plan,
        instances: Mapping[str, Node],
        contexts: Mapping[str, NodeContext],
        options: Options | None = None,
        ends: Ends | None = None,
    ) -> None:
        options, ends = options or Options(), ends or Ends()
        self.plan, self.gate = plan, Gate()
        self.instances, self.contexts = instances, contexts
        self.results: list[Any] = []
        self.places = count()
        self._cuts = options.cuts
        self.links: dict[Edge, ReceivingEnd] = {}
        self.outlets: dict[tuple[str, str], Outlet] = {}
        self._consumers: dict[tuple[str, str], list[Consumer]] = {}
        self._sending = 0
        self._shared: dict[Edge, bool] = {}
        self.ends = ends
        self._connect(options, ends)
        self.drivers = [self._driver(segment, options) for segment in plan.segments]
        self._home = {id: driver for driver in self.drivers for id in driver.segment.plan.nodes}
        for edge, link in self.links.items():
            driver = self._home[edge.target]
            link.arrived = driver.segment.arrived
            driver.inlets.append(Inlet(link, edge.target, edge.target_port, edge))
        for (id, port), link in ends.inputs.items():
            link.arrived = self._home[id].segment.arrived
            self._home[id].inlets.append(Inlet(link, id, port, None))

    def kept(self) -> Kept | list[Any]:
        """Where results of one origin go: to all others, and on record if there are checkpoints."""
        return Kept(self.results, self.places) if self._cuts else self.results

    def _driver(self, segment: SegmentPlan, options: Options) -> Driver:
        kept = self.kept()
        made = Segment(
            segment,
            self.plan.graph.nodes,
            self.instances,
            self.contexts,
            self._consumers,
            self.gate,
            kept,
            self.is_shared,
        )
        driver = Driver(made, exact=options.exact)
        if isinstance(kept, Kept):
            driver.cutter = Cutter(made, driver.inlets, options.cut_items)
            driver.cutter.kept = kept
        return driver

    def restore(self, results: list[tuple[int, bytes]]) -> None:
        """Begin with results of an earlier run, in the order in which they came."""
        pairs = sorted(results)
        self.results[:] = [pickling.loads(data) for _, data in pairs]
        for _ in zip(pairs, self.places, strict=False):
            pass  # their places are taken

    def _connect(self, options: Options, ends: Ends) -> None:
        budget = ends.budget
        if budget is None and options.max_bytes is not None:
            budget = Budget(options.max_bytes)
        for edge in self.plan.graph.edges:
            if edge in ends.incoming:
                self.links[edge] = ends.incoming[edge]
                continue
            end = ends.outgoing.get(edge)
            if end is None and edge in self.plan.borders:
                self.links[edge] = end = Link(edge.name, link_queue(self.plan, edge), None, budget)
            self._consume(edge.source, edge.source_port, edge, end)
        self._connect_ends(options, ends)

    def _connect_ends(self, options: Options, ends: Ends) -> None:
        """Let what leaves ports without an edge go where somebody may want it."""
        for id, node in self.plan.graph.nodes.items():
            for name in node.outputs:
                if (id, name) in ends.outlets:
                    self._consume(id, name, None, ends.outlets[id, name])
                elif (id, name) in self._consumers:
                    continue
                elif options.collect and name == "out":
                    self._consumers[id, name] = [RESULTS]
                elif options.outlets:
                    self.add_outlet(id, name)

    def _consume(self, id: str, port: str, edge: Edge | None, link: SendingEnd | None) -> None:
        """Let what leaves a port go over an edge, or to an outlet; a call where no link is."""
        name = None
        if link is not None:
            self._sending += 1
            name = str(self._sending)
        self._consumers.setdefault((id, port), []).append(Consumer(edge, name, link))

    def add_outlet(self, id: str, port: str) -> Outlet:
        """Let a port be read from outside."""
        self.outlets[id, port] = outlet = Outlet(f"{id}.{port}")
        self._consume(id, port, None, outlet)
        return outlet

    def add_remote_outlet(self, id: str, port: str, outlet: RemoteOutlet) -> None:
        """Let a connected port be read from outside, in another process."""
        self.ends.outlets[id, port] = outlet
        self._consume(id, port, None, outlet)

    def add_inlet(self, id: str, port: str, *, lasting: bool = False) -> tuple[Inlet, Link]:
        """Let items be injected at a port, over the link."""
        driver = self._home[id]
        link = Link(f"inject -> {id}.{port}", arrived=driver.segment.arrived)
        inlet = Inlet(link, id, port, None, lasting, marks=False)
        driver.inlets.append(inlet)
        driver.segment.arrived.wake()
        return inlet, link

    def driver_of(self, id: str) -> Driver:
        """The driver of the segment that a node is in."""
        return self._home[id]

    def find_driver(self, id: str) -> Driver | None:
        """The same; None if the node is in another process."""
        return self._home.get(id)

    def end_of(self, edge: Edge) -> SendingEnd | ReceivingEnd | None:
        """The link of an edge, or the end of it that is here; None where the edge is a call."""
        if edge in self.ends.outgoing:
            return self.ends.outgoing[edge]
        return self.links.get(edge)

    def charge(self, id: str) -> Callable[[int, str | None], None]:
        """What a node's context calls to enter a copy into the ledger."""

        def enter(nbytes: int, port: str | None) -> None:
            edges = self.plan.graph.edges
            if port is None:
                charged = [edge for edge in edges if edge.target == id]
            else:
                charged = [e for e in edges if e.source == id and e.source_port == port]
            for edge in charged[:1]:
                self._home[id].segment.ledger.copied[edge] += nbytes

        return enter

    def send_event(self, id: str) -> Callable[[Event], None]:
        """What a node's context calls to send an event down its outputs."""
        return lambda event: self._home[id].segment.announce(id, event)

    def is_shared(self, edge: Edge) -> bool:
        """Whether what comes over an edge may be held elsewhere too.

        It may where any port on the way from the sources has several consumers,
        or a merge keeps what it has passed on.
        """
        if edge not in self._shared:
            self._shared[edge] = (
                len(self._consumers.get((edge.source, edge.source_port), ())) != 1
                or isinstance(self.instances.get(edge.source), CombineLatest)
                or any(self.is_shared(before) for before in self.plan.graph.into(edge.source))
            )
        return self._shared[edge]

    def explain(self) -> str:
        """The generated source of all segments, with a heading for each."""
        return "\n".join(_explain(driver, self.plan) for driver in self.drivers)


def link_queue(plan: Plan, edge: Edge) -> Queue:
    """What the link over an edge holds: as asked for, else few pictures and more of the rest."""
    queue = edge.queue or Queue()
    if queue.max_items is not None:
        return queue
    nodes, home = plan.graph.nodes, plan.home
    heavy = isinstance(nodes[edge.source].outputs[edge.source_port], Video)
    crosses = home[edge.source].placement != home[edge.target].placement
    return replace(queue, max_items=FEEDER_ITEMS) if heavy or crosses else queue


def _explain(driver: Driver, plan: Plan) -> str:
    segment = driver.segment
    lines = [f"# segment {segment.head} ({segment.plan.where}): {' '.join(segment.nodes)}"]
    for edge, reason in plan.borders.items():
        if plan.home[edge.target] is segment.plan:
            lines.append(f"#   fed by {edge.name}: a link, because of {reason}")
    for number, id in enumerate(segment.nodes):
        node = segment.nodes[id]
        params = ", ".join(f"{name}={value!r}" for name, value in node.params.items())
        lines.append(f"#   p{number} = {id}: {type(node.node).__name__}({params})")
    driver.compile()
    lines += [chunk.source.rstrip() for chunk in segment.chunks]
    return "\n".join(lines) + "\n"
