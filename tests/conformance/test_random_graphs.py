"""Any graph gives what a plain interpreter of it gives, and its ledger adds up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.graph import ErrorPolicy, PlacementName
from streamflow.testing import assert_ledger


def double(x: int) -> int:
    return x * 2


def odd(x: int) -> int | None:
    return x if x % 2 else None


async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


def twice(x: int) -> Iterator[int]:
    yield x
    yield -x


async def thrice(x: int) -> AsyncIterator[int | None]:
    yield x
    yield None
    yield x + 7


def picky(x: int) -> int:
    if x % 5 == 0:
        raise ValueError(x)
    return x


FUNCTIONS: dict[Callable[..., Any], Callable[[int], list[int]]] = {
    double: lambda x: [x * 2],
    odd: lambda x: [x] if x % 2 else [],
    later: lambda x: [x + 1],
    twice: lambda x: [x, -x],
    thrice: lambda x: [x, x + 7],
    picky: lambda x: [x] if x % 5 else [],
}


@dataclass(frozen=True)
class Step:
    """A node of a random graph: what it does, where, and which earlier nodes feed it."""

    function: Callable[..., Any]
    on: PlacementName
    feeders: tuple[int, ...]
    queue: int | None


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 9))):
        feeders = draw(
            st.lists(st.integers(0, number - 1), min_size=1, max_size=2, unique=True)
            if number
            else st.just([])
        )
        steps.append(
            Step(
                draw(st.sampled_from(list(FUNCTIONS))),
                draw(st.sampled_from(("inline", "inline", "inline", "thread"))),
                tuple(feeders),
                draw(st.sampled_from((None, None, None, 1, 3))),
            )
        )
    return steps


def interpret(steps: list[Step], items: list[int]) -> tuple[Counter[int], list[int]]:
    """What leaves the graph, and how many items each node received."""
    given_to: list[list[int]] = [[] for _ in steps]
    leaving: Counter[int] = Counter()
    given_to[0] = items
    for number, step in enumerate(steps):
        out = [y for x in given_to[number] for y in FUNCTIONS[step.function](x)]
        fed = [n for n, other in enumerate(steps) if number in other.feeders]
        for target in fed:
            given_to[target] += out
        if not fed:
            leaving.update(out)
    return leaving, [len(got) for got in given_to]


def build(steps: list[Step]) -> sf.Pipeline:
    pipeline = sf.Pipeline("random")
    handles: list[Any] = []
    for number, step in enumerate(steps):
        error: ErrorPolicy = "skip" if step.function is picky else "fail"
        handle = pipeline.add(sf.node(step.function), id=f"n{number}", on=step.on, error=error)
        for feeder in step.feeders:
            queue = sf.queue(max_items=step.queue) if step.queue else None
            pipeline.connect(handles[feeder], handle, queue=queue)
        handles.append(handle)
    return pipeline


@settings(max_examples=150)
@given(steps=graphs(), count=st.integers(0, 70))
def test_a_graph_gives_what_an_interpreter_of_it_gives(steps: list[Step], count: int) -> None:
    items = list(range(count))
    leaving, received = interpret(steps, items)

    report = build(steps).run(items)

    assert Counter(report.results) == leaving
    assert [report.nodes[f"n{number}"].received for number in range(len(steps))] == received
    assert not report.warnings
    assert_ledger(report)


@settings(max_examples=60)
@given(steps=graphs(), fails_at=st.integers(0, 40))
def test_the_ledger_of_a_graph_that_fails_adds_up(steps: list[Step], fails_at: int) -> None:
    def fail(x: int) -> int:
        if x == fails_at:
            raise RuntimeError(x)
        return x

    pipeline = build(steps)
    pipeline.connect(pipeline[f"n{len(steps) - 1}"], pipeline.add(sf.node(fail), id="fail"))
    execution = pipeline.start(range(40), clock="offline", collect=True)

    async def run() -> sf.Report:
        try:
            async with execution:
                return await execution.wait()
        except sf.NodeError:
            return execution.report()

    report = asyncio.run(run())

    assert not report.warnings
    assert_ledger(report)
