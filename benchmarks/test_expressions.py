"""Expressions: what a compiled one costs, against the same in Python and in an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.harness import Comparison, Contender, Goal
from streamflow.nodes.javascript import compile_expression

ROUNDS = 100_000
CASES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "value > 10": (11, lambda value: value > 10),
    "value * 2": (21, lambda value: value * 2),
    "value.status === 'active'": (
        {"status": "active"},
        lambda value: value.get("status") == "active",
    ),
    "value.data.items": ({"data": {"items": [1]}}, lambda value: value["data"]["items"]),
}


def repeat(function: Callable[[Any], Any], value: Any) -> None:
    for _ in range(ROUNDS):
        function(value)


@pytest.mark.parametrize("text", CASES)
def test_an_expression_against_a_lambda(text: str, compare: Comparison) -> None:
    value, by_hand = CASES[text]
    expression = compile_expression(text)
    assert expression(value) == by_hand(value)

    compare(
        f"expression `{text}`",
        lambda: repeat(expression.evaluate, value),
        Contender("a lambda in Python", lambda: repeat(by_hand, value), ROUNDS),
        items=ROUNDS,
        goal=Goal(1e-6, absolute=True),
    )


def test_an_expression_against_a_javascript_engine(compare: Comparison) -> None:
    quickjs = pytest.importorskip("quickjs", reason="quickjs-ng is in the test extra")
    theirs = quickjs.Context().eval("(value) => value > 10")
    ours = compile_expression("value > 10").evaluate

    compare(
        "expression `value > 10`, of a number each",
        lambda: repeat(ours, 11),
        Contender("QuickJS, called from Python", lambda: repeat(theirs, 11), ROUNDS),
        items=ROUNDS,
    )
