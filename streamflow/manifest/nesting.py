"""Nesting: graphs that stand for nodes of graphs must come to an end, and to a size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streamflow.errors import CycleError
from streamflow.manifest.faults import Faults
from streamflow.manifest.spec import GraphSpec, Manifest
from streamflow.topology import sort

DEEPEST: Final = 50
"""Graphs within each other."""

MOST_NODES: Final = 20_000
"""Nodes that all graphs together may come to."""


def check_nesting(manifest: Manifest, faults: Faults) -> None:
    """Find graphs that hold themselves, or come to more than can be made."""
    graphs = manifest.graphs
    pairs = [(name, inner) for name in graphs for inner in _inner(graphs[name], graphs)]
    try:
        order = sort(graphs, dict.fromkeys(pairs)).order
    except CycleError as error:
        members = " holds ".join(map(repr, (*error.members, error.members[0])))
        faults.add(("graphs", error.members[0]), f"stands within itself: {members}")
        return
    levels: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for name in reversed(order):
        inner = _inner(graphs[name], graphs)
        levels[name] = 1 + max((levels[one] for one in inner), default=0)
        sizes[name] = _size(graphs[name], sizes)
    for name, level in levels.items():
        if level == DEEPEST + 1:
            faults.add(("graphs", name), f"holds graphs more than {DEEPEST} levels deep")
    size = _size(manifest.graph, sizes)
    if size > MOST_NODES:
        faults.add((), f"comes to {size:.4g} nodes with its graphs; {MOST_NODES} may be made")


def _inner(graph: GraphSpec, graphs: Mapping[str, GraphSpec]) -> list[str]:
    return [node.graph for node in graph.nodes if node.graph is not None and node.graph in graphs]


def _size(graph: GraphSpec, sizes: Mapping[str, int]) -> int:
    return sum(1 if node.graph is None else sizes.get(node.graph, 1) for node in graph.nodes)
