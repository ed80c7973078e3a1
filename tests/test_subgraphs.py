"""Pipelines within pipelines: what stands within runs as if it stood outside."""

from __future__ import annotations

from typing import ClassVar

import pytest

import streamflow as sf
from streamflow.graph import NodeOptions


class Plus(sf.Node):
    def __init__(self, addend: int = 1) -> None:
        self.addend = addend

    def process(self, x: int) -> int:
        return x + self.addend


class Parity(sf.Node):
    outputs: ClassVar = {"even": sf.Value(), "odd": sf.Value()}

    def process(self, x: int) -> sf.Out:
        return sf.Out("odd" if x % 2 else "even", x)


def plus_three() -> sf.Pipeline:
    inner = sf.Pipeline("plus three")
    inner.add(Plus, id="first") >> inner.add(Plus, id="second", addend=2)
    return inner


def test_a_pipeline_stands_in_for_a_node() -> None:
    pipeline = sf.Pipeline()
    within = pipeline.add(plus_three(), id="sum")

    pipeline.add(Plus, id="before") >> within >> pipeline.add(Plus, id="after")

    assert list(pipeline.graph.nodes) == ["sum/first", "sum/second", "before", "after"]
    assert pipeline.run([0, 10]).results == [5, 15]


def test_it_can_stand_there_more_than_once() -> None:
    pipeline, inner = sf.Pipeline(), plus_three()

    pipeline.add(inner) >> pipeline.add(inner) >> pipeline.add(inner, id="third")

    assert [id for id in ("plus_three", "plus_three_2", "third") if id in pipeline] == [
        "plus_three",
        "plus_three_2",
        "third",
    ]
    assert pipeline.run([0]).results == [9]


def test_a_pipeline_of_pipelines_stands_in_for_a_node_too() -> None:
    middle, outer = sf.Pipeline("middle"), sf.Pipeline("outer")
    middle.add(plus_three(), id="a") >> middle.add(plus_three(), id="b")

    outer.add(middle) >> outer.add(Plus, id="end")

    assert "middle/a/first" in outer.graph.nodes
    assert outer.run([0]).results == [7]


def test_its_open_ports_go_by_their_names() -> None:
    inner = sf.Pipeline("sorter")
    inner.add(Plus) >> inner.add(Parity)
    pipeline = sf.Pipeline()
    sorter = pipeline.add(inner)

    sorter["odd"] >> pipeline.add(Plus, id="odd")

    assert list(sorter.inputs) == ["in"]
    assert list(sorter.outputs) == ["even", "odd"]
    assert pipeline.run(range(4)).results == [2, 4]


def test_ports_of_one_name_are_told_apart_by_their_nodes() -> None:
    inner = sf.Pipeline("pair")
    inner.add(Plus, id="a")
    inner.add(Plus, id="b")

    handle = sf.Pipeline().add(inner)

    assert list(handle.inputs) == ["a.in", "b.in"]
    with pytest.raises(
        sf.GraphError, match=r"name the output port of node 'pair': it has a.out, b.out"
    ):
        handle.output()


def test_a_port_that_is_named_hides_the_others() -> None:
    inner = sf.Pipeline("pair")
    inner.add(Plus, id="a")
    b = inner.add(Plus, id="b", addend=5)
    inner.expose("in", b, "input")
    inner.expose("sum", b["out"], "output")
    pipeline = sf.Pipeline()
    pair = pipeline.add(inner)

    pipeline.add(Plus, id="before") >> pair["in"]
    pair["sum"] >> pipeline.add(Plus, id="after")

    assert (list(pair.inputs), list(pair.outputs)) == (["in"], ["sum"])
    assert pipeline.graph.topology().order == ("pair/a", "before", "pair/b", "after")


def test_a_port_can_be_named_only_if_there_is_one() -> None:
    inner = plus_three()

    with pytest.raises(sf.GraphError, match="node 'first' has no output port 'in'; it has out"):
        inner.expose("x", inner["first"]["in"], "output")


def test_options_go_with_the_nodes() -> None:
    inner = sf.Pipeline("inner")
    inner.add(Plus, error="skip")
    pipeline = sf.Pipeline()

    pipeline.add(inner)

    assert pipeline.graph.nodes["inner/plus"].options == NodeOptions(error="skip")
    with pytest.raises(sf.GraphError, match="options go with the nodes of a pipeline"):
        pipeline.add(inner, on="thread")  # type: ignore[call-overload]  # what is refused


def test_an_instance_stands_in_one_place_only() -> None:
    node = Plus()
    inner, pipeline = sf.Pipeline(node), sf.Pipeline()
    pipeline.add(inner, id="once")

    with pytest.raises(sf.GraphError, match="in the pipeline already, as 'once/plus'"):
        pipeline.add(inner, id="twice")


def test_an_id_is_one_thing_s() -> None:
    pipeline = sf.Pipeline()
    pipeline.add(plus_three(), id="sum")

    with pytest.raises(sf.GraphError, match="has a node 'sum' already"):
        pipeline.add(plus_three(), id="sum")
    with pytest.raises(sf.GraphError, match="has a node 'sum' already"):
        pipeline.add(Plus, id="sum")


def test_nodes_of_a_type_are_added_by_its_name() -> None:
    pipeline = sf.Pipeline()

    merge = pipeline.add("Merge", policy="zip", inputs=2)
    source = pipeline.add("pass-through")
    source >> merge["in_0"]
    source >> merge["in_1"]

    assert [node.type for node in pipeline.graph.nodes.values()] == ["Merge", "PassThrough"]
    assert pipeline.run([1, 2]).results == [(1, 1), (2, 2)]
    with pytest.raises(sf.UnknownNodeError, match=r"did you mean Scale"):
        pipeline.add("Scael")
