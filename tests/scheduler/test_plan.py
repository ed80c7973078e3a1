from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.errors import CycleError
from streamflow.flow.merge import make_merge
from streamflow.function import node
from streamflow.graph import Graph, NodeOptions, PlacementName, queue
from streamflow.node import Node
from streamflow.ports import Ports
from streamflow.scheduler.plan import Plan, plan


class Source(Node):
    inputs: ClassVar[Ports] = {}

    def process(self) -> Iterator[int]:
        yield 1


class LiveSource(Source):
    live = True


class AsyncSource(Node):
    inputs: ClassVar[Ports] = {}

    async def process(self) -> AsyncIterator[int]:
        yield 1


class Blocking(Node):
    blocking = True

    def process(self, item: Any) -> Any:
        return item


class BlockingSource(Source):
    blocking = True


class Async(Node):
    async def process(self, item: Any) -> Any:
        return item


class Pass(Node):
    def process(self, item: Any) -> Any:
        return item


def streaming() -> Node:
    @node
    async def total(items: AsyncIterator[int]) -> AsyncIterator[int]:
        yield sum([item async for item in items])

    return total


def graph_of(edges: str, **nodes: Node) -> Graph:
    """A graph from text such as ``a b, b c``; what is not given passes items on.

    A target with a number, such as ``m.1``, is that port of a merge.
    """
    graph = Graph()
    pairs = [pair.split() for pair in edges.split(", ")]
    for id in dict.fromkeys(end.split(".")[0] for pair in pairs for end in pair):
        graph.add(id, nodes.get(id) or Pass())
    for source, target in pairs:
        id, _, number = target.partition(".")
        graph.connect(source, "out", id, f"in_{number}" if number else "in")
    return graph


def segments(made: Plan) -> list[list[str]]:
    return [segment.nodes for segment in made.segments]


def borders(made: Plan) -> dict[str, str]:
    """Why each border is there, by the edge's ends."""
    return {f"{edge.source} {edge.target}": reason for edge, reason in made.borders.items()}


def placed(**options: PlacementName) -> dict[str, NodeOptions]:
    return {id: NodeOptions(on=on) for id, on in options.items()}


def chain(*ids: str, options: dict[str, NodeOptions] | None = None, **nodes: Node) -> Graph:
    """Nodes in a row."""
    graph = Graph()
    for id in ids:
        graph.add(id, nodes.get(id) or Pass(), (options or {}).get(id), Pass)
    for source, target in pairwise(ids):
        graph.connect(source, "out", target, "in")
    return graph


def test_a_chain_is_one_segment() -> None:
    made = plan(chain("a", "b", "c", a=Source()))

    assert segments(made) == [["a", "b", "c"]]
    assert borders(made) == {}


def test_branches_and_a_diamond_are_one_segment() -> None:
    made = plan(graph_of("a b, a c, b m.0, c m.1, m d", m=make_merge("zip", 2)))

    assert segments(made) == [["a", "b", "c", "m", "d"]]


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (LiveSource(), "a live source"),
        (AsyncSource(), "a live source"),
        (BlockingSource(), "another placement"),
    ],
)
def test_a_source_that_waits_for_the_world_has_a_segment_of_its_own(
    node: Node, reason: str
) -> None:
    made = plan(chain("a", "b", "c", a=node))

    assert segments(made) == [["a"], ["b", "c"]]
    assert borders(made) == {"a b": reason}


def test_a_queue_is_a_border() -> None:
    graph = chain("a", "b", a=Source())
    graph.add("c", Pass())
    graph.connect("b", "out", "c", "in", queue(max_items=4))

    assert borders(plan(graph)) == {"b c": "a queue"}


def test_a_streaming_node_stands_alone() -> None:
    made = plan(chain("a", "b", "c", a=Source(), b=streaming()))

    assert segments(made) == [["a"], ["b"], ["c"]]
    assert borders(made) == dict.fromkeys(["a b", "b c"], "a streaming node")


def test_concurrency_is_a_border_on_both_sides() -> None:
    made = plan(chain("a", "b", "c", a=Source(), options={"b": NodeOptions(concurrency=2)}))

    assert segments(made) == [["a"], ["b"], ["c"]]
    assert borders(made) == dict.fromkeys(["a b", "b c"], "concurrency")


@pytest.mark.parametrize("policy", ["sync", "concat"])
def test_a_merge_that_keeps_items_waiting_is_a_border(policy: str) -> None:
    made = plan(graph_of("a b, a c, b m.0, c m.1", a=Source(), m=make_merge(policy, 2)))

    assert borders(made) == dict.fromkeys(["b m", "c m"], "a buffering merge")


@pytest.mark.parametrize("policy", ["interleave", "zip", "combine_latest", "select"])
def test_a_merge_of_two_segments_heads_a_third(policy: str) -> None:
    made = plan(graph_of("a m.0, b m.1, m c", a=Source(), b=Source(), m=make_merge(policy, 2)))

    assert segments(made) == [["a"], ["b"], ["m", "c"]]
    assert borders(made) == dict.fromkeys(["a m", "b m"], "another head")


