"""Ten nodes in a row: what the library itself costs, where the nodes do nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import streamflow as sf
from benchmarks import peers
from benchmarks.harness import Comparison, Contender, Goal, Stopwatch, new_runner
from streamflow.nodes import PassThrough

NODES = 10
ITEMS = 100_000
CHAIN = f"{NODES} pass-through nodes"

stopwatch = Stopwatch()


def calls() -> list[Callable[[Any], Any]]:
    """What the nodes of the chain do, as bound methods."""
    return [PassThrough().process for _ in range(NODES)]


def chain() -> sf.Pipeline:
    return sf.Pipeline(*(PassThrough() for _ in range(NODES)))


def nested(chain: Sequence[Callable[[Any], Any]], items: int) -> list[Any]:
    """The bare loop: no library at all."""
    p0, p1, p2, p3, p4, p5, p6, p7, p8, p9 = chain
    out: list[Any] = []
    for x in range(items):
        out.append(p9(p8(p7(p6(p5(p4(p3(p2(p1(p0(x)))))))))))  # noqa: PERF401 - as one writes it
    return out


def test_chain_of_ten_against_a_nested_loop(compare: Comparison) -> None:
    pipeline, bound = chain(), calls()

    def run() -> None:
        assert len(pipeline.run(range(ITEMS)).results) == ITEMS

    compare(
        f"{CHAIN}, {ITEMS:,} items, per item",
        run,
        Contender("nested calls in a loop", lambda: nested(bound, ITEMS), ITEMS),
        items=ITEMS,
        rounds=15,
        goal=Goal(1.25),
    )


# What a peer raises as a warning at import or at its end is not ours to fail on.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("peer", "items"),
    [
        (peers.queues, 2_000),
        (peers.streamz, 2_000),
        (peers.bytewax, 20_000),
        (peers.pipecat, 300),
        (peers.gstreamer, 20_000),
    ],
    ids=["queues", "streamz", "bytewax", "pipecat", "gstreamer"],
)
def test_chain_of_ten_against_a_peer(
    compare: Comparison, peer: Callable[[peers.Calls, int], Contender], items: int
) -> None:
    pipeline, reference = chain(), peer(calls(), items)

    def run() -> None:
        assert len(pipeline.run(range(ITEMS)).results) == ITEMS

    compare(f"{CHAIN}, per item", run, reference, items=ITEMS, rounds=5)


@pytest.mark.benchmark(timer=stopwatch.read)
def test_short_run_without_its_start(compare: Comparison) -> None:
    # A pipeline asks for its input when all is planned, compiled and running:
    # the stopwatch runs from there until the report is made.
    pipeline, bound, items = chain(), calls(), 1_000

    async def once() -> sf.Report:
        inputs = stopwatch.starts_with(range(items))
        async with pipeline.start(inputs, clock="offline", collect=True) as execution:
            report = await execution.wait()
            stopwatch.stop()
        return report

    with new_runner() as runner:

        def run() -> None:
            assert len(runner.run(once()).results) == items

        compare(
            f"{CHAIN}, {items:,} items without the start, per item",
            run,
            Contender("nested calls in a loop", lambda: nested(bound, items), items),
            items=items,
            rounds=50,
            goal=Goal(1.4),
        )


def test_start_of_a_run(compare: Comparison) -> None:
    # What the benchmark above leaves out: a run of nothing is all start and end.
    # Python compiles the code in the first round only, as for whoever runs twice.
    pipeline = chain()

    def run() -> None:
        assert pipeline.run(()).results == []

    compare(f"{CHAIN}: a run of no item (plan, loop, report)", run, rounds=50)
