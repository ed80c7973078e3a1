"""Layout: everything has a place of its own, and every edge runs to the right."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.graph import Edge
from streamflow.layout import Box, Layout, arrange
from streamflow.nodes import PassThrough
from streamflow.scheduler.plan import Plan

SIZE = (100.0, 60.0)


def chain(*names: str, **placements: Any) -> sf.Pipeline:
    """A pipeline of nodes in a row."""
    pipeline = sf.Pipeline()
    last = None
    for name in names:
        handle = pipeline.add(PassThrough(), id=name, on=placements.get(name, "inline"))
        if last is not None:
            pipeline.connect(last, handle)
        last = handle
    return pipeline


def place(plan: Plan, **more: Any) -> Layout:
    """A layout of nodes of one size."""
    return arrange(plan, dict.fromkeys(plan.graph.nodes, SIZE), **more)


def lane_boxes(layout: Layout) -> dict[Edge, list[Box]]:
    """Bands that edges keep, a pixel high."""
    return {
        edge: [Box(lane.left, lane.y, lane.right - lane.left, 1) for lane in lanes]
        for edge, lanes in layout.lanes.items()
    }


def test_nodes_of_a_chain_stand_in_a_row() -> None:
    layout = place(chain("a", "b", "c").plan())

    a, b, c = (layout.nodes[name] for name in "abc")
    assert a.y == b.y == c.y
    assert a.right < b.x < b.right < c.x


def test_a_segment_surrounds_its_nodes_and_no_others() -> None:
    plan = chain("a", "b", "c", "d", c="thread").plan()

    layout = place(plan)

    for segment, box in zip(plan.segments, layout.segments, strict=True):
        for name, node in layout.nodes.items():
            inside = box.x < node.x and node.right < box.right
            assert inside == (name in segment.nodes)


def test_branches_keep_their_order_around_what_they_come_from() -> None:
    pipeline = chain("source")
    for number in range(3):
        pipeline.connect(
            pipeline["source"], pipeline.add(PassThrough(), id=f"b{number}", on="thread")
        )

    layout = place(pipeline.plan())

    tops = [layout.nodes[f"b{number}"].y for number in range(3)]
    assert tops == sorted(tops)
    assert layout.nodes["source"].y == pytest.approx(tops[1])


def test_an_edge_past_a_segment_keeps_a_lane_of_its_own() -> None:
    pipeline = chain("a", "b", "c", b="thread")
    pipeline.connect(pipeline["a"], pipeline["c"])

    layout = place(pipeline.plan())

    (boxes,) = lane_boxes(layout).values()
    assert boxes
    assert not any(box.meets(segment) for box in boxes for segment in layout.segments)


def test_an_edge_past_a_node_of_its_own_segment_leaves_room_for_it() -> None:
    pipeline = chain("a", "b", "c")
    pipeline.connect(pipeline["a"], pipeline["c"])

    layout = place(pipeline.plan())

    (boxes,) = lane_boxes(layout).values()
    assert not boxes[0].meets(layout.nodes["b"])
    assert boxes[0].meets(layout.segments[0])


def test_room_is_left_for_titles_and_labels() -> None:
    plan = chain("a", "b", b="thread").plan()
    edge = plan.graph.edges[0]

    narrow = place(plan)
    wide = place(plan, titles={"a": 300.0}, labels={edge: 200.0})

    assert wide.segments[0].width >= 300
    assert wide.segments[1].x - wide.segments[0].right > 200
    assert narrow.width < wide.width


def test_boxes_that_only_touch_do_not_meet() -> None:
    assert not Box(0, 0, 10, 10).meets(Box(10, 0, 10, 10))
    assert Box(0, 0, 10, 10).meets(Box(9, 9, 10, 10))
    assert not Box(0, 0, 10, 10).meets(Box(0, 10, 10, 10))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Graphs of up to nine nodes, some on threads, with any edges that run forward."""
    count = draw(st.integers(1, 9))
    pipeline = sf.Pipeline()
    nodes = [
        pipeline.add(PassThrough(), on="thread" if draw(st.booleans()) else "inline")
        for _ in range(count)
    ]
    for left, right in combinations(range(count), 2):
        if draw(st.integers(0, 3)) == 0:
            pipeline.connect(nodes[left], nodes[right])
    return pipeline.plan()


@settings(max_examples=60)
@given(plans())
def test_nothing_lies_on_top_of_anything_else(plan: Plan) -> None:
    layout = place(plan)

    apart = [*layout.segments, *layout.nodes.values()]
    assert all(box.x > 0 and box.y > 0 for box in apart)
    assert all(box.right < layout.width and box.bottom < layout.height for box in apart)
    for boxes in (layout.segments, tuple(layout.nodes.values())):
        assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    for edge, lanes in lane_boxes(layout).items():
        assert not any(lane.meets(node) for lane in lanes for node in layout.nodes.values())
        assert layout.nodes[edge.source].right < lanes[0].x
        assert lanes[-1].right < layout.nodes[edge.target].x
