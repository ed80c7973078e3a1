"""The fast way and the slow one give the same, for all pairs of values and operators."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

pytest.importorskip("quickjs", reason="quickjs-ng is in the test extra")

from streamflow.nodes.javascript import UNDEFINED
from tests.nodes.javascript.engine import Engine, ours
from tests.nodes.javascript.fuzz import SCALARS

OPERATORS = (
    "+", "-", "*", "/", "%", "**", "<", ">", "<=", ">=", "==", "!=", "===", "!==",
    "&", "|", "^", "<<", ">>", ">>>", "&&", "||", "??",
)  # fmt: skip
CONSTANTS = (
    "0", "(-0)", "1", "2", "(-3)", "0.5", "1e21", "9007199254740991", "9007199254740992", "NaN",
    "Infinity", "'1'", "'a'", "true", "null", "undefined", "[1]",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    0, 1, -1, 3, 2**31, 2**53 - 1, 2**53 + 1, -(2**60), 10**400, -0.0, 0.5, -1.5, 1e300,
    float("nan"), float("inf"), "", "1", "a", "\uffff", "😀", True, None, UNDEFINED, [], [1], {},
)  # fmt: skip


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_with_a_constant(operator: str) -> None:
    engine = Engine()
    for constant in CONSTANTS:
        text = f"[a, b, 1 / a, 1 / b, +value {operator} +value]"
        if operator == "**":
            text = "[a, b, 1 / a, 1 / b]"
        text = text.replace("a,", f"value {operator} {constant},", 1)
        text = text.replace("b,", f"{constant} {operator} value,", 1)
        text = text.replace("/ a", f"/ (value {operator} {constant})")
        text = text.replace("/ b", f"/ ({constant} {operator} value)")
        for value in VALUES:
            assert ours(text, value) == engine.answer(text, value), (text, value)


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_with_two_values(operator: str) -> None:
    engine = Engine()
    text = f"[value.a {operator} value.b, 1 / (value.a {operator} value.b)]"
    for a, b in product(VALUES, VALUES):
        # Equal for Python is not the same object for JavaScript.
        value: dict[str, Any] = {
            "a": a,
            "b": b[:] if isinstance(b, list) else dict(b) if b == {} else b,
        }
        assert ours(text, value) == engine.answer(text, value), (text, value)


def test_a_scalar_alone_and_by_every_prefix() -> None:
    engine = Engine()
    text = "[value, !value, -value, +value, ~value, typeof value, 1 / -value, `${value}`]"
    for value in SCALARS:
        assert ours(text, value) == engine.answer(text, value), value