def test_async_branches_are_kept_apart() -> None:
    made = plan(graph_of("a b, a c, a d", a=Source(), b=Async(), c=Async()))

    assert segments(made) == [["a", "d"], ["b"], ["c"]]
    assert borders(made) == dict.fromkeys(["a b", "a c"], "asynchronous siblings")


def test_one_async_branch_alone_is_fused() -> None:
    assert segments(plan(graph_of("a b, a c", a=Source(), b=Async()))) == [["a", "b", "c"]]


def test_an_async_node_behind_both_branches_does_not_part_them() -> None:
    graph = graph_of("a b, a c, b m.0, c m.1, m d", m=make_merge("zip", 2), d=Async())

    assert segments(plan(graph)) == [["a", "b", "c", "m", "d"]]


def test_an_async_node_deep_in_each_branch_parts_them() -> None:
    graph = graph_of("a b, b d, a c, c e", d=Async(), e=Async())

    assert borders(plan(graph)) == dict.fromkeys(["a b", "a c"], "asynchronous siblings")


def test_a_blocking_node_has_a_thread_to_itself() -> None:
    made = plan(chain("a", "b", "c", a=Source(), b=Blocking()))

    assert [segment.placement for segment in made.segments] == ["inline", "thread:b", "inline"]
    assert [segment.threaded for segment in made.segments] == [False, True, False]
    assert borders(made) == dict.fromkeys(["a b", "b c"], "another placement")


def test_neighbours_on_a_thread_share_it() -> None:
    made = plan(chain("a", "b", "c", "d", a=Source(), options=placed(b="thread", c="thread")))

    assert segments(made) == [["a"], ["b", "c"], ["d"]]


def test_branches_on_threads_run_beside_each_other() -> None:
    graph = Graph()
    graph.add("a", Source())
    for id in "bc":
        graph.add(id, Pass(), NodeOptions(on="thread"))
        graph.connect("a", "out", id, "in")

    made = plan(graph)

    assert [segment.placement for segment in made.segments] == ["inline", "thread:b", "thread:c"]


def test_a_node_on_a_thread_does_not_join_a_blocking_ones() -> None:
    made = plan(
        chain("a", "b", "c", a=Source(), b=Blocking(), options=placed(b="thread", c="thread"))
    )

    assert [segment.placement for segment in made.segments] == ["inline", "thread:b", "thread:c"]


def test_without_threads_everything_is_inline() -> None:
    graph = chain("a", "b", "c", a=BlockingSource(), b=Blocking(), options=placed(c="thread"))

    made = plan(graph, threads=False)

    assert segments(made) == [["a", "b", "c"]]
    assert made.segments[0].placement == "inline"


def test_a_cycle_has_no_plan() -> None:
    graph = chain("a", "b", "c")
    graph.connect("c", "out", "b", "in")

    with pytest.raises(CycleError):
        plan(graph)


PLACEMENTS: list[PlacementName] = ["inline", "thread"]
KINDS: dict[str, type[Node]] = {"pass": Pass, "async": Async, "blocking": Blocking}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any nodes, any edges that point forward, any placements and queues."""
    graph, count = Graph(), draw(st.integers(1, 8))
    for number in range(count):
        feeds = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        kind = draw(st.sampled_from(list(KINDS)))
        policy = draw(st.sampled_from(["zip", "interleave", "sync", "concat"]))
        on = draw(st.sampled_from(PLACEMENTS))
        each = make_merge(policy, len(feeds)) if len(feeds) > 1 else KINDS[kind]()
        graph.add(f"n{number}", each, NodeOptions(on=on))
        for index, feed in enumerate(feeds):
            port = f"in_{index}" if len(feeds) > 1 else "in"
            link = queue() if draw(st.integers(0, 4)) == 0 else None
            graph.connect(f"n{feed}", "out", f"n{number}", port, link)
    return graph


@given(graph=graphs(), threads=st.booleans())
def test_every_node_is_in_one_segment_that_its_head_alone_feeds(
    graph: Graph, threads: bool
) -> None:
    made = plan(graph, threads=threads)

    placed_nodes = [id for segment in made.segments for id in segment.nodes]
    assert sorted(placed_nodes) == sorted(made.graph.nodes)
    for edge in made.graph.edges:
        source, target = made.home[edge.source], made.home[edge.target]
        assert (edge in made.borders) == (source is not target)
        assert (source is target) == (edge.target != target.head)
    for segment in made.segments:
        assert segment.nodes[0] == segment.head
        assert [id for id in made.topology.order if id in segment.nodes] == segment.nodes
        assert threads or not segment.threaded


@given(graph=graphs())
def test_segments_do_not_feed_each_other_in_a_circle(graph: Graph) -> None:
    made = plan(graph)

    order = {id(segment): number for number, segment in enumerate(made.segments)}
    for edge in made.borders:
        assert order[id(made.home[edge.source])] < order[id(made.home[edge.target])]
