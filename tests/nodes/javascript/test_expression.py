from __future__ import annotations

import math
import pickle
from collections import defaultdict
from contextlib import suppress
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.nodes.javascript import (
    UNDEFINED,
    EvaluationError,
    ExpressionError,
    compile_expression,
)
from streamflow.nodes.javascript.parser import MAX_LENGTH
from streamflow.nodes.javascript.strings import MAX_STRING


def evaluate(text: str, value: Any = None) -> Any:
    return compile_expression(text)(value)


class Color(IntEnum):
    RED = 7


class Evil:
    """What would act if it were asked anything."""

    hidden = "hidden"

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __bool__(self) -> bool:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]  # as unhelpful as can be


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("value > 10", 11, True),
        ("value.data.items", {"data": {"items": [1]}}, [1]),
        ("value * 2", 21, 42),
        ("value.status === 'active'", {"status": "active"}, True),
        ("value.name.length", {"name": "Zoë😀"}, 5),
        ("value?.a?.b ?? 'none'", None, "none"),
        ("`${value.a}: ${value.b}`", {"a": 1.0, "b": [1, [None, 2]]}, "1: 1,,2"),
        ("{...value, total: value.price * value.count}", {"price": 2.5, "count": 4},
         {"price": 2.5, "count": 4, "total": 10}),
        ("{value, [`k${value}`]: [...'ab']}", 3, {"value": 3, "k3": ["a", "b"]}),
        ("value.age >= 18 && value.age < 65 ? 'adult' : 'other'", {"age": 30}, "adult"),
        ("typeof value", "x", "string"),
        ("'a' in value", {"a": None}, True),
        ("1 in value", [1], False),
        ("'length' in value", (1,), True),
    ],
)  # fmt: skip
def test_an_expression_gives_what_javascript_gives(text: str, value: Any, result: Any) -> None:
    assert evaluate(text, value) == result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("'1' + 1", "11"),
        ("'3' * '4'", 12),
        ("[] + {}", "[object Object]"),
        ("[1, 2] + ''", "1,2"),
        ("null + 1", 1),
        ("1e21 + ''", "1e+21"),
        ("1 / -0 + ''", "-Infinity"),
        ("0.1 + 0.2 + ''", "0.30000000000000004"),
        ("'b' > 'a'", True),
        ("'\\uffff' < '😀'", False),
        ("null == undefined", True),
        ("null === undefined", False),
        ("NaN == NaN", False),
        ("'' == 0", True),
        ("[] == false", True),
        ("2 ** 3 ** 2", 512),
        ("(-8) ** (1 / 3) + ''", "NaN"),
        ("-7 % 3", -1),
        ("1 << 31", -(2**31)),
        ("-1 >>> 0", 2**32 - 1),
        ("~5.7", -6),
        ("'\\ud83d' + '\\ude00' === '😀'", True),
        ("{...'ab'}", {"0": "a", "1": "b"}),
        ("{...[7], ...null, ...5}", {"0": 7}),
        ("void 0 === undefined", True),
        ("!!'0'", True),
        ("!''", True),
        ("'abc'[1]", "b"),
        ("'😀'[0] === '\\ud83d'", True),
    ],
)
def test_the_corners_of_the_language_are_as_in_javascript(text: str, words: Any) -> None:
    result = evaluate(text)

    assert (type(result), result) == (type(words), words)


def test_numbers_come_back_as_int_where_they_are_whole_and_exact() -> None:
    results = [evaluate(text, 2) for text in ("value / 2", "value / 4", "-0", "2 ** 53", "value")]

    assert [(type(x), x) for x in results] == [
        (int, 1), (float, 0.5), (int, 0), (float, 2.0**53), (int, 2),
    ]  # fmt: skip


def test_undefined_comes_back_as_none_and_differs_from_null_within() -> None:
    assert evaluate("value.missing", {}) is None
    assert evaluate("[undefined, null]") == [None, None]
    assert evaluate("{a: undefined, b: null}") == {"b": None}
    assert evaluate("value.missing === undefined && value.there === null", {"there": None}) is True
    assert evaluate("value === undefined", UNDEFINED) is True


def test_what_is_only_passed_on_is_not_copied() -> None:
    inner = {"deep": [1.0, 2**60, None]}

    assert evaluate("value.inner", {"inner": inner}) is inner
    assert evaluate("[value]", inner)[0] is inner


def test_integers_beyond_the_safe_ones_are_rounded_as_doubles() -> None:
    assert evaluate("value === 9007199254740992", 2**53 + 1) is True
    assert evaluate("value - 9007199254740992", 2**53 + 1) == 0
    assert evaluate("value + ''", 10**400) == "Infinity"
    assert evaluate("value < 0", -(10**400)) is True


LOOKALIKES: list[tuple[Any, str, Any]] = [
    (np.float32(0.5), "value * 2", 1),
    (np.float64(0.5), "value * 2", 1),
    (np.int64(5), "value === 5", True),
    (np.bool_(1), "value === true", True),
    (np.str_("a"), "value + 'b' === 'ab'", True),
    (Color.RED, "value + 1", 8),
    ((1, 2), "value.length", 2),
    (defaultdict(int, a=1), "value.a + value.b", math.nan),
]


@pytest.mark.parametrize(("value", "text", "result"), LOOKALIKES)
def test_values_that_look_like_javascripts_are_taken_for_them(
    value: Any, text: str, result: Any
) -> None:
    assert evaluate(text, value) == pytest.approx(result, nan_ok=True)


