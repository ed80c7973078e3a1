"""Which process each node runs in: the one it names, or that of the neighbour that feeds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from streamflow.errors import GraphError
from streamflow.graph import Edge, Graph, GraphNode
from streamflow.process import Process

PLAIN: Final = Process()
"""What ``on="process"`` means."""


def assign_processes(graph: Graph) -> Graph:
    """The graph with a named `Process` wherever a node asks for one.

    A node that names none shares the process of what feeds it, if that is one
    process, named by nobody and with the same limits: asking for a process
    twice in a row should not cost a second hop. Otherwise it has one for itself.

    Raises:
        GraphError: two nodes want one process with different limits.
    """
    if all(process_of(node) is None for node in graph.nodes.values()):
        return graph
    assigned = Graph(dict(graph.nodes), list(graph.edges))
    into: dict[str, list[Edge]] = {id: [] for id in graph.nodes}
    for edge in graph.edges:
        into[edge.target].append(edge)
    unnamed: set[str] = set()
    for id in graph.topology().order:
        node = graph.nodes[id]
        wanted = process_of(node)
        if wanted is None:
            continue
        if wanted.name is None:
            feeding = {edge.source for edge in into[id]}
            wanted = _shared(wanted, feeding, assigned.nodes, unnamed) or replace(wanted, name=id)
            unnamed.add(str(wanted.name))
        assigned.nodes[id] = replace(node, options=replace(node.options, on=wanted))
    return assigned


def _shared(
    wanted: Process, feeding: set[str], nodes: Mapping[str, GraphNode], unnamed: set[str]
) -> Process | None:
    found = {process_of(nodes[id]) for id in feeding}
    process = found.pop() if len(found) == 1 else None
    if process is None or process.name not in unnamed or replace(process, name=None) != wanted:
        return None
    return process


def process_of(node: GraphNode) -> Process | None:
    """The process that a node asks for; None for the pipeline's own."""
    if isinstance(node.options.on, Process):
        return node.options.on
    return PLAIN if node.options.on == "process" else None


def processes(graph: Graph) -> dict[str, Process]:
    """All processes of an assigned graph, by name.

    Naming one is enough where another node gives its limits.

    Raises:
        GraphError: two nodes give different limits.
    """
    found: dict[str, Process] = {}
    for id, node in graph.nodes.items():
        wanted = process_of(node)
        if wanted is None or wanted.name is None:
            continue
        known = found.setdefault(wanted.name, wanted)
        bare = Process(wanted.name)
        if known == bare:
            found[wanted.name] = wanted
        elif wanted not in (known, bare):
            raise GraphError(
                f"node {id!r} wants {wanted}, another node {known}: they would be one process"
            )
    return found
