"""Assembling: specs become pipelines, and pipelines specs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import pytest

import streamflow as sf
from streamflow.assemble import Assembler, describe
from streamflow.builder import Builder
from streamflow.graph import NodeOptions, Queue
from streamflow.manifest.spec import EdgeSpec, GraphSpec, Manifest, NodeSpec, RunSpec
from streamflow.registry import Registry


class Times(sf.Node):
    def __init__(self, factor: int) -> None:
        if factor < 0:
            raise ValueError(f"factor must be 0 or more, not {factor}")
        self.factor = factor

    def process(self, x: int) -> int:
        return x * self.factor


class Parity(sf.Node):
    outputs: ClassVar = {"even": sf.Value(), "odd": sf.Value()}

    def process(self, x: int) -> sf.Out:
        return sf.Out("odd" if x % 2 else "even", x)


@pytest.fixture
def types() -> Registry:
    registry = Registry()
    registry.register(Times)
    registry.register(Parity)
    return registry


def assemble(types: Registry, manifest: Manifest, *, allow_imports: bool = False) -> sf.Pipeline:
    pipeline = sf.Pipeline(manifest.name)
    Assembler(manifest, types, allow_imports=allow_imports).build(pipeline, "m.json")
    return pipeline


def times(id: str, factor: int = 2, **options: object) -> NodeSpec:
    return NodeSpec(id, "Times", {"factor": factor}, NodeOptions(**options))  # type: ignore[arg-type]  # of NodeOptions


def chain(*nodes: NodeSpec) -> GraphSpec:
    edges = [EdgeSpec(a.id, b.id) for a, b in pairwise(nodes)]
    return GraphSpec(nodes, tuple(edges))


def test_a_spec_becomes_a_pipeline_that_runs(types: Registry) -> None:
    spec = chain(times("a"), times("b", 3, error="skip"))

    pipeline = assemble(types, Manifest("m", spec))

    assert pipeline.graph.nodes["b"].options == NodeOptions(error="skip")
    assert pipeline.run([1, 2]).results == [6, 12]


def test_the_very_instance_runs(types: Registry) -> None:
    node = Times(5)
    spec = chain(times("a"), NodeSpec("b", instance=node))

    pipeline = assemble(types, Manifest("m", spec))

    assert pipeline.graph.nodes["b"].node is node
    assert pipeline.run([1]).results == [10]


def test_edges_name_ports_and_hold_queues(types: Registry) -> None:
    queue = Queue(max_items=3, policy="latest")
    nodes = (NodeSpec("p", "Parity"), times("t"))

    pipeline = assemble(
        types, Manifest("m", GraphSpec(nodes, (EdgeSpec("p", "t", "odd", "in", queue),)))
    )

    assert pipeline.graph.edges[0].queue == queue
    assert pipeline.graph.edges[0].name == "p.odd -> t.in"


def test_a_graph_stands_in_for_a_node(types: Registry) -> None:
    inner = replace(
        chain(NodeSpec("p", "Parity")), inputs={"in": ("p", None)}, outputs={"o": ("p", "odd")}
    )
    outer = GraphSpec(
        (times("a", 3), NodeSpec("g", graph="odds"), times("z", 10)),
        (EdgeSpec("a", "g"), EdgeSpec("g", "z", "o")),
    )

    pipeline = assemble(types, Manifest("m", outer, {"odds": inner}))

    assert list(pipeline.graph.nodes) == ["a", "g/p", "z"]
    assert pipeline.run([1, 2]).results == [30]


def test_all_that_cannot_be_is_told_at_once(types: Registry) -> None:
    inner = GraphSpec((times("x", -1),))
    spec = GraphSpec(
        (
            times("a", -2),
            NodeSpec("b", "Time"),
            NodeSpec("c", "Times", {"factr": 1}),
            NodeSpec("p", "Parity"),
            times("t"),
            NodeSpec("g", graph="inner"),
            NodeSpec("h", graph="none"),
        ),
        (EdgeSpec("a", "b"), EdgeSpec("p", "t"), EdgeSpec("p", "t", "odd", "into")),
    )

    with pytest.raises(sf.ManifestError) as caught:
        assemble(types, Manifest("m", spec, {"inner": inner}))

    assert caught.value.source == "m.json"
    assert caught.value.faults == (
        ("nodes[0].params", "factor must be 0 or more, not -2"),
        ("nodes[1]", "unknown node 'Time'; did you mean Times?"),
        ("nodes[2]", "Times has no parameter 'factr'; did you mean 'factor'?"),
        ("graphs.inner.nodes[0].params", "factor must be 0 or more, not -1"),
        ("nodes[6]", "there is no graph 'none'; there are: inner"),
        ("edges[1]", "name the output port of node 'p': it has even, odd"),
        ("edges[2]", "node 't' has no input port 'into'; it has in"),
    )


def test_a_graph_cannot_stand_within_itself(types: Registry) -> None:
    graphs = {
        "one": GraphSpec((NodeSpec("x", graph="two"),)),
        "two": GraphSpec((NodeSpec("y", graph="one"),)),
    }

    with pytest.raises(sf.ManifestError, match="graph 'one' stands within itself"):
        assemble(types, Manifest("m", graphs["two"], graphs))


def test_a_class_is_imported_only_if_that_is_allowed(types: Registry) -> None:
    path = "streamflow.nodes.basic.passthrough:PassThrough"
    manifest = Manifest("m", GraphSpec((NodeSpec("a", path),)))

    with pytest.raises(sf.ManifestError, match="is not registered, and imports are not allowed"):
        assemble(types, manifest)

    assert assemble(types, manifest, allow_imports=True).run([1]).results == [1]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no_such_module:X", "cannot be imported: No module named"),
        ("json:Nothing", "cannot be imported: module 'json' has no attribute"),
        ("json:loads", "is no node class"),
        (":X", "cannot be imported"),
    ],
)
def test_what_cannot_be_imported_says_why(types: Registry, path: str, reason: str) -> None:
    manifest = Manifest("m", GraphSpec((NodeSpec("a", path),)))

    with pytest.raises(sf.ManifestError, match=reason):
        assemble(types, manifest, allow_imports=True)


# -- and back


def test_a_pipeline_is_described_as_it_was_assembled(types: Registry) -> None:
    spec = GraphSpec(
        (NodeSpec("p", "Parity"), times("t", timeout=2.0, retry=sf.Retry(2))),
        (EdgeSpec("p", "t", "odd", "in", Queue(3)),),
    )
    manifest = Manifest("m", spec)

    assert describe(assemble(types, manifest), types) == manifest


def test_classes_and_merges_are_described_by_their_names() -> None:
    builder = Builder("b")
    builder.merge(builder.add("PassThrough", id="a"), builder.add(Times, factor=2), policy="zip")

    graph = describe(builder).graph

    assert [(node.type, node.params) for node in graph.nodes] == [
        ("PassThrough", {}),
        (f"{__name__}:Times", {"factor": 2}),
        ("Merge", {"policy": "zip", "inputs": 2}),
    ]


def test_instances_cannot_be_described_and_are_named() -> None:
    builder = Builder("b")
    builder.add(Times, factor=1) >> builder.add(Times(2), id="two") >> sf.node(lambda x: x)

    with pytest.raises(
        sf.GraphError, match="holds instances, which a manifest cannot say: two, function"
    ):
        describe(builder)


# -- how it is run


def test_a_run_is_as_the_manifest_says_where_the_caller_does_not(types: Registry) -> None:
    spec = RunSpec(clock="live", timeout=60, max_bytes=1000)
    pipeline = sf.Pipeline.from_manifest(Manifest("m", chain(times("a")), run=spec), registry=types)

    assert pipeline.defaults == spec
    assert pipeline.run([1]).results == [2]
    assert pipeline.start([1]).clock.live


def test_a_manifest_can_limit_the_time_of_a_run(types: Registry) -> None:
    spec = RunSpec(timeout=0.05)
    pipeline = sf.Pipeline.from_manifest(Manifest("m", chain(times("a")), run=spec), registry=types)

    def forever() -> Iterator[int]:
        while True:
            yield 1

    with pytest.raises(TimeoutError):
        pipeline.run(forever())
