"""Reports: what a run says of its nodes and edges, and what a node is told of the run."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

import streamflow as sf
from streamflow.nodes import PassThrough
from streamflow.ports import Ports
from streamflow.testing import assert_ledger


def test_a_context_tells_a_node_who_it_is() -> None:
    seen: dict[str, Any] = {}

    class Node(sf.Node):
        def __init__(self, gain: float = 1.0) -> None:
            pass

        def initialize(self, ctx: sf.NodeContext) -> None:
            ctx.state.set("count", 0)
            seen.update(vars(ctx), logger=ctx.logger)

        def process(self, item: int) -> int:
            return item

    pipeline = sf.Pipeline("context", metadata={"room": 7})
    pipeline.add(Node, gain=2.0)

    pipeline.run([1], session_id="abc")

    assert (seen["node_id"], seen["node_type"], seen["session_id"]) == ("node", "Node", "abc")
    assert seen["params"] == {"gain": 2.0}
    assert seen["metadata"] == {"room": 7}
    assert seen["instance_id"] == f"{seen['execution_id']}:node"
    assert seen["logger"].name == "streamflow.node.node"
    assert seen["connected"] == frozenset()


def test_memory_that_a_node_allocates_is_reported() -> None:
    held: list[Any] = []

    class Node(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self, item: int) -> None:
            held.append(self.ctx.allocate((1000,), np.uint8))
            if item:
                held.clear()

    report = sf.Pipeline(Node()).run([0, 0, 1, 0])

    assert (report.nodes["node"].memory, report.nodes["node"].memory_peak) == (1000, 3000)


def test_exact_timing_times_every_item() -> None:
    report = sf.Pipeline(PassThrough()).run(range(200), timing="exact")

    assert report.nodes["pass_through"].time.count == 200
    assert report.nodes["pass_through"].throughput > 0


def test_sampled_timing_times_one_item_in_sixty_four() -> None:
    report = sf.Pipeline(PassThrough()).run(range(6400))

    assert 90 <= report.nodes["pass_through"].time.count <= 110


def test_sync_pairs_by_time_over_links() -> None:
    def packets(step: int) -> Any:
        def source() -> Iterator[sf.Packet]:
            for pts in range(0, 300, step):
                yield sf.Packet(step, pts, Fraction(1, 100))

        return sf.node(source)

    pipeline = sf.Pipeline("sync")
    pipeline.merge(
        pipeline.add(packets(2), id="a"),
        pipeline.add(packets(3), id="b", on="thread"),
        policy="sync",
        tolerance=0.001,
    )

    report = pipeline.run(collect=True)

    assert [(a.pts, b.pts) for a, b in report.results] == [(p, p) for p in range(0, 300, 6)]
    assert_ledger(report)
    # What was not paired was dropped by policy, or had no partner left.
    assert sum(report.nodes["merge_sync"].dropped.values()) == 150 + 100 - 2 * 50


def test_writable_copies_only_what_another_may_see() -> None:
    class Draw(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self, item: int) -> sf.VideoFrame:
            return sf.VideoFrame.from_ndarray(self.ctx.allocate((4, 4)), format="gray8")

    def write(frame: sf.VideoFrame) -> sf.VideoFrame:
        return frame.writable()

    alone = sf.Pipeline("alone")
    alone.add(Draw()) >> alone.add(sf.node(write), id="write")
    shared = sf.Pipeline("shared")
    draw = shared.add(Draw())
    draw >> shared.add(sf.node(write), id="write")
    draw >> shared.add(PassThrough())

    assert alone.run([1, 2]).copied_bytes == 0
    report = shared.run([1, 2])
    assert report.edges["draw.out -> write.in"].copied_bytes == 32
    assert report.copied_bytes == 32


def test_a_node_enters_copies_of_its_own_by_port() -> None:
    class Source(sf.Node):
        inputs: ClassVar[Ports] = {}
        outputs: ClassVar[Ports] = {"a": sf.Data(), "b": sf.Data()}

        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self) -> Iterator[sf.Out]:
            self.ctx.count_copy(100, port="a")
            yield sf.Out("a", 1)
            yield sf.Out("b", 2)

    class Sink(sf.Node):
        outputs: ClassVar[Ports] = {}

        def initialize(self, ctx: sf.NodeContext) -> None:
            self.ctx = ctx

        def process(self, item: int) -> None:
            self.ctx.count_copy(7)

    pipeline = sf.Pipeline("copies")
    source = pipeline.add(Source())
    source["a"] >> pipeline.add(Sink(), id="x")
    source["b"] >> pipeline.add(Sink(), id="y", on="thread")

    report = pipeline.run()

    assert report.edges["source.a -> x.in"].copied_bytes == 107
    assert report.edges["source.b -> y.in"].copied_bytes == 7
    assert report.copied_bytes == 114
