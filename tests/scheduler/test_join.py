"""Joins: branches that meet in a zip pair by index, however they are fused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamflow as sf
from streamflow.testing import assert_ledger


def keep(n: int) -> Callable[[int], int | None]:
    return lambda x: x if x % n else None


def add(n: int) -> Callable[[int], int]:
    return lambda x: x + n


async def later(x: int) -> int:
    return -x


def run_branch(functions: list[Any], items: list[int]) -> list[int]:
    for function in functions:
        results = [-x if function is later else function(x) for x in items]
        items = [x for x in results if x is not None]
    return items


branches = st.lists(
    st.sampled_from([keep(2), keep(3), add(1), add(10), later]), min_size=0, max_size=3
)


@given(left=branches, right=branches, count=st.integers(0, 20), border=st.booleans())
def test_a_zip_pairs_by_index_fused_or_not(
    left: list[Any], right: list[Any], count: int, border: bool
) -> None:
    items = list(range(1, count + 1))
    pipeline = sf.Pipeline("diamond")
    head = pipeline.add(sf.node(lambda x: x), id="head")
    ends: list[Any] = []
    for functions in (left, right):
        end: Any = head
        for function in functions:
            following = pipeline.add(sf.node(function))
            pipeline.connect(end, following, queue=sf.queue() if border else None)
            end = following
        ends.append(end)
    pipeline.merge(*ends, policy="zip")

    report = pipeline.run(items)

    expected = list(zip(run_branch(left, items), run_branch(right, items), strict=False))
    assert list(report.results) == expected
    assert_ledger(report)


@pytest.mark.parametrize("fails", ["left", "right", "deep"])
async def test_the_ledger_of_a_join_that_breaks_off_adds_up(fails: str) -> None:
    def risky(name: str) -> Callable[[int], int]:
        return lambda x: 1 // (5 - x) if name == fails else x

    pipeline = sf.Pipeline("broken")
    head = pipeline.add(sf.node(lambda x: x), id="head")
    left = pipeline.add(sf.node(risky("left")), id="left")
    right = pipeline.add(sf.node(risky("right")), id="right")
    deep = pipeline.add(sf.node(risky("deep")), id="deep")
    head >> left
    head >> right >> deep
    pipeline.merge(left, deep, policy="zip")
    execution = pipeline.start(range(10), clock="offline", collect=True)

    with pytest.raises(sf.NodeError, match=f"'{fails}' failed"):
        async with execution:
            await execution.wait()
    report = execution.report()

    for edge in report.edges.values():
        assert edge.sent == edge.received + sum(edge.dropped.values())
    assert report.edges["head.out -> left.in"].sent == report.nodes["head"].emitted == 6
    assert report.edges["head.out -> right.in"].sent == 6
    assert report.nodes["merge_zip"].emitted == len(report.results) == 5
