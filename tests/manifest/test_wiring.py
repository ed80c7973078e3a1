"""Edges: ports that there are, that can meet, and that are named where it matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from streamflow.manifest import EdgeSpec, load
from streamflow.node import Node
from streamflow.registry import Registry

Faults = Callable[..., dict[str, str]]
V2 = Callable[..., dict[str, Any]]

NODES: list[dict[str, Any]] = [
    {"id": "src", "type": "source"},
    {"id": "pic", "type": "picture", "params": {"width": 1}},
    {"id": "sink", "type": "sink"},
    {"id": "a", "type": "step"},
    {"id": "b", "type": "step"},
    {"id": "cut", "type": "split"},
    {"id": "many", "type": "open"},
]


def edge(source: str, target: str) -> dict[str, str]:
    return {"source": source, "target": target}


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("src.vidoe", "pic", "node 'src' has no output port 'vidoe'; it has video, audio"),
        ("src", "a", "name the output port of node 'src': it has video, audio"),
        ("a", "sink", "name the input port of node 'sink': it has video, audio"),
        ("many", "sink", "name the input port of node 'sink': it has video, audio"),
        ("cut", "many", "name the output port of node 'cut': it has yes, no"),
        ("sink", "a", "node 'sink' has no outputs"),
        ("a", "src.in", "node 'src' has no inputs"),
        (
            "src.audio",
            "pic",
            "cannot connect src.audio to pic.in: it offers audio, but video is needed",
        ),
        ("a", "pci", "there is no node 'pci'; did you mean 'pic'?"),
        ("a", "a", "the graph has a cycle: a -> a"),
    ],
)
def test_an_edge_that_cannot_be_is_a_fault(
    source: str, target: str, sentence: str, faults: Faults, v2: V2
) -> None:
    assert [*faults(v2(*NODES, edges=[edge(source, target)])).values()] == [sentence]


@pytest.mark.parametrize(
    ("source", "target", "meant"),
    [
        ("src", "pic", ("video", "in")),
        ("src", "sink.audio", ("audio", "audio")),
        ("pic", "sink", ("out", "video")),
        ("a", "b", (None, None)),
        ("cut.no", "many.in_7", ("no", "in_7")),
        ("a", "many", (None, None)),
    ],
)
def test_a_port_is_named_where_only_its_type_tells_which_is_meant(
    source: str, target: str, meant: tuple[str | None, str | None], types: Registry, v2: V2
) -> None:
    manifest = load(v2(*NODES, edges=[edge(source, target)]), registry=types)

    (made,) = manifest.graph.edges
    assert (made.source_port, made.target_port) == meant


def test_a_node_that_routes_its_failures_has_an_error_port(
    types: Registry, faults: Faults, v2: V2
) -> None:
    nodes = [{"id": "a", "type": "step", "error": "route"}, {"id": "b", "type": "step"}]

    manifest = load(v2(*nodes, edges=[edge("a.error", "b")]), registry=types)

    assert manifest.graph.edges == (EdgeSpec("a", "b", "error"),)
    found = faults(v2(*nodes, {"id": "c", "type": "step"}, edges=[edge("b.error", "c")]))
    assert found == {"edges[0].source": "node 'b' has no output port 'error'; it has out"}


def test_the_same_edge_twice_is_a_fault(faults: Faults, v2: V2) -> None:
    edges = [edge("a", "b"), edge("a.out", "b.in")]

    found = faults(v2(*NODES, edges=edges))

    assert found == {"edges[1]": "edges[0] connects the same ports already"}


def test_every_cycle_is_told_with_its_members(faults: Faults, v2: V2) -> None:
    nodes = [{"id": id, "type": "step"} for id in "abcdef"]
    pairs = ["ab", "bc", "ca", "cd", "de", "ed", "ef"]

    found = faults(v2(*nodes, edges=[edge(*pair) for pair in pairs]))

    assert found == {
        "edges": "the graph has a cycle: a -> b -> c -> a; the graph has a cycle: d -> e -> d"
    }


def test_ports_of_an_instance_are_its_own(faults: Faults, v2: V2) -> None:
    class Odd(Node):
        inputs = 3  # type: ignore[assignment]  # not what it must be: told where it is added

    node = Node()
    node.inputs = {"left": Node.inputs["in"]}  # type: ignore[misc]  # its own
    nodes = [{"id": "x", "instance": node}, {"id": "y", "instance": Odd()}, NODES[3]]
    edges = [edge("a", "x.in"), edge("a", "y.in")]

    found = faults(v2(*nodes, edges=edges))

    assert found == {"edges[0].target": "node 'x' has no input port 'in'; it has left"}


def test_a_class_whose_ports_are_none_is_left_to_where_it_is_made(types: Registry, v2: V2) -> None:
    class Wrong(Node):
        inputs: ClassVar[Any] = {"in": 3}  # no port type

    class Late(Node):
        @property
        def inputs(self) -> Any:  # type: ignore[override]  # known of an instance alone
            return {}

    for node in (Wrong, Late):
        types.register(node)
    nodes = [{"id": "w", "type": "wrong"}, {"id": "l", "type": "late"}, NODES[3]]

    manifest = load(v2(*nodes, edges=[edge("a", "w.x"), edge("a", "l.y")]), registry=types)

    assert len(manifest.graph.edges) == 2


def test_a_factory_is_left_to_where_its_node_is_made(types: Registry, v2: V2) -> None:
    def made(size: int = 1) -> Node:
        return Node()

    types.register(made)
    nodes = [{"id": "m", "type": "made", "params": {"size": 2}}, NODES[3]]

    manifest = load(v2(*nodes, edges=[edge("a", "m.x")]), registry=types)

    assert manifest.graph.nodes[0].type == "made"


def test_ports_of_a_graph_are_those_it_names(faults: Faults, types: Registry, v2: V2) -> None:
    def graph(**ends: Any) -> dict[str, Any]:
        inner = {"nodes": NODES, **ends}
        nodes = [{"id": "g", "graph": "inner"}, NODES[3]]
        return v2(*nodes, edges=[edge("a", "g.left")], graphs={"inner": inner})

    assert load(graph(inputs={"left": "b"}), registry=types).graphs["inner"].inputs == {
        "left": ("b", None)
    }
    assert load(graph(), registry=types).graph.edges[0].target_port == "left"
    assert faults(graph(inputs={"right": "b.x"}, outputs={"out": "src", "x": "nothing"})) == {
        "edges[0].target": "node 'g' has no input port 'left'; it has right",
        "graphs.inner.inputs.right": "node 'b' has no input port 'x'; it has in",
        "graphs.inner.outputs.out": "name the output port of node 'src': it has video, audio",
        "graphs.inner.outputs.x": "there is no node 'nothing'",
    }
    assert faults(graph(inputs=3)) == {
        "graphs.inner.inputs": "must be a mapping, got 3",
    }


def test_graphs_that_hold_themselves_are_told(faults: Faults, v2: V2) -> None:
    graphs = {
        "a": {"nodes": [{"id": "x", "graph": "b"}]},
        "b": {"nodes": [{"id": "x", "graph": "a"}]},
    }

    found = faults(v2({"id": "n", "graph": "a"}, graphs=graphs))

    assert found == {"graphs.a": "stands within itself: 'a' holds 'b' holds 'a'"}


def test_graphs_within_each_other_come_to_an_end(faults: Faults, v2: V2) -> None:
    graphs: dict[str, Any] = {
        f"g{n}": {"nodes": [{"id": "x", "graph": f"g{n + 1}"}, {"id": "y", "graph": f"g{n + 1}"}]}
        for n in range(60)
    }
    graphs["g60"] = {"nodes": [NODES[3]]}

    found = faults(v2({"id": "n", "graph": "g0"}, graphs=graphs))

    assert found == {
        "": "comes to 1.153e+18 nodes with its graphs; 20000 may be made",
        "graphs.g10": "holds graphs more than 50 levels deep",
    }
