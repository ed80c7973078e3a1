"""The original runtime's benchmarks, by their names and in their shapes.

Its published medians were taken on another machine: they are quoted, not raced.
What is raced are other libraries, with the same shapes, here. Every node passes
its items on; the original alternates with one that wraps them, but a processor of
pipecat can pass on nothing but frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

import streamflow as sf
from benchmarks import peers
from benchmarks.harness import Benchmark, Comparison, Contender, Row
from streamflow.nodes import PassThrough
from streamflow.testing.benchmark import PipelineBenchmark

PUBLISHED: Final = {
    (3, 100): (17.39e-3, 0.140e-3),
    (3, 1_000): (179.7e-3, 0.268e-3),
    (10, 100): (44.7e-3, 0.195e-3),
}
"""Nodes and items → seconds, medians of its CPython executor and of its native one."""

QUOTE: Final = (
    "The original's published medians (another machine: quoted, not raced), CPython executor and "
    "native: "
    + "; ".join(
        f"{nodes} nodes × {items:,}: {python * 1e3:g} ms and {native * 1e3:.3f} ms"
        for (nodes, items), (python, native) in PUBLISHED.items()
    )
    + "."
)

PEERS: Final = [peers.streamz, peers.bytewax, peers.pipecat]
NAMES: Final = ["streamz", "bytewax", "pipecat"]


def nodes(count: int) -> list[PassThrough]:
    """A chain."""
    return [PassThrough() for _ in range(count)]


def peer_calls(count: int) -> list[Callable[[Any], Any]]:
    """What its nodes do, as bound methods."""
    return [node.process for node in nodes(count)]


def quote(benchmark: Benchmark, compare: Comparison, shape: tuple[int, int]) -> None:
    """Put the published figures beside the measured ones."""
    if compare.smoke:
        return
    compare.remark(QUOTE)
    if shape in PUBLISHED:
        python, native = PUBLISHED[shape]
        benchmark.extra_info |= {
            "published for the original's CPython executor": python,
            "published for the original's native executor": native,
        }


def race(
    benchmark: Benchmark,
    compare: Comparison,
    peer: Callable[[peers.Calls, int], Contender],
    shape: tuple[int, int],
) -> None:
    """Whole runs, from start to report, beside another library's."""
    count, items = shape
    pipeline = sf.Pipeline(*nodes(count))

    def run() -> None:
        assert len(pipeline.run(range(items)).results) == items

    # A run of it, not an item, is what was published.
    reference = replace(peer(peer_calls(count), items), items=1)
    compare(f"original: {count} nodes × {items:,} items, a run", run, reference, rounds=10)
    quote(benchmark, compare, shape)


# What a peer raises as a warning at import or at its end is not ours to fail on.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PEERS, ids=NAMES)
def test_simple_pipeline(
    benchmark: Benchmark, compare: Comparison, peer: Callable[[peers.Calls, int], Contender]
) -> None:
    race(benchmark, compare, peer, (3, 100))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PEERS, ids=NAMES)
def test_complex_pipeline(
    benchmark: Benchmark, compare: Comparison, peer: Callable[[peers.Calls, int], Contender]
) -> None:
    race(benchmark, compare, peer, (10, 100))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PEERS, ids=NAMES)
def test_largest_of_the_scaling_against_a_peer(
    benchmark: Benchmark, compare: Comparison, peer: Callable[[peers.Calls, int], Contender]
) -> None:
    race(benchmark, compare, peer, (3, 1_000))


@pytest.mark.parametrize("items", [10, 100, 1_000])
def test_pipeline_scaling(
    benchmark: Benchmark,
    benchmark_pipeline: PipelineBenchmark,
    compare: Comparison,
    items: int,
) -> None:
    report = benchmark_pipeline(sf.Pipeline(*nodes(3)), range(items), rounds=50)

    assert len(report.results) == items
    quote(benchmark, compare, (3, items))
    if not compare.smoke:
        median = benchmark.stats.stats.median
        compare.note(Row(f"original: scaling, 3 nodes × {items:,} items, a run", median))


def test_graph_construction(compare: Comparison) -> None:
    listed = [{"id": f"node_{n}", "node_type": "PassThrough"} for n in range(10)]
    joined = [{"from": f"node_{n}", "to": f"node_{n + 1}"} for n in range(9)]
    manifest = {"version": "v1", "nodes": listed, "connections": joined}

    def build() -> None:
        plan = sf.Pipeline.from_manifest(manifest).plan()
        assert list(plan.topology.order) == [node["id"] for node in listed]

    compare("original: graph construction, 10 nodes of a manifest", build, rounds=50)
