from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.nodes import Accumulator
from tests.nodes.drive import drive

numbers = st.lists(st.integers(), max_size=30)


@given(items=numbers, count=st.integers(1, 12))
@settings(max_examples=25)
def test_lists_joined_are_the_input_and_only_the_last_is_short(
    items: list[int], count: int
) -> None:
    lists = drive(Accumulator(count), items)

    assert [item for part in lists for item in part] == items
    assert all(len(part) == count for part in lists[:-1])
    assert all(1 <= len(part) <= count for part in lists)


@given(items=numbers, count=st.integers(1, 12), data=st.data())
@settings(max_examples=25)
def test_a_state_carries_on_where_it_was_taken(
    items: list[int], count: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(items)))
    first, second = Accumulator(count), Accumulator(count)

    parts = [first.process(item) for item in items[:cut]]
    second.set_state(first.get_state())
    parts += [*[second.process(item) for item in items[cut:]], second.flush()]

    assert [part for part in parts if part is not None] == drive(Accumulator(count), items)


def test_a_state_is_a_snapshot() -> None:
    node = Accumulator(3)
    node.process("a")

    state = node.get_state()
    node.process("b")

    assert state == ["a"]


def test_a_run_begins_with_nothing() -> None:
    node = Accumulator(3)
    node.process("left over")

    assert drive(node, [1]) == [[1]]


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True, None])
def test_a_count_is_a_whole_number_of_one_or_more(count: Any) -> None:
    with pytest.raises(ValueError, match="count must be a whole number of 1 or more, not "):
        Accumulator(count)
