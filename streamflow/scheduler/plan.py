"""Planning: where a graph is cut, and what is fused.

Nodes that may call each other directly form a segment with one head: a source,
or a node fed by links. Every other node of it is fed from within. Edges between
segments are borders, and become links.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from streamflow.flow.merge import Merge
from streamflow.graph import Edge, Graph, GraphNode
from streamflow.process import Process
from streamflow.scheduler.assign import assign_processes, process_of, processes
from streamflow.scheduler.concurrent import widened
from streamflow.scheduler.written import Written
from streamflow.topology import Topology

INLINE = "inline"


@dataclass(slots=True)
class SegmentPlan:
    """Nodes fused into one function.

    Attributes:
        head: the node that links, or nothing, feed.
        nodes: ids in topological order, the head first.
        placement: ``inline``, or the name of a thread of its own.
        process: name of the process it runs in; None for the pipeline's own.
        written: code that was generated for it, by what that depends on.
    """

    head: str
    placement: str
    process: str | None = None
    nodes: list[str] = field(default_factory=list[str])
    written: dict[Hashable, Written] = field(
        default_factory=dict[Hashable, Written], compare=False, repr=False
    )

    @property
    def threaded(self) -> bool:
        """Whether it runs on a thread of its own."""
        return self.placement != INLINE

    @property
    def where(self) -> str:
        """Process and thread in words: ``process:gpu``, ``process:gpu thread:sink``, ``inline``."""
        if self.process is None:
            return self.placement
        return f"process:{self.process}" + (f" {self.placement}" if self.threaded else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph cut into segments.

    Attributes:
        graph: the negotiated graph.
        topology: of that graph.
        segments: in topological order of their heads.
        home: node id → its segment.
        borders: edges between segments, with why they are cut.
        processes: beside the pipeline's own, by name.
    """

    graph: Graph
    topology: Topology
    segments: tuple[SegmentPlan, ...]
    home: Mapping[str, SegmentPlan]
    borders: Mapping[Edge, str]
    processes: Mapping[str, Process] = field(default_factory=dict[str, Process])

    def part(self, process: str | None) -> Plan:
        """What runs in one process, with every edge that begins or ends there."""
        if not self.processes:
            return self
        here = {id for id, segment in self.home.items() if segment.process == process}
        edges = [e for e in self.graph.edges if e.source in here or e.target in here]
        order, distance, inputs, outputs = self.topology
        return Plan(
            Graph({id: node for id, node in self.graph.nodes.items() if id in here}, edges),
            Topology(
                tuple(id for id in order if id in here),
                {id: number for id, number in distance.items() if id in here},
                tuple(id for id in inputs if id in here),
                tuple(id for id in outputs if id in here),
            ),
            tuple(segment for segment in self.segments if segment.process == process),
            {id: segment for id, segment in self.home.items() if id in here},
            {edge: why for edge, why in self.borders.items() if edge in edges},
        )

    @property
    def crossings(self) -> list[Edge]:
        """Edges whose ends lie in two processes."""
        home = self.home
        return [e for e in self.borders if home[e.source].process != home[e.target].process]


def plan(graph: Graph, *, threads: bool = True) -> Plan:
    """Cut a graph.

    Args:
        graph: as built; converters are put in here.
        threads: whether placements on threads and processes are honoured; under
            a clock that cannot wake threads everything runs inline.

    Raises:
        CycleError: the edges form a cycle.
        GraphError: the graph is empty, or two nodes disagree about one process.
    """
    graph = (assign_processes(graph) if threads else graph).negotiated()
    graph.nodes = {id: widened(node) for id, node in graph.nodes.items()}
    topology = graph.topology()
    into: dict[str, list[Edge]] = {id: [] for id in graph.nodes}
    for edge in graph.edges:
        into[edge.target].append(edge)
    apart = _async_siblings(graph, topology)
    home: dict[str, SegmentPlan] = {}
    borders: dict[Edge, str] = {}
    segments: list[SegmentPlan] = []
    for id in topology.order:
        node, edges = graph.nodes[id], into[id]
        placed = _place(node, edges, graph, home) if threads else SegmentPlan(id, INLINE)
        reasons = {edge: _why_cut(graph, edge, home, placed, apart) for edge in edges}
        joint = _joint_segment(edges, reasons, home)
        if joint is None:
            joint = placed
            segments.append(joint)
            borders.update({edge: reason or "another head" for edge, reason in reasons.items()})
        joint.nodes.append(id)
        home[id] = joint
    known = processes(graph) if threads else {}
    return Plan(graph, topology, tuple(segments), home, borders, known)


