"""The scenarios of the original runtimes' specifications, one test each, named after them.

docs/conformance.md lists which scenario is shown where.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import streamflow as sf
from tests.support.manifests import manifest, node
from tests.support.recorder import Recorder
from tests.support.waiting import until


@pytest.fixture
def types() -> sf.Registry:
    """The library's types, and those that a test registers."""
    return sf.Registry()


# -- loading


async def test_load_and_execute_json_manifest(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    entries = [node("double", "Multiply", factor=2), node("plus", "Add", addend=1)]
    path.write_text(json.dumps(manifest(entries)), encoding="utf-8")

    report = await sf.execute_pipeline_with_input(path, [1, 2, 3])

    assert (report.state, report.results) == ("completed", [3, 5, 7])


def test_parse_manifest_with_nodes_and_edges() -> None:
    entries = [node(id, "PassThrough") for id in "abc"]

    pipeline = sf.Pipeline.from_manifest(manifest(entries, [("a", "c"), ("b", "c")]))

    assert list(pipeline.graph.nodes) == ["a", "b", "c"]
    assert [edge.name for edge in pipeline.graph.edges] == ["a.out -> c.in", "b.out -> c.in"]
    assert pipeline.graph.topology().inputs == ("a", "b")
    assert pipeline.graph.topology().outputs == ("c",)


def test_validate_manifest_structure() -> None:
    with pytest.raises(sf.ManifestError) as caught:
        sf.Pipeline.from_manifest(
            {"version": "v1", "nodes": [{"id": "a"}, {"node_type": "PassThrough"}]}
        )

    faults = dict(caught.value.faults)
    assert "node_type" in str(faults)
    assert any(path.startswith("nodes[0]") for path in faults)
    assert any(path.startswith("nodes[1]") for path in faults)


@pytest.mark.parametrize("version", ["v1", "1.0", "1.0.0", None])
def test_support_multiple_pipeline_versions_as_v1(version: str | None) -> None:
    whole = manifest([node("a", "Multiply", factor=3)])
    whole = {key: value for key, value in whole.items() if key != "version"}
    if version is not None:
        whole["version"] = version

    assert sf.Pipeline.from_manifest(whole).run([2]).results == [6]


def test_support_multiple_pipeline_versions_as_v2() -> None:
    whole = sf.Pipeline.from_manifest(manifest([node("a", "Multiply", factor=3)])).to_manifest()

    assert sf.Pipeline.from_manifest(whole).run([2]).results == [6]
    assert sf.Pipeline.from_manifest(whole).to_manifest() == whole


# -- the life of nodes


async def test_initialize_pipeline_resources() -> None:
    calls: list[str] = []

    await sf.execute_pipeline_with_input([Recorder(name, calls) for name in "abc"], [1])

    assert calls[:3] == ["initialize a", "initialize b", "initialize c"]
    assert calls[3:6] == ["a 1", "b 1", "c 1"]


async def test_cleanup_on_pipeline_completion() -> None:
    calls: list[str] = []

    await sf.execute_pipeline_with_input([Recorder(name, calls) for name in "abc"], [1])

    assert calls[-3:] == ["cleanup c", "cleanup b", "cleanup a"]


async def test_handle_node_execution_failures() -> None:
    calls: list[str] = []
    nodes = [Recorder("a", calls), Recorder("b", calls, fails_at=2), Recorder("c", calls)]

    with pytest.raises(sf.NodeError) as caught:
        await sf.execute_pipeline_with_input(nodes, [1, 2, 3])

    assert caught.value.node == "recorder_2"
    assert calls[-3:] == ["cleanup c", "cleanup b", "cleanup a"]
    assert "c 2" not in calls


async def test_return_structured_error_information() -> None:
    with pytest.raises(sf.NodeError) as caught:
        await sf.execute_pipeline_with_input([Recorder("a", [], fails_at=2)], [1, 2])

    error = caught.value
    assert (error.node, error.phase, error.error_type) == ("recorder", "process", "ValueError")
    assert error.message == "2 is too much"
    assert error.input_summary == "int 2"
    assert "raise ValueError" in error.stack_trace
    assert isinstance(error.__cause__, ValueError)


async def test_support_retry_policies() -> None:
    tries: list[int] = []

    def flaky(x: int) -> int:
        tries.append(x)
        if len(tries) <= 3:
            raise ConnectionError("not yet")
        return x

    pipeline = sf.Pipeline()
    pipeline.add(sf.node(flaky), retry=sf.Retry(3, backoff=0, on=(ConnectionError,)))

    report = await sf.execute_pipeline_with_input(pipeline, [7])

    assert (tries, report.results) == ([7] * 4, [7])


async def test_a_failure_is_propagated_after_the_last_retry() -> None:
    def broken(x: int) -> int:
        raise ConnectionError("never")

    pipeline = sf.Pipeline()
    pipeline.add(sf.node(broken), retry=sf.Retry(3, backoff=0))

    with pytest.raises(sf.NodeError, match="ConnectionError: never"):
        await sf.execute_pipeline_with_input(pipeline, [7])


# -- nodes


async def test_execute_existing_node_process_method(types: sf.Registry) -> None:
    class Existing(sf.Node):
        def __init__(self, prefix: str = "") -> None:
            self.prefix = prefix

        def process(self, data: dict[str, Any]) -> dict[str, Any] | None:
            return {**data, "name": self.prefix + data["name"]} if data["score"] > 0.5 else None

    types.register(Existing)
    whole = manifest([node("e", "Existing", prefix="the ")])

    report = await sf.execute_pipeline_with_input(
        whole, [{"name": "cat", "score": 0.9}, {"name": "dog", "score": 0.1}], registry=types
    )

    assert report.results == [{"name": "the cat", "score": 0.9}]


async def test_handle_python_logging(caplog: pytest.LogCaptureFixture) -> None:
    def tell(x: int) -> int:
        logging.getLogger("mine").warning("saw %d", x)
        return x

    await sf.execute_pipeline_with_input(sf.node(tell), [3])

    assert [(record.name, record.message) for record in caplog.records] == [("mine", "saw 3")]


async def test_passthrough_node() -> None:
    assert (await sf.execute_pipeline_with_input(["PassThroughNode"], [{"a": 1}])).results == [
        {"a": 1}
    ]


async def test_echo_node() -> None:
    report = await sf.execute_pipeline_with_input(manifest([node("e", "EchoNode")]), ["x", "y"])

    assert report.results == [
        {"input": "x", "counter": 1, "node": "Echo"},
        {"input": "y", "counter": 2, "node": "Echo"},
    ]


def test_node_registry(types: sf.Registry) -> None:
    class Custom(sf.Node):
        version = "2.1"

        def process(self, x: Any) -> Any:
            return x

    types.register(Custom)

    assert types.has("PassThrough")
    assert types.has("Echo")
    assert not types.has("NoSuchNode")
    assert type(types.create("Custom")).info().version == "2.1"
    assert {"Custom", "Echo", "PassThrough"} <= set(types.list())


def test_registry_create_unknown(types: sf.Registry) -> None:
    with pytest.raises(sf.UnknownNodeError, match="unknown node 'Ecko'; did you mean Echo"):
        types.create("Ecko")


async def test_execute_with_simple_pipeline() -> None:
    whole = manifest([node("a", "PassThrough"), node("b", "Echo"), node("c", "PassThrough")])

    report = await sf.execute_pipeline_with_input(whole, range(5))

    assert report.state == "completed"
    assert [item["counter"] for item in report.results] == [1, 2, 3, 4, 5]


# -- metrics


async def test_track_node_execution_time() -> None:
    report = await sf.execute_pipeline_with_input(manifest([node("a", "PassThrough")]), range(100))

    time = report.nodes["a"].time
    assert 0 < time.p50_ns <= time.p99_ns <= time.max_ns


class Keeps(sf.Node):
    """Holds the memory that it allocates."""

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.ctx, self.kept = ctx, list[Any]()

    def process(self, x: int) -> int:
        self.kept.append(self.ctx.allocate((1000,)))
        return x


async def test_monitor_memory_usage() -> None:
    report = await sf.execute_pipeline_with_input(Keeps(), range(4))

    assert report.nodes["keeps"].memory_peak >= 4000


async def test_export_metrics() -> None:
    report = await sf.execute_pipeline_with_input([Keeps(), "PassThrough"], range(4))

    exported = json.loads(report.to_json())

    assert exported["nodes"]["keeps"]["received"] == 4
    assert exported["nodes"]["pass_through"]["time"]["count"] > 0
    assert exported["nodes"]["keeps"]["memory_peak"] >= 4000
    assert exported["nodes"]["keeps"]["throughput"] > 0


class Totals(sf.Node):
    """Adds up what it has seen; at a certain item it fails, once."""

    failed = False

    def __init__(self) -> None:
        self.total = 0

    def process(self, x: int) -> int:
        if x == 60 and not Totals.failed:
            Totals.failed = True
            raise OSError("the power has gone")
        self.total += x
        return self.total

    def get_state(self) -> int:
        return self.total

    def set_state(self, state: int) -> None:
        self.total = state


def test_partial_pipeline_recovery(tmp_path: Path) -> None:
    def pipeline() -> sf.Pipeline:
        made = sf.Pipeline("totals")
        made.add(Totals)
        return made

    async def numbers() -> AsyncIterator[int]:
        for number in range(100):
            if number == 50:
                await until(lambda: any(tmp_path.glob("checkpoint-*")))
            yield number

    with pytest.raises(sf.NodeError, match="the power has gone"):
        pipeline().run(numbers(), checkpoint=tmp_path, items=10)

    report = pipeline().run(range(100), checkpoint=tmp_path, items=10, resume=True)

    assert report.results == [x * (x + 1) // 2 for x in range(100)]
    assert report.nodes["totals"].received < 100
