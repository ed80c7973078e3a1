"""Graphs: nodes, their options, and the edges between their ports.

A graph is data. It knows what may be connected; it runs nothing. Every fault is
found here, when the edge or node is added, and names both ends.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from streamflow.errors import GraphError, PortMismatchError
from streamflow.node import Node, NodeShape, shape_of
from streamflow.ports import Conversion, Data, meet
from streamflow.process import Process
from streamflow.registry import registry
from streamflow.retry import CircuitBreaker, Retry
from streamflow.topology import Topology, sort

LinkPolicy: TypeAlias = Literal["block", "drop_oldest", "drop_newest", "latest", "error"]
ErrorPolicy: TypeAlias = Literal["fail", "skip", "route"]
PlacementName: TypeAlias = Literal["inline", "thread", "process"]
Placement: TypeAlias = PlacementName | Process

ERROR_PORT = "error"

Place: TypeAlias = tuple[str, str]
"""A port: the id of its node, and its name there."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What a link holds, and what it does at capacity.

    Attributes:
        max_items: items, 1 or more; None leaves it to the scheduler.
        max_bytes: bytes of frames, tables and buffers, or None.
        max_time: seconds between the first and last pts, or None.
        policy: ``block`` holds the sender back, ``drop_oldest`` and
            ``drop_newest`` lose one item, ``latest`` all but the newest,
            ``error`` fails the sender with `LinkFull`.

    Raises:
        ValueError: a limit or the policy cannot be.
    """

    max_items: int | None = None
    max_bytes: int | None = None
    max_time: float | None = None
    policy: LinkPolicy = "block"

    def __post_init__(self) -> None:
        for name in ("max_items", "max_bytes", "max_time"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be more than 0, not {value}")
        if self.policy not in get_args(LinkPolicy):
            raise ValueError(
                f"policy must be one of {', '.join(get_args(LinkPolicy))}, not {self.policy!r}"
            )


def queue(
    *,
    max_items: int | None = None,
    max_bytes: int | None = None,
    max_time: float | None = None,
    policy: LinkPolicy = "block",
) -> Queue:
    """What stands between two nodes that are to run apart from each other.

    ``a >> queue(max_items=4) >> b``

    Args:
        max_items: as in `Queue`.
        max_bytes: as in `Queue`.
        max_time: as in `Queue`.
        policy: as in `Queue`.

    Raises:
        ValueError: a limit or the policy cannot be.
    """
    return Queue(max_items, max_bytes, max_time, policy)


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How a node is run.

    Attributes:
        on: ``inline`` (with its neighbours, on the loop), ``thread``, or
            ``process``: an interpreter of its own; a `Process` gives it a name
            and limits.
        error: ``fail`` ends the run, ``skip`` loses the item, ``route`` sends
            the `NodeError` with its item to the port ``error``.
        timeout: seconds that one call may take, or None.
        concurrency: calls under way at once; order is kept.
        retry: makes a call again that has failed, before ``error`` holds; or None.
            Calls of `initialize` and `flush`, too.
        breaker: lets a node that keeps failing rest; or None.
    """

    on: Placement = "inline"
    error: ErrorPolicy = "fail"
    timeout: float | None = None
    concurrency: int = 1
    retry: Retry | None = None
    breaker: CircuitBreaker | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("on", PlacementName), ("error", ErrorPolicy)):
            value = getattr(self, name)
            if name == "on" and isinstance(value, Process):
                continue
            if value not in get_args(allowed):
                words = ", ".join(repr(word) for word in get_args(allowed))
                raise GraphError(f"{name} must be one of {words}, not {value!r}")
        if self.timeout is not None and self.timeout <= 0:
            raise GraphError(f"timeout must be more than 0 seconds, not {self.timeout}")
        if self.concurrency < 1:
            raise GraphError(f"concurrency must be 1 or more, not {self.concurrency}")


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of a graph.

    Attributes:
        id: unique in the graph.
        node: the instance itself, or the first one that the factory made.
        factory: makes a further instance; None where the very instance runs.
        params: what the factory was given.
        options: how it is run.
        shape: ports and kinds of calls.
        type: name by which text calls it; empty where that is not known yet.
    """

    id: str
    node: Node
    factory: Callable[[], Node] | None
    params: Mapping[str, Any]
    options: NodeOptions
    shape: NodeShape
    type: str = ""

    @property
    def outputs(self) -> dict[str, Data]:
        """Output ports, with ``error`` where failures are routed."""
        if self.options.error == "route":
            return {**self.shape.outputs, ERROR_PORT: Data()}
        return self.shape.outputs


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection from an output port to an input port."""

    source: str
    source_port: str
    target: str
    target_port: str
    queue: Queue | None = None

    @property
    def name(self) -> str:
        """``source.port -> target.port``."""
        return f"{self.source}.{self.source_port} -> {self.target}.{self.target_port}"


