"""Filter, Map and Split: the nodes that are given functions."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.errors import GraphError
from streamflow.nodes import Filter, Map, Split
from streamflow.testing import NodeRunner, assert_ledger
from tests.nodes.drive import drive

numbers = st.lists(st.integers())


def is_even(number: int) -> bool:
    return number % 2 == 0


async def is_even_async(number: int) -> bool:
    return number % 2 == 0


def twice(item: Any) -> Iterator[Any]:
    yield item
    yield item


async def twice_async(item: Any) -> AsyncIterator[Any]:
    yield item
    yield item


PREDICATES = pytest.mark.parametrize("predicate", [is_even, is_even_async])


@PREDICATES
@given(items=numbers)
@settings(max_examples=20)
def test_a_filter_keeps_what_the_predicate_is_true_of(predicate: Any, items: list[int]) -> None:
    assert drive(Filter(predicate), items) == [item for item in items if item % 2 == 0]


@PREDICATES
@given(items=numbers)
@settings(max_examples=20)
def test_a_split_sends_each_item_to_one_of_two_ports(predicate: Any, items: list[int]) -> None:
    with NodeRunner(Split(predicate)) as runner:
        pairs = runner.run(items)

    assert pairs == [("true" if item % 2 == 0 else "false", item) for item in items]


def test_what_is_true_in_python_is_true() -> None:
    items: list[object] = [0, 1, "", "a", [], [0], 0.0, {}]

    assert drive(Filter(lambda item: item), items) == [1, "a", [0]]
    assert drive(Split(lambda item: item), items, "true") == [1, "a", [0]]


def test_what_a_filter_drops_is_in_the_ledger() -> None:
    pipeline = sf.Pipeline("filtering")
    pipeline.add(sf.node(lambda n: n), id="first") >> pipeline.add(Filter(is_even), id="even")

    report = pipeline.run(range(10))

    assert report.results == [0, 2, 4, 6, 8]
    assert_ledger(report)


def test_both_branches_of_a_split_have_their_own_way() -> None:
    pipeline = sf.Pipeline("routing")
    split = pipeline.add(Split(is_even), id="split")
    split["true"] >> pipeline.add(Map(lambda n: ("even", n)), id="even")
    split["false"] >> pipeline.add(Map(lambda n: ("odd", n)), id="odd")

    report = pipeline.run([1, 2, 3])

    assert report.results == [("odd", 1), ("even", 2), ("odd", 3)]


@given(items=numbers)
@settings(max_examples=20)
def test_a_map_emits_what_the_function_makes(items: list[int]) -> None:
    assert drive(Map(lambda item: item + 1), items) == [item + 1 for item in items]


@pytest.mark.parametrize("function", [twice, twice_async])
def test_a_generator_makes_several_items_of_one(function: Any) -> None:
    assert drive(Map(function), [1, 2]) == [1, 1, 2, 2]


async def test_an_async_function_is_awaited() -> None:
    async with NodeRunner(Map(is_even_async)) as runner:
        assert await runner.process(2) == [("out", True)]


@pytest.mark.parametrize(
    ("function", "result"), [(str.upper, "AB"), (len, 2), (functools.partial(int, base=16), 171)]
)
def test_builtins_methods_and_partials_will_do(function: Any, result: object) -> None:
    assert drive(Map(function), ["ab"]) == [result]


def test_none_drops_the_item_and_a_list_is_one_item() -> None:
    assert drive(Map(lambda n: [n] if n else None), [0, 1]) == [[1]]


def test_a_predicate_that_is_an_object_is_called() -> None:
    class Above:
        def __init__(self, limit: int) -> None:
            self.limit = limit

        def __call__(self, item: int) -> bool:
            return item > self.limit

    assert drive(Filter(Above(2)), [1, 2, 3]) == [3]


def test_what_a_function_raises_names_the_node() -> None:
    with pytest.raises(sf.errors.NodeError, match=r"'map' failed in process on .*ZeroDivision"):
        sf.Pipeline(Map(lambda n: 1 / n)).run([0])


def test_a_function_of_two_items_is_refused_before_the_run() -> None:
    with pytest.raises(GraphError, match="process must take one item"):
        sf.Pipeline(Map(lambda a, b: a + b))  # type: ignore[arg-type,misc]  # that is the point


@pytest.mark.parametrize("value", ["value > 10", None, 3, twice, twice_async])
@pytest.mark.parametrize(("make", "name"), [(Filter, "predicate"), (Split, "condition")])
def test_a_predicate_is_a_function_that_returns(make: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a function of one item, plain or async"):
        make(value)


def test_a_map_needs_a_function() -> None:
    with pytest.raises(ValueError, match="function must be a function of one item, not 'x'"):
        Map("x")  # type: ignore[arg-type]  # that is the point
