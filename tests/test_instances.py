"""Instances: what the specification of instance execution asks for, requirement by requirement."""

from __future__ import annotations

import asyncio
import json
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import streamflow as sf
from streamflow.testing import assert_ledger


class Model:
    """What takes long to load, and must not be loaded twice."""

    loaded = 0

    def __init__(self) -> None:
        type(self).loaded += 1
        self.weights = {"a": 1.5}
        self.itself = self  # a circle

    def __call__(self, x: float) -> float:
        return x * self.weights["a"]


class Detect(sf.Node):
    """Configured with what no text can say."""

    def __init__(self, model: Model, also: Any = None) -> None:
        self.model, self.also = model, also
        self.seen = 0
        self.calls: list[str] = []

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.calls.append("initialize")

    def process(self, x: float) -> float:
        self.seen += 1
        return self.model(x)

    def cleanup(self) -> None:
        self.calls.append("cleanup")


class Travelling(sf.Node):
    """Tells in which order it was called, wherever it lives."""

    def __init__(self, scale: int) -> None:
        self.scale = scale
        self.calls: list[str] = []

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.calls.append("initialize")

    def process(self, x: int) -> tuple[int, tuple[str, ...]]:
        return x * self.scale, tuple(self.calls)

    def cleanup(self) -> None:
        self.calls.append("cleanup")


def manifest(*types: str) -> dict[str, Any]:
    nodes = [{"id": f"n{number}", "node_type": type} for number, type in enumerate(types)]
    ids = [node["id"] for node in nodes]
    edges = [{"from": a, "to": b} for a, b in pairwise(ids)]
    return {"version": "v1", "nodes": nodes, "connections": edges}


# -- functional requirements


async def test_fr_001_instances_are_arguments_of_both_functions() -> None:
    @sf.node
    def numbers() -> Any:
        yield from (1, 2)

    alone = await sf.execute_pipeline(numbers)
    chained = await sf.execute_pipeline([numbers, Detect(Model())])
    fed = await sf.execute_pipeline_with_input([Detect(Model())], [2, 4])
    single = await sf.execute_pipeline_with_input(Detect(Model()), [2])

    assert alone.results == [1, 2]
    assert chained.results == [1.5, 3.0]
    assert fed.results == [3.0, 6.0]
    assert single.results == [3.0]


async def test_fr_002_the_very_instance_runs_with_its_state() -> None:
    model = Model()
    node, closure = Detect(model, also=threading.Lock()), {"n": 0}

    def count(x: float) -> float:
        closure["n"] += 1
        return x

    before = Model.loaded
    await sf.execute_pipeline_with_input([node, sf.node(count)], range(3))
    await sf.execute_pipeline_with_input([node, sf.node(count)], range(3))

    assert (node.seen, closure["n"], Model.loaded) == (6, 6, before)
    assert node.calls == ["initialize", "cleanup"] * 2


async def test_fr_003_entries_of_a_manifest_and_instances_form_one_chain() -> None:
    report = await sf.execute_pipeline_with_input(
        [
            {"node_type": "PassThroughNode"},
            Detect(Model()),
            "PassThrough",
            sf.node(lambda x: x + 1),
        ],
        [2, 4],
    )

    assert report.results == [4.0, 7.0]
    assert list(report.nodes) == ["pass_through_node", "detect", "pass_through", "function_node"]


async def test_fr_003_a_manifest_holds_instances_among_its_nodes() -> None:
    whole = manifest("PassThroughNode", "?", "PassThroughNode")
    whole["nodes"][1] = {"id": "n1", "instance": Detect(Model())}

    report = await sf.execute_pipeline_with_input(whole, [2])

    assert report.results == [3.0]


@pytest.mark.parametrize("form", ["dict", "text", "path", "pipeline", "list", "node"])
async def test_fr_004_what_is_given_is_told_apart_by_itself(form: str, tmp_path: Path) -> None:
    text = json.dumps(manifest("PassThrough", "PassThrough"))
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    given: dict[str, Any] = {
        "dict": json.loads(text),
        "text": text,
        "path": path,
        "pipeline": sf.Pipeline(sf.node(lambda x: x)),
        "list": [sf.node(lambda x: x), "PassThrough"],
        "node": sf.node(lambda x: x),
    }

    report = await sf.execute_pipeline_with_input(given[form], [1, 2])

    assert report.results == [1, 2]


