from __future__ import annotations

import pickle
from typing import Any

import pytest

import streamflow as sf
from streamflow.errors import NodeError
from streamflow.node import Node
from streamflow.nodes.javascript import UNDEFINED, EvaluationError, ExpressionError
from streamflow.nodes.symbia.expressions import Filter, Map, Split
from streamflow.testing.runner import NodeRunner


def pairs(node: Node, items: list[Any]) -> list[tuple[str, Any]]:
    with NodeRunner(node) as runner:
        return list(runner.run(items))


def test_filter_parts_items_by_its_predicate() -> None:
    found = pairs(Filter("value > 10"), [5, 15, "11", "x"])

    assert found == [("rejected", 5), ("out", 15), ("out", "11"), ("rejected", "x")]


def test_split_sends_items_to_true_and_false() -> None:
    active = {"status": "active"}

    assert pairs(Split("value.status === 'active'"), [active, {}]) == [
        ("true", active),
        ("false", {}),
    ]


@pytest.mark.parametrize("config", [{"expression": "value * 2"}, {"transform": "value * 2"}])
def test_map_emits_what_its_expression_gives(config: dict[str, str]) -> None:
    assert pairs(Map(**config), [21, "4", 0.5]) == [("out", 42), ("out", 8), ("out", 1)]


def test_map_emits_nothing_for_null_and_undefined() -> None:
    assert pairs(Map("value.a"), [{"a": None}, {}, {"a": 0}]) == [("out", 0)]


@pytest.mark.parametrize("node", [Filter("value.a.b"), Split("value.a.b"), Map("value.a.b")])
def test_an_item_that_an_expression_cannot_be_used_on_goes_to_error(node: Node) -> None:
    [(port, error)] = pairs(node, [{}])

    assert port == "error"
    assert isinstance(error, NodeError)
    assert error.item == {}
    assert (error.phase, error.error_type) == ("process", "EvaluationError")
    assert "cannot read property 'b' of undefined" in error.message


@pytest.mark.parametrize("cls", [Filter, Split, Map])
def test_it_fails_the_node_where_nothing_is_connected_to_error(cls: type[Node]) -> None:
    pipeline = sf.Pipeline("fails")
    pipeline.add(cls("value.a.b"), id="node")  # type: ignore[call-arg]  # each takes one text

    with pytest.raises(NodeError, match="cannot read property 'b' of undefined") as caught:
        pipeline.run([{}])

    assert isinstance(caught.value.__cause__, EvaluationError)


def test_the_ports_can_be_connected_in_a_pipeline() -> None:
    pipeline = sf.Pipeline("routes")
    check = pipeline.add(Filter("value.n > 1"), id="check")
    check["rejected"] >> sf.node(lambda item: ("rejected", item["n"]))
    check["error"] >> sf.node(lambda error: ("error", error.item))
    check["out"] >> sf.node(lambda item: ("out", item["n"]))

    results = pipeline.run([{"n": 1}, UNDEFINED, {"n": 2}]).results

    assert results == [("rejected", 1), ("error", UNDEFINED), ("out", 2)]


@pytest.mark.parametrize("cls", [Filter, Split, Map])
def test_a_bad_expression_is_found_when_the_node_is_made(cls: type[Node]) -> None:
    with pytest.raises(ExpressionError, match="a call is not allowed"):
        cls("value.f()")  # type: ignore[call-arg]  # each takes one text


@pytest.mark.parametrize("config", [{}, {"expression": "1", "transform": "1"}])
def test_map_needs_one_expression(config: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one of expression and transform must be given"):
        Map(**config)


@pytest.mark.parametrize("node", [Filter("value"), Split("value"), Map("value")])
def test_it_can_be_pickled_after_a_run(node: Node) -> None:
    pairs(node, [1])

    copy = pickle.loads(pickle.dumps(node))  # noqa: S301 - made right here

    assert len(pairs(copy, [1])) == 1
