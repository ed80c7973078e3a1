"""Wiring: whether a graph's edges join ports that there are, that can meet, without a cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from streamflow.errors import CycleError, GraphError, PortMismatchError, UnknownNodeError
from streamflow.graph import ERROR_PORT
from streamflow.manifest.faults import Faults, Where
from streamflow.manifest.nodetypes import NodeTypes
from streamflow.manifest.spec import EdgeSpec, GraphSpec, NodeSpec
from streamflow.node import Node
from streamflow.ports import Data, meet, normalize
from streamflow.topology import sort

Side = Literal["input", "output"]

MOST_CYCLES: Final = 5
"""Cycles that are told of one graph."""


class Wiring:
    """The edges of one graph.

    Args:
        nodes: of the graph, with the names that the registry lists.
        types: knows their ports.
        graphs: that nodes may stand for.
        faults: take what is wrong.
    """

    def __init__(
        self,
        nodes: Iterable[NodeSpec],
        types: NodeTypes,
        graphs: Mapping[str, GraphSpec],
        faults: Faults,
    ) -> None:
        self._types, self._graphs, self._faults = types, graphs, faults
        self._nodes = {node.id: node for node in nodes if node.id}

    def check(self, graph: GraphSpec, where: Where) -> tuple[EdgeSpec, ...]:
        """Check the ids, the edges, and what stands for the graph's own ports.

        Returns:
            The edges, with ports named where only their types tell which are meant.
        """
        self._check_ids(graph.nodes, (*where, "nodes"))
        edges = self._check_edges(graph.edges, (*where, "edges"))
        self._check_own("input", graph.inputs, (*where, "inputs"))
        self._check_own("output", graph.outputs, (*where, "outputs"))
        self._check_cycles(graph.edges, (*where, "edges"))
        return edges

    def _check_ids(self, nodes: Iterable[NodeSpec], where: Where) -> None:
        first: dict[str, int] = {}
        for index, node in enumerate(nodes):
            known = first.setdefault(node.id, index)
            if node.id and known != index:
                path = self._faults.path((*where, known))
                self._faults.add((*where, index, "id"), f"{path} has the id {node.id!r} already")

    def _check_own(
        self, side: Side, ends: Mapping[str, tuple[str, str | None]], where: Where
    ) -> None:
        for port, (node, inner) in ends.items():
            end = self._end(node, inner, side, (*where, port))
            if end is not None and len(end) > 1:
                self._tell_ambiguous(node, side, end, (*where, port))

    def _check_edges(self, edges: Iterable[EdgeSpec], where: Where) -> tuple[EdgeSpec, ...]:
        first: dict[tuple[str, str, str | None, str | None], int] = {}
        checked: list[EdgeSpec] = []
        for index, said in enumerate(edges):
            place = (*where, index)
            edge, names = self._check_edge(said, place)
            checked.append(edge)
            known = first.setdefault((edge.source, edge.target, *names), index)
            if known != index and edge.source and edge.target:
                words = f"{self._faults.path((*where, known))} connects the same ports already"
                self._faults.add(place, words)
        return tuple(checked)

    def _check_edge(
        self, edge: EdgeSpec, where: Where
    ) -> tuple[EdgeSpec, tuple[str | None, str | None]]:
        """The edge, and the names of the ports it means as far as they are known."""
        outs = self._end(edge.source, edge.source_port, "output", (*where, "source"))
        ins = self._end(edge.target, edge.target_port, "input", (*where, "target"))
        if outs is not None and ins is not None and len(outs) * len(ins) > 1:
            alike = [(o, i) for o in outs for i in ins if type(outs[o]) is type(ins[i])]
            if len(alike) == 1:
                return replace(edge, source_port=alike[0][0], target_port=alike[0][1]), alike[0]
        if outs is not None and len(outs) > 1:
            self._tell_ambiguous(edge.source, "output", outs, (*where, "source"))
            outs = None
        if ins is not None and len(ins) > 1:
            self._tell_ambiguous(edge.target, "input", ins, (*where, "target"))
            ins = None
        out: str | None = next(iter(outs)) if outs else edge.source_port
        into: str | None = next(iter(ins)) if ins else edge.target_port
        if outs and ins and out and into and meet(outs[out], ins[into]) is False:
            ends = f"{edge.source}.{out}", f"{edge.target}.{into}"
            error = PortMismatchError(*ends, outs[out].describe(), ins[into].describe())
            self._faults.add(where, str(error))
        return edge, (out, into)

    def _tell_ambiguous(self, id: str, side: Side, ports: Iterable[str], where: Where) -> None:
        words = f"name the {side} port of node {id!r}: it has {', '.join(ports)}"
        self._faults.add(where, words)

    def _end(
        self, id: str, port: str | None, side: Side, where: Where
    ) -> Mapping[str, Data] | None:
        """Ports that an end may mean, one or more; None if they are not known."""
        if not id:
            return None
        if id not in self._nodes:
            self._faults.add(where, f"there is no node {id!r}{self._faults.hint(id, self._nodes)}")
            return None
        ports, is_fixed = self._ports(self._nodes[id], side)
        if ports is None:
            return None
        name = port or ("in" if side == "input" else "out")
        if name in ports:
            return {name: ports[name]}
        if port is None and ports:
            return ports if is_fixed or len(ports) > 1 else None
        if is_fixed:
            known = ", ".join(ports) if ports else f"no {side}s"
            spelled = (*where[:-1], f"{where[-1]}_port")
            place = spelled if spelled in self._faults.spelling else where
            what = f" port {port!r}" if port is not None else ""
            words = f"node {id!r} has no {side}{what}; it has {known}"
            self._faults.add(place, words if ports else f"node {id!r} has no {side}s")
        return None

    def _ports(self, node: NodeSpec, side: Side) -> tuple[Mapping[str, Data] | None, bool]:
        """Ports of a node, and whether these are all."""
        ports, is_fixed = self._own_ports(node, side)
        if ports is not None and side == "output" and node.options.error == "route":
            return {**ports, ERROR_PORT: Data()}, is_fixed
        return ports, is_fixed

    def _own_ports(self, node: NodeSpec, side: Side) -> tuple[Mapping[str, Data] | None, bool]:
        if node.instance is not None:
            return _ports_of(node.instance, side), True
        if node.graph is not None:
            graph = self._graphs.get(node.graph, GraphSpec())
            named = graph.inputs if side == "input" else graph.outputs
            # Without names its open ports are meant, which are known where its nodes are made.
            return dict.fromkeys(named, Data()) or None, True
        try:
            kind = self._types.find(node.type)
        except (GraphError, UnknownNodeError):
            return None, False
        if side == "input":
            return kind.inputs, kind.fixes_inputs
        return kind.outputs, kind.fixes_outputs

    def _check_cycles(self, edges: Iterable[EdgeSpec], where: Where) -> None:
        pairs = {
            (edge.source, edge.target): None
            for edge in edges
            if edge.source in self._nodes and edge.target in self._nodes
        }
        for _ in range(MOST_CYCLES):
            try:
                sort(self._nodes, pairs)
            except CycleError as error:
                self._faults.add(where, str(error))
                # Without the edge that closes it, the next one comes to light.
                del pairs[error.members[-1], error.members[0]]
            else:
                return


def _ports_of(node: Node, side: Side) -> Mapping[str, Data] | None:
    try:
        return normalize(node.inputs if side == "input" else node.outputs)
    except (TypeError, AttributeError):
        return None  # told where it is added