def _place(
    node: GraphNode, edges: list[Edge], graph: Graph, home: Mapping[str, SegmentPlan]
) -> SegmentPlan:
    """A segment for a node that is fed by none: process and thread that it asks for."""
    process = process_of(node)
    thread = _thread(node, edges, graph, home)
    return SegmentPlan(node.id, thread, process.name if process is not None else None)


def _thread(
    node: GraphNode, edges: list[Edge], graph: Graph, home: Mapping[str, SegmentPlan]
) -> str:
    """Name of the thread that a node asks for, or ``inline``.

    A blocking node has one for itself. Neighbours on ``on="thread"`` share theirs:
    asking for a thread twice in a row should not cost a second border.
    """
    if node.node.blocking:
        return f"thread:{node.id}"
    if node.options.on != "thread":
        return INLINE
    feeding = {home[edge.source].placement for edge in edges}
    asked = all(graph.nodes[home[edge.source].head].options.on == "thread" for edge in edges)
    if len(feeding) == 1 and asked and not any(_blocks(graph, home[e.source]) for e in edges):
        return feeding.pop()
    return f"thread:{node.id}"


def _blocks(graph: Graph, segment: SegmentPlan) -> bool:
    return graph.nodes[segment.head].node.blocking


def _joint_segment(
    edges: list[Edge],
    reasons: Mapping[Edge, str | None],
    home: Mapping[str, SegmentPlan],
) -> SegmentPlan | None:
    """The segment that feeds a node from all its edges without a cut, if there is one."""
    if not edges or any(reasons.values()):
        return None
    feeding = {id(home[edge.source]): home[edge.source] for edge in edges}
    if len(feeding) > 1:
        return None
    return next(iter(feeding.values()))


def _why_cut(
    graph: Graph,
    edge: Edge,
    home: Mapping[str, SegmentPlan],
    placed: SegmentPlan,
    apart: frozenset[Edge],
) -> str | None:
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    if edge.queue is not None:
        return "a queue"
    feeding = home[edge.source]
    if feeding.process != placed.process:
        return "another process"
    if feeding.placement != placed.placement:
        return "another placement"
    if source.options.concurrency > 1 or target.options.concurrency > 1:
        return "concurrency"
    if target.node.is_streaming or source.node.is_streaming:
        return "a streaming node"
    if source.shape.is_source and (source.shape.kind.is_async or source.node.live):
        # Its segment waits for the world; what is injected further down, or
        # sent as an event, must not wait with it.
        return "a live source"
    if isinstance(target.node, Merge) and not target.node.fuses:
        return "a buffering merge"
    return "asynchronous siblings" if edge in apart else None


def _async_siblings(graph: Graph, topology: Topology) -> frozenset[Edge]:
    """Edges of a fan-out where two or more branches hold async nodes of their own.

    Fused, such branches would wait for each other's awaits.
    """
    bit = {id: 1 << number for number, id in enumerate(topology.order)}
    below: dict[str, int] = {}
    asynchronous = 0
    leaving: dict[str, list[Edge]] = {id: [] for id in graph.nodes}
    for edge in graph.edges:
        leaving[edge.source].append(edge)
    for id in reversed(topology.order):
        below[id] = bit[id]
        for edge in leaving[id]:
            below[id] |= below[edge.target]
        shape = graph.nodes[id].shape
        if shape.kind.is_async and not shape.is_source:
            asynchronous |= bit[id]
    apart: set[Edge] = set()
    for edges in leaving.values():
        if len(edges) > 1:
            apart.update(_apart(edges, below, asynchronous))
    return frozenset(apart)


def _apart(edges: list[Edge], below: Mapping[str, int], asynchronous: int) -> list[Edge]:
    found: list[Edge] = []
    for edge in edges:
        shared = 0
        for other in edges:
            if other.target != edge.target:
                shared |= below[other.target]
        if below[edge.target] & ~shared & asynchronous:
            found.append(edge)
    return found if len(found) > 1 else []
