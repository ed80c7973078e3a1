"""The scenarios of the original data flow, one test each, named after them.

docs/conformance.md lists which scenario is shown where.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import streamflow as sf
from streamflow.testing import VirtualClock, assert_ledger
from tests.support.manifests import manifest, node
from tests.support.recorder import Recorder


async def test_pass_data_between_sequential_nodes() -> None:
    order: list[str] = []

    report = await sf.execute_pipeline_with_input([Recorder(name, order) for name in "abc"], [1, 2])

    assert [call for call in order if call[-1].isdigit()] == [
        "a 1",
        "b 1",
        "c 1",
        "a 2",
        "b 2",
        "c 2",
    ]
    assert report.results == [1, 2]


async def test_sequential_data_passing_linear() -> None:
    whole = manifest([node("m", "MultiplyNode", factor=2), node("a", "AddNode", addend=10)])

    report = await sf.execute_pipeline_with_input(whole, [1, 2, 3])

    assert report.results == [12, 14, 16]


def test_streaming_async_generator() -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(5):
            await asyncio.sleep(1)
            yield number

    clock = VirtualClock()
    seen: list[tuple[int, float]] = []

    def note(x: int) -> int:
        seen.append((x, clock.time()))
        return x

    sf.execute_pipeline_sync([sf.node(numbers), sf.node(note)], clock=clock)

    assert seen == [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)]


async def test_backpressure_handling() -> None:
    produced = 0

    @sf.node
    def numbers() -> Any:
        nonlocal produced
        for number in range(100):
            produced += 1
            yield number

    ahead: list[int] = []

    async def slow(x: int) -> int:
        await asyncio.sleep(0)
        ahead.append(produced - x)
        return x

    pipeline = sf.Pipeline()
    pipeline.add(numbers) >> sf.queue(max_items=4) >> pipeline.add(sf.node(slow))

    report = await sf.execute_pipeline(pipeline)

    assert report.results == list(range(100))
    # Four wait, one is in hand on either side, and the receiver drains a window of what waits.
    assert max(ahead) <= 4 + 4 + 2
    assert_ledger(report)


def branches(*edges: tuple[str, str]) -> dict[str, Any]:
    ids = list(dict.fromkeys(id for edge in edges for id in edge))
    return manifest([node(id, "PassThrough") for id in ids], list(edges))


async def test_branching_dag() -> None:
    pipeline = sf.Pipeline.from_manifest(branches(("s", "a"), ("s", "b")))

    report = await sf.execute_pipeline_with_input(pipeline, [1, 2])

    assert sorted(report.results) == [1, 1, 2, 2]
    assert (report.nodes["a"].received, report.nodes["b"].received) == (2, 2)


async def test_merging_dag() -> None:
    pipeline = sf.Pipeline.from_manifest(branches(("a", "m"), ("b", "m")))

    report = await sf.execute_pipeline_with_input(pipeline, {"a": [1, 2], "b": [3]})

    assert sorted(report.results) == [1, 2, 3]


async def test_support_branching_and_merging() -> None:
    whole = manifest(
        [
            node("a", "PassThrough"),
            node("b", "Multiply", factor=10),
            node("c", "Add", addend=1),
            node("d", "Merge", policy="zip", inputs=2),
        ],
        [("a", "b"), ("a", "c")],
    )
    whole["connections"] += [
        {"from": "b", "to": "d", "to_port": "in_0"},
        {"from": "c", "to": "d", "to_port": "in_1"},
    ]

    report = await sf.execute_pipeline_with_input(whole, [1, 2])

    assert report.results == [(10, 2), (20, 3)]


async def test_complex_diamond_topology() -> None:
    whole = branches(("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"))

    report = await sf.execute_pipeline_with_input(whole, [1, 2])

    assert report.results == [1, 1, 2, 2]


async def test_multilevel_dag() -> None:
    whole = branches(
        ("s", "a"), ("s", "b"), ("a", "c"), ("a", "d"), ("b", "d"), ("c", "e"), ("d", "e")
    )

    report = await sf.execute_pipeline_with_input(whole, [1])

    assert report.results == [1, 1, 1]
    assert_ledger(report)


async def test_concurrent_node_execution() -> None:
    arrived: list[str] = []
    both = asyncio.Event()

    def meets(name: str) -> sf.Node:
        async def meet(x: int) -> str:
            arrived.append(name)
            if len(arrived) == 2:
                both.set()
            await asyncio.wait_for(both.wait(), 10)
            return name

        return sf.node(meet)

    pipeline = sf.Pipeline()
    source = pipeline.add(sf.node(lambda x: x), id="source")
    source >> pipeline.add(meets("a"), id="a")
    source >> pipeline.add(meets("b"), id="b")

    report = await sf.execute_pipeline_with_input(pipeline, [1])

    assert sorted(report.results) == ["a", "b"]
