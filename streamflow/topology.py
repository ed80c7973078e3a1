"""Topology: the order of a graph's nodes, by Kahn's algorithm.

A. B. Kahn, "Topological sorting of large networks", CACM 5 (11), 1962.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streamflow.errors import CycleError


class Topology(NamedTuple):
    """What the edges say about the nodes.

    Attributes:
        order: every node after all that feed it; nearer ones first, and in the
            order they were added where that leaves a choice.
        distance: longest way from an input node, in edges.
        inputs: nodes that no edge enters.
        outputs: nodes that no edge leaves.
    """

    order: tuple[str, ...]
    distance: Mapping[str, int]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def sort(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> Topology:
    """Order nodes so that every edge points forward.

    Args:
        nodes: ids.
        edges: pairs (source, target) of ids; the same pair may come twice.

    Raises:
        CycleError: the edges form a cycle; it names the members.

    >>> sort("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]).order
    ('a', 'b', 'c', 'd')
    """
    targets: dict[str, list[str]] = {node: [] for node in nodes}
    waiting = dict.fromkeys(targets, 0)
    for source, target in edges:
        targets[source].append(target)
        waiting[target] += 1
    inputs = tuple(node for node, count in waiting.items() if not count)
    distance = dict.fromkeys(inputs, 0)
    order: list[str] = []
    ready = deque(inputs)
    while ready:
        node = ready.popleft()
        order.append(node)
        for target in targets[node]:
            distance[target] = max(distance.get(target, 0), distance[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(order) < len(targets):
        raise CycleError(_find_cycle(targets, {n for n, count in waiting.items() if count}))
    outputs = tuple(node for node in targets if not targets[node])
    return Topology(tuple(order), distance, inputs, outputs)


def _find_cycle(targets: Mapping[str, list[str]], stuck: set[str]) -> tuple[str, ...]:
    # What Kahn leaves over are the cycles and what hangs behind them; Kahn's algorithm
    # from the other side takes the latter away, and every way through the rest closes.
    following = {node: [t for t in targets[node] if t in stuck] for node in stuck}
    sources: dict[str, list[str]] = {node: [] for node in stuck}
    for node, nodes in following.items():
        for target in nodes:
            sources[target].append(node)
    dead = [node for node in stuck if not following[node]]
    left = {node: len(nodes) for node, nodes in following.items()}
    while dead:
        for node in sources[dead.pop()]:
            left[node] -= 1
            if not left[node]:
                dead.append(node)
    node = min(node for node in stuck if left[node])
    path: dict[str, None] = {}
    while node not in path:
        path[node] = None
        node = next(target for target in following[node] if left[target])
    members = tuple(path)
    return members[members.index(node) :]
