from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.errors import CycleError
from streamflow.topology import sort

Edges = list[tuple[str, str]]

names = st.lists(st.text("abcdefgh", min_size=1, max_size=2), min_size=1, max_size=9, unique=True)


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[str], Edges]:
    """Nodes in any order, and edges that form no cycle."""
    nodes = draw(names)
    pairs = [(a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :]]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    return draw(st.permutations(nodes)), draw(st.permutations(edges))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], Edges]:
    """Nodes and any edges at all."""
    nodes = draw(names)
    ends = st.sampled_from(nodes)
    return nodes, draw(st.lists(st.tuples(ends, ends), max_size=20))


def reaches(edges: Edges, start: str, goal: str) -> bool:
    """Whether a way of one edge or more leads from one node to another."""
    found, ahead = set[str](), {target for source, target in edges if source == start}
    while ahead - found:
        found |= ahead
        ahead = {target for source, target in edges if source in found}
    return goal in found


@given(dags())
def test_every_edge_points_forward(graph: tuple[list[str], Edges]) -> None:
    nodes, edges = graph

    order = sort(nodes, edges).order

    assert sorted(order) == sorted(nodes)
    assert all(order.index(source) < order.index(target) for source, target in edges)


@given(dags())
def test_the_distance_is_the_longest_way_from_an_input(graph: tuple[list[str], Edges]) -> None:
    nodes, edges = graph

    distance = sort(nodes, edges).distance

    for node in nodes:
        before = [distance[source] for source, target in edges if target == node]
        assert distance[node] == (max(before) + 1 if before else 0)


@given(dags())
def test_inputs_and_outputs_are_the_nodes_without_edges_on_that_side(
    graph: tuple[list[str], Edges],
) -> None:
    nodes, edges = graph

    topology = sort(nodes, edges)

    assert list(topology.inputs) == [n for n in nodes if n not in {t for _, t in edges}]
    assert list(topology.outputs) == [n for n in nodes if n not in {s for s, _ in edges}]


@given(graphs())
def test_a_graph_is_sorted_or_a_true_cycle_is_named(graph: tuple[list[str], Edges]) -> None:
    nodes, edges = graph
    cyclic = any(reaches(edges, node, node) for node in nodes)

    try:
        sort(nodes, edges)
    except CycleError as error:
        members = error.members
    else:
        members = ()

    assert bool(members) == cyclic
    assert len(set(members)) == len(members)
    following = (*members[1:], *members[:1])
    assert all(pair in edges for pair in zip(members, following, strict=True))


def test_nodes_keep_the_order_they_were_added_in_where_that_leaves_a_choice() -> None:
    assert sort("cab", []).order == ("c", "a", "b")


def test_nearer_nodes_come_first() -> None:
    edges = [("source", "far"), ("far", "farther"), ("source", "near")]

    assert sort(["source", "far", "farther", "near"], edges).order == (
        "source",
        "far",
        "near",
        "farther",
    )


def test_what_hangs_before_and_behind_a_cycle_is_not_named() -> None:
    edges = [("in", "b"), ("b", "c"), ("c", "b"), ("c", "out")]

    with pytest.raises(CycleError, match="the graph has a cycle: b -> c -> b") as caught:
        sort(["in", "b", "c", "out"], edges)

    assert caught.value.members == ("b", "c")


def test_a_node_that_feeds_itself_is_a_cycle() -> None:
    with pytest.raises(CycleError, match="a -> a"):
        sort("a", [("a", "a")])
