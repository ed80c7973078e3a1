"""Version 2: all that the builder can say, and nothing that it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamflow.graph import NodeOptions, Queue
from streamflow.manifest import EdgeSpec, GraphSpec, Manifest, NodeSpec, RunSpec, load
from streamflow.node import Node
from streamflow.process import Process
from streamflow.registry import Registry
from streamflow.retry import CircuitBreaker, Retry

Faults = Callable[..., dict[str, str]]
V2 = Callable[..., dict[str, Any]]

STEP: dict[str, Any] = {"id": "a", "type": "step"}


def test_a_manifest_says_all_that_the_builder_can(types: Registry) -> None:
    text = """
    streamflow: "2"
    name: all
    metadata: {owner: me}
    nodes:
      - {id: src, type: source, error: route, timeout: 500ms}
      - id: pic
        type: picture
        params: {width: 640}
        on: {process: {name: gpu, memory: 2GiB, cpu: [1, 0], nice: 5, restart: 2, on_death: skip}}
        concurrency: 2
        retry: {max_retries: 5, backoff: 1s, on: [ConnectionError, MediaError]}
        breaker: {max_failures: 2, reset_after: 1min}
      - {id: sub, graph: inner}
    edges:
      - {source: src.video, target: pic.in,
         queue: {max_items: 4, max_bytes: 64KB, max_time: 2s, policy: latest}}
      - {source: src.error, target: sub.in}
    graphs:
      inner:
        nodes: [{id: step, type: step, on: thread}]
        edges: []
        inputs: {in: step}
        outputs: {out: step.out}
    run: {clock: live, max_bytes: 1MiB, timeout: 1h, checkpoint: ck, every: 10s, items: 3}
    """

    manifest = load(text, registry=types)

    from streamflow.errors import MediaError

    process = Process("gpu", memory="2GiB", cpu=[0, 1], nice=5, restart=2, on_death="skip")
    retry = Retry(5, 1.0, on=(ConnectionError, MediaError))
    options = NodeOptions(process, "fail", None, 2, retry, CircuitBreaker(2, 60.0))
    nodes = (
        NodeSpec("src", "Source", {}, NodeOptions(error="route", timeout=0.5)),
        NodeSpec("pic", "Picture", {"width": 640}, options),
        NodeSpec("sub", graph="inner"),
    )
    edges = (
        EdgeSpec("src", "pic", "video", "in", Queue(4, 64_000, 2.0, "latest")),
        EdgeSpec("src", "sub", "error", "in"),
    )
    inner = GraphSpec(
        (NodeSpec("step", "Step", {}, NodeOptions("thread")),),
        (),
        {"in": ("step", None)},
        {"out": ("step", "out")},
    )
    run = RunSpec("live", 2**20, 3600.0, "ck", 10.0, 3)
    assert manifest == Manifest(
        "all", GraphSpec(nodes, edges), {"inner": inner}, run, {"owner": "me"}
    )


@pytest.mark.parametrize("version", [{"streamflow": 2}, {"version": "v2"}, {"version": 2.0}])
def test_a_version_may_be_written_as_a_number(version: dict[str, Any], types: Registry) -> None:
    manifest = load({**version, "nodes": [STEP]}, registry=types)

    assert manifest.graph.nodes == (NodeSpec("a", "Step"),)


@pytest.mark.parametrize("version", [{"streamflow": 3}, {"streamflow": None}, {"version": [1]}])
def test_an_unknown_version_is_refused(version: dict[str, Any], faults: Faults) -> None:
    assert next(iter(faults({**version, "nodes": []}).values())).startswith('must be "1" or "2"')


def test_instances_stand_among_texts(types: Registry) -> None:
    one, two, three = Node(), Node(), Node()
    nodes = [one, two, {"id": "x", "instance": three, "on": "thread"}, STEP]

    manifest = load({"streamflow": "2", "nodes": nodes}, registry=types)

    assert [node.id for node in manifest.graph.nodes] == ["node", "node_2", "x", "a"]
    assert [node.instance for node in manifest.graph.nodes] == [one, two, three, None]


def test_all_faults_are_told_at_once_in_the_order_of_the_text(faults: Faults, v2: V2) -> None:
    found = faults(
        v2(
            {"id": "a", "type": "Step", "params": {"factor": "wide", "pth": 1}, "erorr": "skip"},
            {"id": "a", "type": "Setp", "timeout": -1, "concurrency": 0},
            {"id": "b.c", "type": "Picture", "on": {"process": {"memory": "2 apples", "nise": 1}}},
            {"type": "Step", "retry": {"max_retries": 0, "on": ["ConectionError"]}},
            {"id": "e", "graph": "iner", "type": "Step", "metadata": 3},
            {"id": "f"},
            7,
            edges=[
                {"source": "a", "target": "zz", "queue": {"max_items": 0, "policy": "newest"}},
                {"source": "e", "target": "f", "weight": 1},
                {"target": "a."},
                "a>b",
            ],
            graphs={"inner": 3},
            run={"clock": "fast", "every": "soon"},
            nmae="x",
        )
    )

    assert found == {
        "nodes[0].erorr": "unknown field; did you mean 'error'?",
        "nodes[0].params.factor": 'must be a number, got "wide"',
        "nodes[0].params.pth": "Step has no such parameter; did you mean 'path'?",
        "nodes[1].timeout": "must be more than 0, got -1",
        "nodes[1].concurrency": "must be 1 or more, got 0",
        "nodes[1].type": "unknown node type 'Setp'; did you mean Step?",
        "nodes[1].id": "nodes[0] has the id 'a' already",
        "nodes[2].id": "must be a word without '.', '>' or spaces, got \"b.c\"",
        "nodes[2].on.process.memory": (
            'must be bytes, or text such as "64KB" or "2GiB", got "2 apples"'
        ),
        "nodes[2].on.process.nise": "unknown field; did you mean 'nice'?",
        "nodes[2].params.width": "is missing; Picture needs it",
        "nodes[3].id": "is missing",
        "nodes[3].retry.max_retries": "must be 1 or more, got 0",
        "nodes[4].metadata": "must be a mapping, got 3",
        "nodes[4].graph": "stands beside type; give one of them; "
        "there is no graph 'iner'; did you mean 'inner'?",
        "nodes[5].type": "is missing",
        "nodes[6]": "must be a mapping, got 7",
        "edges[0].queue.max_items": "must be more than 0, got 0",
        "edges[0].queue.policy": (
            'must be one of "block", "drop_oldest", "drop_newest", "latest" or "error", '
            'got "newest"'
        ),
        "edges[0].target": "there is no node 'zz'",
        "edges[1].weight": "unknown field",
        "edges[2].source": "is missing",
        "edges[2].target": 'must be the id of a node, or node.port, got "a."',
        "edges[3]": 'must be a mapping, got "a>b"',
        "graphs.inner": "must be a mapping, got 3",
        "run.clock": 'must be one of "live" or "offline", got "fast"',
        "run.every": 'must be seconds, or text such as "500ms", "10s", "2min" or "1h", got "soon"',
        "nmae": "unknown field; did you mean 'name'?",
    }
    places = [path.partition(".")[0] for path in found]
    assert places == sorted(places, key=places.index)
    assert [p for p in dict.fromkeys(places) if "[" in p] == [
        *(f"nodes[{index}]" for index in range(7)),
        *(f"edges[{index}]" for index in range(4)),
    ]


@pytest.mark.parametrize("field", ["nodes", "edges"])
def test_what_must_be_a_list_is_one(field: str, faults: Faults) -> None:
    data: dict[str, Any] = {"streamflow": "2", "nodes": [], "edges": [], field: "x"}

    assert faults(data) == {field: 'must be a list, got "x"'}


def test_a_manifest_without_nodes_says_so(faults: Faults) -> None:
    assert faults({"streamflow": "2"}) == {"nodes": "is missing"}


def test_an_exception_has_a_name(faults: Faults, v2: V2, types: Registry) -> None:
    def retry(*names: str) -> dict[str, Any]:
        return v2({**STEP, "retry": {"on": list(names)}})

    found = faults(retry("Nothing", "int", "KeyboardInterrupt", "json:JSONDecodeError"))

    assert [*found] == [f"nodes[0].retry.on[{index}]" for index in range(4)]
    assert found["nodes[0].retry.on[0]"].startswith("Nothing is no exception")
    assert found["nodes[0].retry.on[3]"].endswith("imports are not allowed")
    allowed = load(retry("json:JSONDecodeError"), registry=types, allow_imports=True)
    kinds = allowed.graph.nodes[0].options.retry
    assert kinds is not None
    assert kinds.on[0].__name__ == "JSONDecodeError"
    wrong = faults(retry("json:Nothing", "no_such_module:X", "json:dumps"), allow_imports=True)
    assert "cannot be imported" in wrong["nodes[0].retry.on[0]"]
    assert "cannot be imported" in wrong["nodes[0].retry.on[1]"]
    assert "is no exception" in wrong["nodes[0].retry.on[2]"]


def test_loading_imports_nothing_of_the_manifests_choosing(faults: Faults, v2: V2) -> None:
    found = faults(v2({"id": "a", "type": "antigravity:Node"}))

    import sys

    assert found == {
        "nodes[0].type": "antigravity:Node is not registered, and imports are not allowed"
    }
    assert "antigravity" not in sys.modules


def test_a_class_may_be_imported_where_that_is_allowed(types: Registry, v2: V2) -> None:
    data = v2({"id": "a", "type": "streamflow.nodes.basic.echo:Echo"})

    manifest = load(data, registry=types, allow_imports=True)

    assert manifest.graph.nodes[0].type == "streamflow.nodes.basic.echo:Echo"


@pytest.mark.parametrize(
    "path", ["json:dumps", "json:Nothing", "no_such_module:X", ":", "a:", ":b"]
)
def test_what_cannot_be_imported_is_a_fault(path: str, faults: Faults, v2: V2) -> None:
    assert [*faults(v2({"id": "a", "type": path}), allow_imports=True)] == ["nodes[0].type"]


def test_an_entry_point_that_cannot_be_imported_is_a_fault(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, faults: Faults, v2: V2
) -> None:
    (tmp_path / "broken_nodes.py").write_text("raise RuntimeError('no camera')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    found = faults(v2({"id": "a", "type": "broken_nodes:Camera"}), allow_imports=True)

    assert found == {"nodes[0].type": "broken_nodes:Camera cannot be imported: no camera"}


def test_what_a_graph_or_an_instance_has_of_its_own_is_not_said_again(
    faults: Faults, v2: V2
) -> None:
    inner = {"inner": {"nodes": [STEP]}}
    found = faults(
        v2(
            {"id": "g", "graph": "inner", "on": "thread"},
            {"id": "i", "instance": Node(), "params": {"x": 1}},
            {"id": "j", "instance": 3},
            graphs=inner,
        )
    )

    assert found == {
        "nodes[0].on": "goes with a type, not with graph",
        "nodes[1].params": "goes with a type, not with instance",
        "nodes[2].instance": "must be a node, got 3",
    }


def test_a_process_without_limits_needs_none(types: Registry, v2: V2) -> None:
    manifest = load(v2({**STEP, "on": {"process": {}}}), registry=types)

    assert manifest.graph.nodes[0].options.on == Process()


def test_a_manifest_is_checked_too(types: Registry, faults: Faults) -> None:
    graph = GraphSpec((NodeSpec("a", "step"), NodeSpec("b", "setp")))

    assert faults(Manifest(graph=graph)) == {
        "nodes[1].type": "unknown node type 'setp'; did you mean Step?"
    }
    good = Manifest(graph=GraphSpec((NodeSpec("a", "step"),)))
    assert load(good, registry=types).graph.nodes[0].type == "Step"


def test_lists_without_end_in_a_graph_are_told_once(faults: Faults, v2: V2) -> None:
    graphs = {"inner": {"nodes": [1] * 50_001}}

    assert faults(v2({"id": "g", "graph": "inner"}, graphs=graphs)) == {
        "graphs.inner.nodes": "holds 50001 entries; 50000 may be"
    }


def test_a_field_of_a_graph_may_be_unknown(faults: Faults, v2: V2) -> None:
    graphs: dict[str, Any] = {"inner": {"nodes": [], "edgse": []}}

    assert faults(v2({"id": "g", "graph": "inner"}, graphs=graphs)) == {
        "graphs.inner.edgse": "unknown field; did you mean 'edges'?"
    }


def test_version_2_is_known_by_its_fields(types: Registry) -> None:
    manifest = load({"nodes": [{**STEP, "on": "thread"}], "run": {}}, registry=types)

    assert manifest.graph.nodes[0].options.on == "thread"
    assert load({"nodes": [{**STEP, "on": "thread"}]}, registry=types) == manifest
