"""Version 1: lenient in form, strict on meaning, and nothing that was said is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamflow.manifest import EdgeSpec, load
from streamflow.registry import Registry, registry

Faults = Callable[..., dict[str, str]]

PICTURE = {"id": "b", "node_type": "PictureNode", "params": {"width": 8}}


def edges_of(source: Any, types: Registry) -> tuple[EdgeSpec, ...]:
    return load(source, registry=types).graph.edges


def test_a_manifest_of_the_media_runtime_loads_and_keeps_what_it_said(types: Registry) -> None:
    capabilities = {
        "gpu": {"type": "cuda", "min_memory_gb": 4, "required": True},
        "cpu": {"cores": 2, "arch": "x86_64"},
        "memory_gb": 8,
    }
    node = {
        "id": "b",
        "node_type": "Picture",
        "params": {"width": 8},
        "is_streaming": True,
        "is_output_node": True,
        "capabilities": capabilities,
        "host": "gpu:50051",
        "runtime_hint": "cpython",
        "execution": {"placement": "local", "reason": "x", "fallback": "remote"},
        "python_deps": ["torch"],
        "metadata": {"note": 1},
    }
    head = {"name": "speech", "description": "d", "created_at": "t", "auto_negotiate": True}
    source = {
        "version": "v1",
        "metadata": head,
        "nodes": [{"id": "a", "node_type": "Source"}, node],
        "connections": [{"from": "a", "to": "b", "type": "video"}],
        "outputs": ["b"],
    }

    manifest = load(source, registry=types)

    assert manifest.name == "speech"
    kept = {key: value for key, value in head.items() if key != "name"}
    edges = {"0": {"type": "video"}}
    assert manifest.metadata == {**kept, "outputs": ["b"], "edges": edges}
    said = {k: node[k] for k in node if k not in ("id", "node_type", "params", "metadata")}
    assert manifest.graph.nodes[1].metadata == {"note": 1, **said}
    assert manifest.graph.edges == (EdgeSpec("a", "b", "video", "in"),)


@pytest.mark.parametrize(
    "version", [{}, *({"version": v} for v in ("v1", "1", "1.0", "1.0.0", 1, 1.0, None))]
)
def test_versions_in_the_wild(version: dict[str, Any], types: Registry) -> None:
    source = {**version, "nodes": [{"id": "a", "nodeType": "StepNode", "isStreaming": False}]}

    node = load(source, registry=types).graph.nodes[0]

    assert (node.type, node.metadata) == ("Step", {"isStreaming": False})


@pytest.mark.parametrize(
    "edge",
    [
        {"from": "a", "to": "b", "from_port": "video", "to_port": "in"},
        {"from": "a", "to": "b", "fromPort": "video", "toPort": "in"},
        {"source": "a", "target": "b", "source_port": "video", "targetPort": "in"},
        {"from": "a.video", "to": "b.in"},
        {"source": {"node": "a", "port": "video"}, "target": {"node": "b", "port": "in"}},
        {"from": "a", "to": "b"},
        ["a", "b"],
    ],
)
@pytest.mark.parametrize("field", ["edges", "connections"])
def test_edges_in_the_wild(field: str, edge: Any, types: Registry) -> None:
    source = {"nodes": [{"id": "a", "node_type": "Source"}, PICTURE], field: [edge]}

    assert edges_of(source, types) == (EdgeSpec("a", "b", "video", "in"),)


@pytest.mark.parametrize("field", ["params", "parameters", "config"])
def test_params_in_both_cases_and_under_each_name(field: str, types: Registry) -> None:
    @types.register
    class Chunks(load_node()):  # type: ignore[misc]  # a class made for this test
        def __init__(self, chunk_size: int, keepAll: bool = False) -> None: ...  # noqa: N803 - as found

    source = {
        "nodes": [{"id": "a", "type": "Chunks", field: {"chunkSize": 3, "keepAll": True}}],
        "connections": [],
    }

    assert load(source, registry=types).graph.nodes[0].params == {"chunk_size": 3, "keepAll": True}


def load_node() -> Any:
    from streamflow.node import Node

    return Node


def test_faults_are_told_in_the_words_of_the_text(faults: Faults) -> None:
    found = faults(
        {
            "nodes": [
                {"id": "a", "nodeType": "PictureNode", "config": {"width": "wide"}},
                {"id": "b", "node_type": "Nothing", "parms": {}},
                {"node_type": "Source", "params": 3},
                "x",
                {"id": "c"},
            ],
            "connections": [
                {"from": "a", "to": "q", "form_port": 3},
                {"from": "a", "to": "a", "from_port": "left", "toPort": "right"},
                {"to": "a"},
                ["a"],
            ],
        }
    )

    assert found == {
        "nodes[0].config.width": 'must be an integer, got "wide"',
        "nodes[1].node_type": "unknown node type 'Nothing'",
        "nodes[1].parms": "unknown field; did you mean 'params'?",
        "nodes[2].id": "is missing",
        "nodes[2].params": "must be a mapping, got 3",
        "nodes[3]": 'must be a mapping, got "x"',
        "nodes[4].node_type": "is missing",
        "connections": "the graph has a cycle: a -> a",
        "connections[0].to": "there is no node 'q'",
        "connections[0].form_port": "unknown field; did you mean 'from_port'?",
        "connections[1].from_port": "node 'a' has no output port 'left'; it has out",
        "connections[1].toPort": "node 'a' has no input port 'right'; it has in",
        "connections[2].from": "is missing",
        "connections[3]": "must be a mapping, got a list",
    }


def test_two_lists_of_edges_are_one_too_many(faults: Faults) -> None:
    source: dict[str, Any] = {"nodes": [], "connections": [], "edges": []}

    assert faults(source) == {"": "has both connections and edges; give one of them"}


@pytest.mark.parametrize("field", ["nodes", "connections", "metadata"])
def test_what_is_of_another_shape_is_a_fault(field: str, faults: Faults) -> None:
    source: dict[str, Any] = {"nodes": [], "connections": [], field: 3}

    assert [*faults(source)] == [field]


@pytest.mark.parametrize(
    ("name", "params", "ours", "meant"),
    [
        ("PassThrough", {}, "PassThrough", {}),
        ("PassThroughNode", {}, "PassThrough", {}),
        ("Echo", {}, "Echo", {}),
        ("EchoNode", {}, "Echo", {}),
        ("AddNode", {"addend": 1}, "Add", {"addend": 1}),
        ("MultiplyNode", {"multiplier": 3}, "Multiply", {"factor": 3}),
        ("CalculatorNode", {}, "Calculator", {}),
        ("TextCollectorNode", {}, "TextCollector", {}),
        ("AudioChunkerNode", {"chunkSize": 512}, "Chunk", {"samples": 512}),
        ("FastResampleNode", {"target_rate": 16_000}, "Resample", {"rate": 16_000}),
        ("AutoResample", {"targetSampleRate": 16_000}, "Resample", {"rate": 16_000}),
        (
            "AudioBufferAccumulatorNode",
            {"minUtteranceDurationMs": 500},
            "AudioBufferAccumulator",
            {"min_duration": 0.5},
        ),
        ("AudioBuffer", {}, "AudioBufferAccumulator", {}),
        ("AudioLevelNode", {"window_size_ms": 100}, "AudioLevel", {"window": 0.1}),
        (
            "SilenceDetectorNode",
            {"silence_threshold_db": -50},
            "SilenceDetector",
            {"threshold": -50},
        ),
        ("ClippingDetector", {"clipping_threshold": 0.9}, "ClippingDetector", {"threshold": 0.9}),
        ("ChannelBalance", {"imbalance_threshold_db": 6}, "ChannelBalance", {"max_difference": 6}),
        ("AudioChannelSplitter", {}, "ChannelSplit", {}),
        ("MediaReader", {"filePath": "a.mp4"}, "MediaSource", {"path": "a.mp4"}),
        ("MediaWriter", {"output_path": "a.mp4"}, "MediaSink", {"path": "a.mp4"}),
        ("VideoResizer", {"targetWidth": 640}, "Scale", {"width": 640}),
        ("VideoScalerNode", {"width": 640}, "Scale", {"width": 640}),
        ("VideoFlip", {"vertical": True}, "Flip", {"horizontal": True, "vertical": True}),
        ("AudioTransform", {}, "AudioTransform", {}),
    ],
)
def test_names_of_the_original_runtime_resolve(
    name: str, params: dict[str, Any], ours: str, meant: dict[str, Any]
) -> None:
    source = {"nodes": [{"id": "a", "node_type": name, "params": params}]}

    node = load(source, registry=registry).graph.nodes[0]

    assert (node.type, node.params) == (ours, meant)


def test_a_param_that_is_given_under_both_names_is_a_fault() -> None:
    from streamflow.errors import ManifestError

    params = {"width": 1, "target_width": 2}
    with pytest.raises(ManifestError, match=r"params\.target_width: Scale has no such parameter"):
        load({"nodes": [{"id": "a", "node_type": "VideoResizer", "params": params}]})


def test_a_registered_type_goes_before_an_alias(types: Registry) -> None:
    from streamflow.node import Node

    class MediaReader(Node): ...

    types.register(MediaReader)

    node = load({"nodes": [{"id": "a", "node_type": "MediaReader"}]}, registry=types)

    assert node.graph.nodes[0].type == "MediaReader"


def test_a_symbia_graph_loads_and_keeps_what_it_said(types: Registry) -> None:
    source: dict[str, Any] = {
        "symbia": "1.0",
        "name": "Simple",
        "version": "1.0.0",
        "metadata": {"by": "me"},
        "nodes": [
            {"id": "a", "component": "symbia.core.step", "config": {"path": "`${value}`"}},
            {"id": "b", "component": "symbia.core.step", "config": None, "position": 3},
        ],
        "edges": [
            {
                "id": "e1",
                "source": {"node": "a", "port": "out"},
                "target": {"node": "b", "port": "in"},
            }
        ],
        "bindings": {"a": {}},
    }

    manifest = load(source, registry=types)

    assert manifest.graph.nodes[0].type == "symbia.core.step"
    assert manifest.graph.nodes[0].params == {"path": "`${value}`"}
    assert manifest.graph.nodes[1].metadata == {"position": 3}
    assert manifest.graph.edges == (EdgeSpec("a", "b", "out", "in"),)
    assert manifest.metadata == {
        "by": "me",
        "symbia": "1.0",
        "version": "1.0.0",
        "bindings": {"a": {}},
    }


def test_faults_of_a_symbia_graph_are_told_in_its_words(faults: Faults) -> None:
    found = faults(
        {
            "symbia": "9",
            "nodes": [{"id": "a", "component": "Nothing", "config": {}}, {"id": "b"}, 3],
            "edges": [
                {"source": {"node": "b", "port": "x"}, "target": "b"},
                3,
            ],
        }
    )

    assert [*found] == [
        "symbia",
        "nodes[0].component",
        "nodes[1].component",
        "nodes[2]",
        "edges",
        "edges[1]",
    ]
    assert [*faults({"symbia": "1.0", "nodes": 3})] == ["nodes"]
