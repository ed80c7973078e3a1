from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from streamflow import Pipeline, VideoFrame, node, queue
from streamflow.metrics import EdgeReport, NodeReport, Report
from streamflow.nodes import PassThrough, TestVideo
from streamflow.testing import assert_ledger, assert_zero_copy

AB, AC = "a.out -> b.in", "a.out -> c.in"


def report(
    nodes: Mapping[str, NodeReport], edges: Mapping[str, EdgeReport], state: str = "completed"
) -> Report:
    return Report("demo", state, 1.0, nodes, edges)


def sent(count: int, copied_bytes: int = 0) -> EdgeReport:
    """An edge that delivered everything it was sent."""
    return EdgeReport(sent=count, received=count, copied_bytes=copied_bytes)


def test_a_ledger_that_adds_up_passes() -> None:
    nodes = {"a": NodeReport(emitted=5), "b": NodeReport(received=2)}
    edges = {AB: EdgeReport(5, 2, {"drop_oldest": 1, "stopped": 1}, in_flight=1)}

    assert_ledger(report(nodes, edges))


def test_an_edge_that_lost_items_is_named_with_its_numbers() -> None:
    nodes = {"a": NodeReport(emitted=5), "b": NodeReport(received=2)}
    edges = {AB: EdgeReport(5, 2, {"drop_oldest": 1}, in_flight=1)}

    with pytest.raises(AssertionError) as caught:
        assert_ledger(report(nodes, edges))

    assert str(caught.value) == (
        "the ledger of 'demo' does not add up:\n"
        "  edge a.out -> b.in: sent 5, but received 2 + dropped 1 {'drop_oldest': 1} + in flight 1"
    )


def test_a_node_that_received_other_than_was_delivered_is_named() -> None:
    nodes = {"a": NodeReport(emitted=5), "b": NodeReport(received=4)}

    with pytest.raises(AssertionError, match=r"node b: received 4, but its edges delivered 5 \(a"):
        assert_ledger(report(nodes, {AB: sent(5)}))


def test_items_that_were_injected_count_too() -> None:
    nodes = {"a": NodeReport(emitted=5), "b": NodeReport(received=7)}

    assert_ledger(report(nodes, {AB: sent(5)}), injected={"b": 2})
    with pytest.raises(AssertionError, match="received 7, but its edges delivered 5 and 1 injec"):
        assert_ledger(report(nodes, {AB: sent(5)}), injected={"b": 1})


def test_items_injected_into_a_node_without_edges_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"delivered 0 and 3 injected \(no edge\)"):
        assert_ledger(report({"b": NodeReport(received=2)}, {}), injected={"b": 3})


def test_an_injection_into_an_unknown_node_is_said() -> None:
    with pytest.raises(AssertionError, match="node x: items were injected, but 'demo' has no such"):
        assert_ledger(report({}, {}), injected={"x": 3})


def test_edges_out_of_one_port_were_sent_the_same() -> None:
    nodes = {
        "a": NodeReport(emitted=5),
        "b": NodeReport(received=5),
        "c": NodeReport(received=4),
    }
    edges = {AB: sent(5), AC: sent(4)}

    with pytest.raises(AssertionError, match=r"port a\.out: .*: 5 over a\.out -> b\.in, 4 over a"):
        assert_ledger(report(nodes, edges))
    assert_ledger(report(nodes, edges, state="failed"))


def test_a_node_cannot_send_more_than_it_emitted() -> None:
    nodes = {"a": NodeReport(emitted=4), "b": NodeReport(received=5)}

    with pytest.raises(AssertionError, match="node a: emitted 4, but its edges were sent 5"):
        assert_ledger(report(nodes, {AB: sent(5)}))


def test_every_fault_is_told_at_once() -> None:
    nodes = {"a": NodeReport(emitted=1), "b": NodeReport(received=1)}

    with pytest.raises(AssertionError) as caught:
        assert_ledger(report(nodes, {AB: EdgeReport(sent=5, received=2)}))

    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize("on", ["inline", "thread"])
def test_the_ledger_of_a_run_adds_up(on: Any) -> None:
    pipeline = Pipeline("demo")
    source = pipeline.add(node(lambda n: n or None), id="source")
    left = pipeline.add(PassThrough(), id="left", on=on)
    right = pipeline.add(PassThrough(), id="right")
    source >> left  # pyright: ignore[reportUnusedExpression] - `>>` connects
    source >> queue(max_items=1, policy="drop_oldest") >> right  # pyright: ignore[reportUnusedExpression]
    pipeline.merge(left, right, policy="interleave")

    assert_ledger(pipeline.run([0, 1, 2, 3, 0, 5] * 30))


def test_the_ledger_of_a_run_with_injections_adds_up() -> None:
    pipeline = Pipeline("demo")
    first, second = (
        pipeline.add(PassThrough(), id="first"),
        pipeline.add(PassThrough(), id="second"),
    )
    first >> second  # pyright: ignore[reportUnusedExpression] - `>>` connects

    async def main() -> Report:
        async with pipeline.start() as execution:
            for number in range(5):
                await execution.inject("first", number)
            for number in range(3):
                await execution.inject("second", number)
            await execution.end_inputs()
            return await execution.wait()

    assert_ledger(asyncio.run(main()), injected={"first": 5, "second": 3})


def test_a_run_that_copied_nothing_passes() -> None:
    pipeline = Pipeline(TestVideo(width=64, height=48, frames=3), PassThrough())

    assert_zero_copy(pipeline.run())


def test_the_edges_that_copied_are_named_the_worst_first() -> None:
    def blacken(frame: VideoFrame) -> VideoFrame:
        mine = frame.writable()
        mine.planes[0][:] = 0
        return mine

    frame = VideoFrame.from_ndarray(np.ones((4, 6), np.uint8), "gray8")
    found = Pipeline(PassThrough(), node(blacken)).run([frame, frame])

    with pytest.raises(AssertionError) as caught:
        assert_zero_copy(found)
    assert str(caught.value) == (
        "'pipeline' copied what it carried:\n"
        "  pass_through.out -> blacken.in: 48 bytes, 2 items received"
    )


def test_only_the_edges_that_matter_are_looked_at() -> None:
    found = report({}, {AB: sent(1, copied_bytes=2_000), AC: sent(1)})

    assert_zero_copy(found, edges=[AC])
    with pytest.raises(AssertionError, match=r"a\.out -> b\.in: 2,000 bytes"):
        assert_zero_copy(found, edges=[AB])


def test_an_edge_that_is_not_there_is_no_proof() -> None:
    with pytest.raises(ValueError, match=r"'demo' has no edge 'a -> b'; it has a\.out -> b\.in"):
        assert_zero_copy(report({}, {AB: sent(1)}), edges=["a -> b"])
