"""Pipelines: building them, and what is refused while building."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

import streamflow as sf
from streamflow.nodes import PassThrough
from streamflow.ports import Ports


class Detect(sf.Node):
    """Wants pictures in one format."""

    inputs: ClassVar[Ports] = {"in": sf.Video("rgb24")}
    outputs: ClassVar[Ports] = {"out": sf.Data(), "rejected": sf.Video()}

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def process(self, frame: sf.VideoFrame) -> Any:
        return frame.format if self.threshold else sf.Out("rejected", frame)


@sf.node
def pictures() -> Iterator[sf.VideoFrame]:
    yield sf.VideoFrame.from_ndarray(np.zeros((12, 8), np.uint8), format="yuv420p")


@sf.node
def sounds() -> Iterator[sf.AudioFrame]:
    yield sf.AudioFrame(np.zeros((1, 8), np.float32))


def test_a_chain_runs_inputs_to_results() -> None:
    assert sf.Pipeline(PassThrough(), sf.node(lambda x: x * 2)).run([1, 2, 3]).results == [2, 4, 6]


def test_ids_are_class_names_in_snake_case_with_numbers_where_taken() -> None:
    pipeline = sf.Pipeline("names")

    ids = [pipeline.add(node).id for node in (PassThrough(), PassThrough(), Detect())]

    assert ids == ["pass_through", "pass_through_2", "detect"]


def test_a_chain_reads_left_to_right() -> None:
    pipeline = sf.Pipeline("chain")
    a, c = pipeline.add(PassThrough(), id="a"), pipeline.add(PassThrough(), id="c")

    end = a >> PassThrough() >> c

    assert end is c
    assert [edge.name for edge in pipeline.graph.edges] == [
        "a.out -> pass_through.in",
        "pass_through.out -> c.in",
    ]


def test_an_added_node_is_connected_not_added_again() -> None:
    pipeline = sf.Pipeline("chain")
    node = PassThrough()
    handle = pipeline.add(node, id="a")

    pipeline.add(PassThrough(), id="b") >> node

    assert [edge.name for edge in pipeline.graph.edges] == ["b.out -> a.in"]
    assert pipeline["a"] is handle


def test_an_instance_is_added_once() -> None:
    pipeline = sf.Pipeline("twice")
    node = PassThrough()
    pipeline.add(node)

    with pytest.raises(sf.GraphError, match="in the pipeline already, as 'pass_through'"):
        pipeline.add(node)


def test_an_id_is_taken_once() -> None:
    pipeline = sf.Pipeline("twice")
    pipeline.add(PassThrough(), id="a")

    with pytest.raises(sf.GraphError, match="has a node 'a' already"):
        pipeline.add(PassThrough(), id="a")


def test_an_ambiguous_end_lists_the_ports() -> None:
    class Two(sf.Node):
        inputs: ClassVar[Ports] = {"left": sf.Data(), "right": sf.Data()}

        def process(self, item: Any, port: str) -> Any:
            return item

    pipeline = sf.Pipeline("two")

    with pytest.raises(
        sf.GraphError, match="name the input port of node 'two': it has left, right"
    ):
        pipeline.add(PassThrough()) >> Two()


def test_an_unknown_port_lists_those_there_are() -> None:
    handle = sf.Pipeline("p").add(Detect())

    with pytest.raises(sf.GraphError, match="no port 'box'; it has in, out, rejected"):
        handle["box"]


def test_ports_that_cannot_meet_are_refused_with_both_ends() -> None:
    pipeline = sf.Pipeline("mismatch")

    with pytest.raises(sf.PortMismatchError) as caught:
        pipeline.add(sounds) >> Detect()

    assert str(caught.value) == (
        "cannot connect sounds.out to detect.in: it offers audio, but video/rgb24 is needed"
    )


def test_a_cycle_names_its_members() -> None:
    pipeline = sf.Pipeline("cycle")
    a, b = pipeline.add(PassThrough(), id="a"), pipeline.add(PassThrough(), id="b")
    a >> b
    b >> a

    with pytest.raises(sf.CycleError, match="the graph has a cycle: a -> b -> a"):
        pipeline.run([1])


def test_an_empty_pipeline_does_not_run() -> None:
    with pytest.raises(sf.GraphError, match="pipeline 'empty' has no nodes"):
        sf.Pipeline("empty").run()


def test_nodes_of_two_pipelines_do_not_connect() -> None:
    a = sf.Pipeline("one").add(PassThrough())
    b = sf.Pipeline("two").add(PassThrough())

    with pytest.raises(sf.GraphError, match="belongs to another pipeline, 'two'"):
        a >> b


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on": "moon"}, "on must be one of 'inline', 'thread', 'process', not 'moon'"),
        ({"error": "ignore"}, "error must be one of 'fail', 'skip', 'route', not 'ignore'"),
        ({"timeout": 0}, "timeout must be more than 0 seconds, not 0"),
        ({"concurrency": 0}, "concurrency must be 1 or more, not 0"),
        ({"concurrency": 2}, "cannot have concurrency=2"),
        ({"color": "red"}, "unknown option color; parameters go with a class"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(sf.GraphError, match=words):
        sf.Pipeline("p").add(PassThrough(), **options)


def test_a_class_is_added_with_its_parameters() -> None:
    pipeline = sf.Pipeline("factory")
    pipeline.add(Detect, threshold=0.0)

    with pytest.raises(sf.GraphError, match="no parameter 'treshold'; did you mean 'threshold'"):
        pipeline.add(Detect, treshold=0.0)

    assert pipeline.graph.nodes["detect"].params == {"threshold": 0.0}


def no_argument() -> int:
    return 1


def a_port_too_many(item: Any, port: str) -> int:
    return 1


def a_keyword_nobody_gives(item: Any, *, key: str) -> int:
    return 1


@pytest.mark.parametrize("process", [no_argument, a_port_too_many, a_keyword_nobody_gives])
def test_a_signature_is_checked_when_the_node_is_added(process: Any) -> None:
    class Node(sf.Node):
        pass

    node = Node()
    node.process = process

    with pytest.raises(sf.GraphError, match="process must take one item"):
        sf.Pipeline("p").add(node)


def test_a_node_without_process_is_refused() -> None:
    class Node(sf.Node):
        pass

    with pytest.raises(sf.GraphError, match=r"node 'node' \(Node\) has no process method"):
        sf.Pipeline("p").add(Node())


def test_a_format_that_is_needed_is_converted_to() -> None:
    pipeline = sf.Pipeline("convert")
    pipeline.add(pictures) >> Detect()

    report = pipeline.run(collect=True)

    assert report.results == ["rgb24"]
    assert "convert_rgb24" in report.nodes
    assert "convert_rgb24" in pipeline.explain()


@pytest.mark.parametrize("way", ["decorator", "subscript", "annotated"])
def test_a_function_asks_for_a_format(way: str) -> None:
    @sf.node(format="rgb24")
    def decorator(frame: sf.VideoFrame) -> str:
        return frame.format

    # How users may write it; a type checker takes the subscript for a type argument.
    def subscript(frame: sf.Video["rgb24"]) -> Any:  # type: ignore[name-defined, type-arg]  # noqa: F821, UP037
        return frame.format

    def annotated(frame: Annotated[sf.VideoFrame, sf.Video("rgb24")]) -> str:
        return frame.format

    ways = {
        "decorator": decorator,
        "subscript": sf.node(subscript),
        "annotated": sf.node(annotated),
    }
    pipeline = sf.Pipeline(way)
    pipeline.add(pictures) >> ways[way]

    assert pipeline.run(collect=True).results == ["rgb24"]


def test_edges_that_need_one_conversion_share_it() -> None:
    pipeline = sf.Pipeline("shared")
    source = pipeline.add(pictures)
    source >> pipeline.add(Detect(), id="a")
    source >> pipeline.add(Detect(), id="b")

    report = pipeline.run(collect=True)

    assert report.results == ["rgb24", "rgb24"]
    assert [id for id in report.nodes if id.startswith("convert")] == ["convert_rgb24"]


def test_inputs_need_one_open_node_or_names() -> None:
    pipeline = sf.Pipeline("two")
    for id in ("a", "b"):
        pipeline.add(PassThrough(), id=id)

    with pytest.raises(sf.GraphError, match=r"there are 2 \(a, b\): pass a dict by node id"):
        pipeline.run([1])
    with pytest.raises(sf.GraphError, match="inputs name c; open are a, b"):
        pipeline.run({"c": [1]})

    assert sorted(pipeline.run({"a": [1], "b": [2]}).results) == [1, 2]


def test_a_list_is_one_value() -> None:
    assert sf.Pipeline(sf.node(lambda x: [x, x])).run([1]).results == [[1, 1]]


def test_a_pipeline_runs_again() -> None:
    pipeline = sf.Pipeline(PassThrough())

    assert [pipeline.run([1]).results, pipeline.run([2]).results] == [[1], [2]]


async def test_run_inside_a_running_loop_uses_a_loop_of_its_own() -> None:
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    assert sf.Pipeline(sf.node(later)).run([1, 2]).results == [1, 2]

    with pytest.raises(sf.NodeError):
        sf.Pipeline(sf.node(lambda x: 1 / x)).run([0])


async def test_a_pipeline_of_instances_has_one_execution_at_a_time() -> None:
    pipeline = sf.Pipeline(PassThrough())

    async with pipeline.start():
        with pytest.raises(sf.GraphError, match="is running already, and holds instances"):
            pipeline.run([1])

    assert pipeline.run([1]).results == [1]


async def test_a_pipeline_of_factories_has_many_executions_at_once() -> None:
    class Count(sf.Node):
        def __init__(self) -> None:
            self.count = 0

        def process(self, item: int) -> int:
            self.count += 1
            return self.count

    pipeline = sf.Pipeline("many")
    pipeline.add(Count)

    async with pipeline.start() as one, pipeline.start() as two:
        await one.inject("count", 0)
        await one.inject("count", 0)
        await two.inject("count", 0)
        first, second = one.outputs("count"), two.outputs("count")
        assert [await anext(first), await anext(first), await anext(second)] == [1, 2, 1]


def test_explain_shows_readable_source() -> None:
    pipeline = sf.Pipeline("explain")
    source = pipeline.add(pictures)
    source >> Detect()

    text = pipeline.explain()

    assert "# segment pictures (inline)" in text
    assert "p1(o1, x0)" in text
    compile(text, "explained", "exec")


def test_a_merge_needs_a_policy_that_exists_and_its_own_options() -> None:
    pipeline = sf.Pipeline("merge")
    a, b = pipeline.add(PassThrough(), id="a"), pipeline.add(PassThrough(), id="b")

    with pytest.raises(ValueError, match="policy must be one of interleave, zip, sync"):
        pipeline.merge(a, b, policy="join")
    with pytest.raises(ValueError, match="merge policy 'zip' does not take tolerance"):
        pipeline.merge(a, b, policy="zip", tolerance=1)


def test_two_queues_in_a_row_are_refused() -> None:
    handle = sf.Pipeline("queues").add(PassThrough())

    with pytest.raises(sf.GraphError, match="two queues in a row"):
        handle >> sf.queue(max_items=1) >> sf.queue(max_items=1)


def test_a_chain_of_a_hundred_generators_runs() -> None:
    def one(x: int) -> Iterator[int]:
        yield x + 1

    async def another(x: int) -> AsyncIterator[int]:
        yield x + 1

    nodes = [sf.node(one if number % 2 else another) for number in range(100)]

    assert sf.Pipeline(*nodes).run(range(3)).results == [100, 101, 102]


def test_a_wide_and_deep_lattice_compiles_to_code_of_linear_size() -> None:
    pipeline = sf.Pipeline("lattice")
    left = right = pipeline.add(PassThrough(), id="head")
    for _ in range(10):
        both = (pipeline.add(PassThrough()), pipeline.add(PassThrough()))
        for node in both:
            left >> node
            if right is not left:
                right >> node
        left, right = both

    text = pipeline.explain()
    report = pipeline.run([1])

    assert len(text.splitlines()) < 500
    assert len(report.results) == 1024