def test_fr_005_006_007_008_an_instance_is_cleaned_up_travels_and_is_initialized_there() -> None:
    node = Travelling(3)
    pipeline = sf.Pipeline()
    pipeline.add(sf.node(lambda x: x)) >> pipeline.add(node, on="process")

    report = sf.execute_pipeline_with_input_sync(pipeline, [1, 2])

    assert report.results == [(3, ("cleanup", "initialize")), (6, ("cleanup", "initialize"))]
    assert_ledger(report)


async def test_fr_009_a_pipeline_is_taken_as_it_is() -> None:
    node = Detect(Model())
    pipeline = sf.Pipeline("mine", node)

    report = await sf.execute_pipeline_with_input(pipeline, [2])

    assert (report.name, report.results, node.seen) == ("mine", [3.0], 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "not an empty list"),
        (7, "not int"),
        ([7], "a chain is made of nodes, not int"),
        ([{"node_type": "PassThrough"}, 7], r"nodes\[1\]"),
    ],
)
async def test_fr_010_what_is_no_node_is_refused_before_anything_runs(
    given: Any, words: str
) -> None:
    with pytest.raises((sf.GraphError, sf.ManifestError), match=words):
        await sf.execute_pipeline_with_input(given, [1])


async def test_fr_010_an_instance_without_process_is_refused_before_anything_runs() -> None:
    class Empty(sf.Node):
        pass

    first = Detect(Model())

    with pytest.raises(sf.GraphError, match=r"node 'empty' \(Empty\) has no process method"):
        await sf.execute_pipeline_with_input([first, Empty()], [1])

    assert first.calls == []


@pytest.mark.timeout(2)
def test_fr_011_what_cannot_travel_is_named_with_its_reason(tmp_path: Path) -> None:
    pipeline = sf.Pipeline()

    with (tmp_path / "open").open("w") as file:
        pipeline.add(Detect(Model(), also={"file": file}), on="process")
        with pytest.raises(sf.PicklingError) as caught:
            sf.execute_pipeline_with_input_sync(pipeline, [1])

    assert caught.value.path == "Detect.also['file']"


async def test_fr_012_manifests_run_as_before() -> None:
    report = await sf.execute_pipeline_with_input(manifest("PassThroughNode", "EchoNode"), ["a"])

    assert report.results == [{"input": "a", "counter": 1, "node": "Echo"}]


# -- success criteria


def test_sc_001_ten_lines_are_enough() -> None:
    program = """
import streamflow as sf
class Shout(sf.Node):
    def __init__(self, times): self.times = times
    def process(self, word): return word.upper() + "!" * self.times
report = sf.execute_pipeline_with_input_sync([Shout(3), "PassThrough"], ["hello"])
"""
    names: dict[str, Any] = {}

    exec(program, names)

    assert len(program.strip().splitlines()) <= 10
    assert names["report"].results == ["HELLO!!!"]


async def test_sc_002_nothing_of_an_instance_must_fit_into_json() -> None:
    node = Detect(Model(), also={1, 2})

    assert (await sf.execute_pipeline_with_input(node, [2])).results == [3.0]
    with pytest.raises(sf.GraphError, match="which a manifest cannot say: detect"):
        sf.Pipeline(node).to_manifest()


async def test_several_executions_of_one_manifest_share_nothing() -> None:
    pipeline = sf.Pipeline.from_manifest(manifest("EchoNode"))

    reports = await asyncio.gather(
        *(sf.execute_pipeline_with_input(pipeline, range(3)) for _ in range(4))
    )

    assert [r.results[-1]["counter"] for r in reports] == [3, 3, 3, 3]


async def test_a_pipeline_of_instances_has_one_execution_at_a_time() -> None:
    pipeline = sf.Pipeline(Detect(Model()))

    async with pipeline.start([1]):
        with pytest.raises(sf.GraphError, match="is running already, and holds instances"):
            await sf.execute_pipeline_with_input(pipeline, [1])


def test_the_sync_twins_work_inside_a_running_loop() -> None:
    @sf.node
    def one() -> Any:
        yield 1

    async def main() -> list[Any]:
        with_input = sf.execute_pipeline_with_input_sync(["PassThrough"], [1])
        return [*with_input.results, *sf.execute_pipeline_sync(one).results]

    assert asyncio.run(main()) == [1, 1]


async def test_a_run_that_takes_too_long_is_ended() -> None:
    async def slow(x: int) -> int:
        await asyncio.sleep(60)
        return x

    with pytest.raises(TimeoutError):
        await sf.execute_pipeline_with_input(sf.node(slow), [1], timeout=0.05)
