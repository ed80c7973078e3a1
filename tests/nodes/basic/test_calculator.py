from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.nodes import Calculator
from streamflow.nodes.basic.calculator import OPERATIONS
from tests.nodes.drive import drive

small = st.integers(-1_000, 1_000)


def calculated(item: Any, *params: Any) -> Any:
    """What comes out for one item."""
    (result,) = drive(Calculator(*params), [item])
    return result


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("add", 9),
        ("subtract", 5),
        ("multiply", 14),
        ("divide", 3.5),
        ("power", 49),
        ("modulo", 1),
    ],
)
def test_each_operation_has_its_result(operation: str, result: float) -> None:
    item = {"operation": operation, "operands": [7, 2]}

    assert calculated(item) == {**item, "result": result}


def test_all_operations_are_tried_above() -> None:
    assert list(OPERATIONS) == ["add", "subtract", "multiply", "divide", "power", "modulo"]


@pytest.mark.parametrize(
    "operands", [{"operands": [10, 4]}, {"args": [10, 4]}, {"a": 10, "b": 4}, {"args": (10, 4)}]
)
def test_operands_come_in_three_spellings_and_leave_as_they_came(operands: dict[str, Any]) -> None:
    item = {"operation": "subtract", **operands, "id": "x"}

    assert calculated(item) == {**item, "result": 6}


def test_what_the_item_leaves_open_the_parameters_say() -> None:
    assert calculated({"a": 6}, "multiply", 7) == {"a": 6, "result": 42}
    assert calculated({"a": 6, "b": 2}, "multiply", 7)["result"] == 12
    assert calculated({"operation": "add", "a": 6}, "multiply", 7)["result"] == 13


def test_numbers_are_calculated_with_the_parameters() -> None:
    assert sf.Pipeline(Calculator("divide", 4)).run([1, 2.0]).results == [0.25, 0.5]


@given(a=small, b=small.filter(bool))
@settings(max_examples=25)
def test_quotient_and_remainder_belong_together(a: int, b: int) -> None:
    remainder = calculated(a, "modulo", b)

    assert calculated(a - remainder, "divide", b) == (a - remainder) // b
    assert remainder == 0 or (remainder > 0) == (b > 0)


@given(a=small, b=small)
@settings(max_examples=25)
def test_subtraction_undoes_addition(a: int, b: int) -> None:
    assert calculated(calculated(a, "add", b), "subtract", b) == a


@pytest.mark.parametrize(
    ("operation", "b"), [("divide", 0), ("divide", 0.0), ("modulo", 0), ("modulo", 0.0)]
)
def test_division_by_zero_is_an_error_that_names_the_operation(operation: str, b: float) -> None:
    with pytest.raises(ZeroDivisionError, match=f"{operation} has no result: "):
        calculated(1, operation, b)


def test_zero_has_no_negative_power() -> None:
    with pytest.raises(ZeroDivisionError, match="power has no result: "):
        calculated(0, "power", -1)


@pytest.mark.parametrize("b", [0.5, -0.5, math.inf])
def test_a_negative_number_has_no_broken_power(b: float) -> None:
    with pytest.raises(ValueError, match="power has no real result: -8 to the power of "):
        calculated({"operation": "power", "a": -8, "b": b})


@pytest.mark.parametrize("a", [10, -10, 10**100])
def test_a_power_that_would_hold_the_thread_is_refused(a: int) -> None:
    with pytest.raises(OverflowError, match="more than 4096 bits"):
        calculated(a, "power", 10**12)


@pytest.mark.parametrize(("a", "b", "result"), [(1, 10**12, 1), (-1, 10**12, 1), (2, -2, 0.25)])
def test_other_powers_are_not(a: int, b: int, result: float) -> None:
    assert calculated(a, "power", b) == result


def test_a_float_power_beyond_all_floats_is_an_error() -> None:
    with pytest.raises(OverflowError):
        calculated(10.0, "power", 1_000)


@pytest.mark.parametrize(
    ("item", "error", "sentence"),
    [
        ("1+1", TypeError, "Calculator needs a dict or a number, not str"),
        (True, TypeError, "Calculator needs a dict or a number, not bool"),
        (1, ValueError, "Calculator needs the parameter operand to calculate with a number"),
        ({}, ValueError, "the item must have operands or args"),
        ({"operation": "add", "a": 1}, ValueError, "the item must have operands or args"),
        ({"operation": "add", "b": 1}, ValueError, "the item must have operands or args"),
        ({"operation": "add", "args": [1]}, ValueError, r"args must be two numbers, not \[1\]"),
        ({"operation": "add", "args": "ab"}, ValueError, "args must be two numbers, not 'ab'"),
        ({"operands": [1, 2]}, ValueError, "operation must be one of add, .*modulo, not None"),
        ({"operation": "sqrt", "args": [1, 2]}, ValueError, "operation .* not 'sqrt'"),
        ({"operation": ["add"], "args": [1, 2]}, ValueError, r"operation .* not \['add'\]"),
        ({"operation": "add", "args": [1, "2"]}, TypeError, "add needs numbers, not str"),
        ({"operation": "add", "args": [True, 2]}, TypeError, "add needs numbers, not bool"),
    ],
)
def test_an_item_that_cannot_be_calculated_says_why(
    item: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        calculated(item)


def test_a_long_wrong_operand_is_shown_in_part() -> None:
    with pytest.raises(ValueError, match="args must be two numbers") as caught:
        calculated({"operation": "add", "args": "a" * 10_000})

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"operation": "root"}, "operation must be one of add, .*, not 'root'"),
        ({"operand": math.nan}, "operand must be a finite number, not nan"),
        ({"operand": "1"}, "operand must be a finite number, not '1'"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calculator(**params)