def test_looking_for_a_key_makes_none() -> None:
    value: defaultdict[str, list[int]] = defaultdict(list)

    evaluate("value.a", value)

    assert dict(value) == {}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("typeof value", "object"),
        ("value.hidden === undefined && value['__class__'] === undefined", True),
        ("value === value && value == value", True),
        ("value == 1", False),
        ("!value", False),
        ("value + ''", "[object Object]"),
        ("{...value}", {}),
        ("'hidden' in value", False),
    ],
)
def test_other_objects_are_opaque(text: str, result: Any) -> None:
    assert evaluate(text, Evil()) == result


@pytest.mark.parametrize(
    "key", ["toString", "constructor", "__proto__", "__class__", "keys", "get"]
)
@pytest.mark.parametrize("value", [{}, [], "text", 5, True])
def test_no_prototype_and_no_attribute_can_be_reached(key: str, value: Any) -> None:
    assert evaluate(f"value.{key}", value) is None
    assert evaluate(f"value['{key}']", value) is None


@pytest.mark.parametrize(
    ("text", "value", "sentence"),
    [
        ("value.a.b", {}, "cannot read property 'b' of undefined, in the expression 'value.a.b'"),
        ("value[0]", None, "cannot read property 'number' of null"),
        ("value['x']", None, "cannot read property 'x' of null"),
        ("(value?.a).b", None, "cannot read property 'b' of undefined"),
        ("'a' in value", "text", "in needs an object on its right, not string"),
        ("'a' in value", None, "in needs an object on its right, not null"),
        ("[...value]", 5, r"\.\.\. in an array needs an array or a string, not number"),
        ("[...value]", None, r"\.\.\. in an array needs an array or a string, not null"),
        ("value + ''", {"toString": 1}, "an object whose toString is no function"),
    ],
)
def test_what_javascript_throws_is_an_error_that_names_the_expression(
    text: str, value: Any, sentence: str
) -> None:
    with pytest.raises(EvaluationError, match=sentence) as caught:
        evaluate(text, value)

    assert caught.value.text == text
    assert isinstance(caught.value, TypeError)


def test_an_array_that_contains_itself_is_an_error_not_a_hang() -> None:
    array: list[Any] = [1]
    array.append(array)

    with pytest.raises(EvaluationError, match="nested deeper than 200"):
        evaluate("value + ''", array)


def test_a_string_that_would_be_huge_is_an_error() -> None:
    array: list[Any] = ["x" * 1000]
    for _ in range(30):
        array = [array, array]

    for text, value in [("`${value}`", array), ("value + value", "x" * MAX_STRING)]:
        with pytest.raises(EvaluationError, match="longer than 16777216 characters"):
            evaluate(text, value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4000 + "1" + ")" * 4000,
        "[" * 4000 + "]" * 4000,
        "!" * 8000 + "1",
        "value" + "?.a" * 2500,
        "1?" * 1500 + "1" + ":1" * 1500,
        "1**" * 2500 + "1",
        "1||1&&1|1^1&1==1<1<<1+1*(" * 300,
        "`${" * 1500 + "1" + "}`" * 1500,
        "value[" * 1300,
        "{a:" * 2500,
    ],
)
def test_an_expression_that_is_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"nested deeper than|too many branches"):
        compile_expression(text)


@pytest.mark.parametrize("sign", ["+", "&&", "||", "??", "===", "<", "*"])
def test_a_long_chain_of_operators_is_no_deep_one(sign: str) -> None:
    text = f" {sign} ".join(["value"] * 800)

    assert compile_expression(text) is not None


def test_an_expression_at_the_limits_of_depth_compiles() -> None:
    nested = "value"
    for _ in range(38):
        nested = f"(value ? {nested} : value)"

    assert evaluate(nested, 1) == 1
    assert evaluate(f"value{'?.a' * 70}", {}) is None


def test_an_expression_that_is_too_long_is_refused() -> None:
    with pytest.raises(ExpressionError, match="an expression may have 8192 characters, not 8194"):
        compile_expression("1" + " " * MAX_LENGTH + "1")


def test_an_expression_travels_as_its_text() -> None:
    expression = compile_expression("a + b", ["a", "b"])

    copy = pickle.loads(pickle.dumps(expression))  # noqa: S301 - made right here

    assert copy(1, 2) == 3
    assert repr(copy) == "compile_expression('a + b', ('a', 'b'))"


def test_an_error_of_no_expression_in_particular_is_its_reason() -> None:
    assert str(EvaluationError("no")) == "no"


def test_undefined_and_errors_travel_too() -> None:
    error = EvaluationError("no", "value.a")

    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED  # noqa: S301 - made right here
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - made right here
    assert (bool(UNDEFINED), repr(UNDEFINED)) == (False, "undefined")


def test_a_test_says_whether_the_result_is_true_in_javascript() -> None:
    truths = [compile_expression("value").test(x) for x in (0, math.nan, "", None, UNDEFINED, "0")]

    assert truths == [False, False, False, False, False, True]
    assert compile_expression("value").test([])
    assert compile_expression("value").test({})
    assert compile_expression("value").test(0.5)
    assert compile_expression("value * 1").test(math.nan) is False
    assert compile_expression("`${value}`").test("") is False


@pytest.mark.parametrize("names", [["a b"], ["class"], ["undefined"], ["in"], ["1a"], [""]])
def test_a_name_that_cannot_be_one_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="names must be identifiers of JavaScript"):
        compile_expression("1", names)


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="names must differ from each other, which a, a do not"):
        compile_expression("a", ["a", "a"])


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="an expression must be a string, not int"):
        compile_expression(5)  # type: ignore[arg-type]  # on purpose


@settings(max_examples=200)
@given(
    text=st.text(alphabet="value.[]{}()'\"`$?:+-*/%<>=!&|^~ 019xeE_,;\\\n\u2028é😀", max_size=30)
)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        expression = compile_expression(text)
    except ExpressionError:
        return

    with suppress(EvaluationError):
        expression({"a": [1]})
