from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.nodes import Add, Multiply
from tests.nodes.drive import drive

NODES = pytest.mark.parametrize("make", [Add, Multiply])
integers = st.integers(-(10**30), 10**30)


@given(constant=integers, items=st.lists(integers))
@settings(max_examples=30)
def test_whole_numbers_are_exact(constant: int, items: list[int]) -> None:
    assert drive(Add(constant), items) == [item + constant for item in items]
    assert drive(Multiply(constant), items) == [item * constant for item in items]


@given(items=st.lists(st.floats(-1e100, 1e100) | integers))
@settings(max_examples=30)
def test_a_list_is_one_item_of_which_each_is_calculated(items: list[float]) -> None:
    assert drive(Add(0.5), [items]) == [[item + 0.5 for item in items]]
    assert drive(Multiply(0.5), [items]) == [[item * 0.5 for item in items]]


def test_a_chain_of_both_is_the_sum_of_the_product() -> None:
    assert sf.Pipeline(Multiply(2), Add(10)).run([1, 2, 3]).results == [12, 14, 16]


def test_defaults_are_nothing_more_and_twice_as_much() -> None:
    assert drive(Add(), [5]) == [5]
    assert drive(Multiply(), [5]) == [10]


def test_arrays_and_their_scalars_are_calculated_as_numpy_does() -> None:
    array = np.arange(3, dtype=np.float32)

    (sums,) = drive(Add(1), [array])
    (product,) = drive(Multiply(3), [np.int16(4)])

    assert sums.dtype == np.float32
    assert sums.tolist() == [1, 2, 3]
    assert product == 12
    assert array.tolist() == [0, 1, 2]


@NODES
@pytest.mark.parametrize(
    ("item", "what"),
    [
        ("ab", "str"),
        (True, "bool"),
        ({"a": 1}, "dict"),
        ([1, "2"], "str"),
        ([1, [2]], "list"),
        ((1, 2), "tuple"),
        (np.array(["a"]), "an array of <U1"),
        (np.array([True]), "an array of bool"),
        (np.array([object()]), "an array of object"),
    ],
)
def test_what_is_no_number_is_refused_by_name(
    make: type[Add | Multiply], item: Any, what: str
) -> None:
    with pytest.raises(TypeError, match=f"^{make.__name__} needs numbers, not {what}$"):
        drive(make(), [item])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "2", True, None, [1]])
@NODES
def test_a_constant_is_a_finite_number(make: type[Add | Multiply], value: Any) -> None:
    name = {"Add": "addend", "Multiply": "factor"}[make.__name__]

    with pytest.raises(ValueError, match=f"{name} must be a finite number, not "):
        make(value)


def test_a_constant_may_be_larger_than_any_float() -> None:
    assert drive(Add(10**400), [1]) == [10**400 + 1]