@dataclass
class Graph:
    """Nodes and edges, in the order they were added.

    >>> from streamflow.function import node
    >>> graph = Graph()
    >>> _ = graph.add("a", node(lambda x: x)), graph.add("b", node(lambda x: x))
    >>> graph.connect("a", "out", "b", "in").name
    'a.out -> b.in'
    >>> graph.topology().order
    ('a', 'b')
    """

    nodes: dict[str, GraphNode] = field(default_factory=dict[str, GraphNode])
    edges: list[Edge] = field(default_factory=list[Edge])

    def add(
        self,
        id: str,
        node: Node,
        options: NodeOptions | None = None,
        factory: Callable[[], Node] | None = None,
        params: Mapping[str, Any] | None = None,
        type: str = "",
    ) -> GraphNode:
        """Add a node.

        Raises:
            GraphError: the id is taken or not usable, or the instance lacks what a node needs.
        """
        if not id or any(letter in id for letter in ". >\n"):
            raise GraphError(f"a node id must be a word without '.', '>' or spaces, not {id!r}")
        if id in self.nodes:
            raise GraphError(f"the graph has a node {id!r} already")
        options = options or NodeOptions()
        shape = shape_of(node, id)
        if options.concurrency > 1 and factory is None and not node.reentrant:
            raise GraphError(
                f"node {id!r} cannot have concurrency={options.concurrency}: add its class with "
                "its parameters, so that each call has an instance, or declare reentrant = True"
            )
        _check_retried(id, options, source=shape.is_source, streaming=node.is_streaming)
        self.nodes[id] = GraphNode(id, node, factory, dict(params or {}), options, shape, type)
        return self.nodes[id]

    def connect(
        self,
        source: str,
        source_port: str,
        target: str,
        target_port: str,
        queue: Queue | None = None,
    ) -> Edge:
        """Add an edge.

        Raises:
            GraphError: a node or port does not exist, or the edge does already.
            PortMismatchError: what one port offers can never be what the other needs.
        """
        offered = self._port(source, source_port, "output")
        needed = self._port(target, target_port, "input")
        edge = Edge(source, source_port, target, target_port, queue)
        if any(known.name == edge.name for known in self.edges if known.source == source):
            raise GraphError(f"the graph has the edge {edge.name} already")
        if meet(offered, needed) is False:
            raise PortMismatchError(
                f"{source}.{source_port}",
                f"{target}.{target_port}",
                offered.describe(),
                needed.describe(),
            )
        self.edges.append(edge)
        return edge

    def include(self, id: str, inner: Graph) -> None:
        """Take in the nodes and edges of another graph, as ``id/node``.

        A node that a factory makes is made anew, so that a graph can be taken in
        more than once.

        Raises:
            GraphError: an id is taken or not usable.
        """
        for node in inner.nodes.values():
            made = node.factory() if node.factory is not None else node.node
            self.add(f"{id}/{node.id}", made, node.options, node.factory, node.params, node.type)
        for edge in inner.edges:
            source, target = f"{id}/{edge.source}", f"{id}/{edge.target}"
            self.edges.append(replace(edge, source=source, target=target))

    def open_ports(self) -> tuple[dict[str, Place], dict[str, Place]]:
        """Inputs that no edge feeds and outputs that none leaves: name → (node, port).

        A port goes by its own name where no other open one has it, else by
        ``node.port``.
        """
        fed = {(edge.target, edge.target_port) for edge in self.edges}
        left = {(edge.source, edge.source_port) for edge in self.edges}
        inputs = [(n.id, p) for n in self.nodes.values() for p in n.shape.inputs]
        outputs = [(n.id, p) for n in self.nodes.values() for p in n.outputs]
        return (
            _named([place for place in inputs if place not in fed]),
            _named([place for place in outputs if place not in left]),
        )

    def _port(self, id: str, name: str, side: Literal["input", "output"]) -> Data:
        if id not in self.nodes:
            near = difflib.get_close_matches(id, self.nodes, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise GraphError(f"the graph has no node {id!r}{hint}")
        node = self.nodes[id]
        ports = node.shape.inputs if side == "input" else node.outputs
        if name not in ports:
            known = ", ".join(ports) if ports else f"no {side}s"
            raise GraphError(f"node {id!r} has no {side} port {name!r}; it has {known}")
        return ports[name]

    def topology(self) -> Topology:
        """Order, distances, input and output nodes.

        Raises:
            CycleError: the edges form a cycle.
        """
        return sort(self.nodes, ((edge.source, edge.target) for edge in self.edges))

    def negotiated(self) -> Graph:
        """A graph in which every two ports meet as they are.

        Where a conversion is needed, the node that makes it is put between. Edges
        out of one port that need the same conversion share it.
        """
        graph = Graph(dict(self.nodes))
        made: dict[tuple[str, str, str], str] = {}
        for edge in self.edges:
            conversion = self._conversion(edge)
            if conversion is None:
                graph.edges.append(edge)
                continue
            key = (edge.source, edge.source_port, repr(conversion))
            if key not in made:
                made[key] = graph._add_converter(conversion, self.nodes[edge.target].options)
                graph.edges.append(Edge(edge.source, edge.source_port, made[key], "in"))
            # Its queue stays behind the converter, which others may share.
            graph.edges.append(replace(edge, source=made[key], source_port="out"))
        return graph

    def _conversion(self, edge: Edge) -> Conversion | None:
        offered = self.nodes[edge.source].outputs[edge.source_port]
        met = meet(offered, self.nodes[edge.target].shape.inputs[edge.target_port])
        return met if isinstance(met, Conversion) else None

    def _add_converter(self, conversion: Conversion, options: NodeOptions) -> str:
        # In the process of the node that needs it: one hop, not two.
        on: Placement = options.on if isinstance(options.on, Process) else "inline"
        words = "_".join(str(value) for value in conversion.params.values())
        id = unique_id(f"{conversion.node_type.lower()}_{words}", self.nodes)
        make = registry.get(conversion.node_type)
        params = conversion.params
        self.add(id, make(**params), NodeOptions(on), lambda: make(**params), params)
        return id

    def consumers(self) -> dict[tuple[str, str], list[Edge]]:
        """Edges by the port they leave: (node, port) → edges, in order."""
        found: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.edges:
            found.setdefault((edge.source, edge.source_port), []).append(edge)
        return found

    def below(self, id: str) -> frozenset[str]:
        """A node, and all that it feeds."""
        found, reached = {id}, [id]
        leaving: dict[str, list[str]] = {}
        for edge in self.edges:
            leaving.setdefault(edge.source, []).append(edge.target)
        while reached:
            new = set(leaving.get(reached.pop(), ())) - found
            found |= new
            reached += new
        return frozenset(found)

    def into(self, id: str) -> Iterator[Edge]:
        """Edges that enter a node, in order."""
        return (edge for edge in self.edges if edge.target == id)


def _named(places: list[Place]) -> dict[str, Place]:
    ports = [port for _, port in places]
    return {
        port if ports.count(port) == 1 else f"{node}.{port}": (node, port) for node, port in places
    }


def _check_retried(id: str, options: NodeOptions, *, source: bool, streaming: bool) -> None:
    """Refuse a retry or a breaker where a call is not about one item."""
    asked = [name for name in ("retry", "breaker") if getattr(options, name) is not None]
    if asked and (source or streaming):
        what = "a source" if source else "a streaming node"
        raise GraphError(
            f"node {id!r} cannot have a {' and a '.join(asked)}: it is {what}, whose process is "
            "called once, not for each item; a second call would begin again from the first one. "
            "Try again inside its process, or in a node behind it"
        )


def unique_id(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or the name with ``_2``, ``_3`` … where it is taken.

    >>> unique_id("scale", {"scale": 1, "scale_2": 1})
    'scale_3'
    """
    number, id = 1, name
    while id in taken:
        number += 1
        id = f"{name}_{number}"
    return id
