from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from streamflow.errors import CycleError, GraphError, PortMismatchError
from streamflow.function import node
from streamflow.graph import Graph, NodeOptions, Queue, queue, unique_id
from streamflow.node import Node
from streamflow.ports import Audio, Ports, Video


class Camera(Node):
    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"video": Video("yuv420p"), "audio": Audio("s16", rate=48_000)}

    def process(self) -> Iterator[Any]:
        yield from ()


class Detect(Node):
    inputs: ClassVar[Ports] = {"in": Video("rgb24")}

    def process(self, item: Any) -> Any:
        return item


class Meter(Node):
    inputs: ClassVar[Ports] = {"in": Audio("flt")}

    def process(self, item: Any) -> Any:
        return item


class Reader(Node):
    inputs: ClassVar[Ports] = {"in": Video}
    outputs: ClassVar[Ports] = {}

    def process(self, item: Any) -> None:
        pass


class Pass(Node):
    def process(self, item: Any) -> Any:
        return item


def chain(*ids: str) -> Graph:
    """Nodes that pass items on, one after the other."""
    graph = Graph()
    for id in ids:
        graph.add(id, node(lambda x: x))
    for source, target in pairwise(ids):
        graph.connect(source, "out", target, "in")
    return graph


def camera_to(*nodes: Node) -> Graph:
    """A camera whose video goes to each node."""
    graph = Graph()
    graph.add("camera", Camera())
    for number, each in enumerate(nodes):
        graph.add(f"n{number}", each)
        graph.connect("camera", "video", f"n{number}", "in")
    return graph


def names(graph: Graph) -> list[str]:
    return [edge.name for edge in graph.edges]


def test_edges_are_named_after_both_ends() -> None:
    assert names(chain("a", "b", "c")) == ["a.out -> b.in", "b.out -> c.in"]


MOON: Any = "moon"


@pytest.mark.parametrize("id", ["", "a.b", "a b", "a>b", "a\n"])
def test_an_id_that_an_edges_name_could_not_hold_is_refused(id: str) -> None:
    with pytest.raises(GraphError, match="a node id must be a word without"):
        Graph().add(id, node(lambda x: x))


def test_an_id_is_taken_once() -> None:
    with pytest.raises(GraphError, match="the graph has a node 'a' already"):
        chain("a", "a")


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (("camara", "video", "n0", "in"), "no node 'camara'; did you mean 'camera'"),
        (("camera", "vido", "n0", "in"), "'camera' has no output port 'vido'; it has video, audio"),
        (("camera", "video", "n0", "out"), "node 'n0' has no input port 'out'; it has in"),
        (("n0", "out", "camera", "in"), "node 'n0' has no output port 'out'; it has no outputs"),
        (("camera", "video", "n0", "in"), r"has the edge camera\.video -> n0\.in already"),
    ],
)
def test_an_edge_that_cannot_be_names_what_is_wrong(
    ends: tuple[str, str, str, str], message: str
) -> None:
    graph = camera_to(Reader())

    with pytest.raises(GraphError, match=message):
        graph.connect(*ends)


def test_ports_that_can_never_meet_are_refused_with_both_ends() -> None:
    graph = camera_to(Reader())

    with pytest.raises(PortMismatchError) as caught:
        graph.connect("camera", "audio", "n0", "in")

    assert str(caught.value) == (
        "cannot connect camera.audio to n0.in: it offers audio/s16 48000 Hz, but video is needed"
    )


def test_a_cycle_is_found_when_the_graph_is_sorted() -> None:
    graph = chain("a", "b", "c")
    graph.connect("c", "out", "b", "in")

    with pytest.raises(CycleError, match="b -> c -> b"):
        graph.topology()


def test_a_converter_is_put_where_two_formats_meet() -> None:
    graph = camera_to(Detect())

    negotiated = graph.negotiated()

    assert names(negotiated) == [
        "camera.video -> convert_rgb24.in",
        "convert_rgb24.out -> n0.in",
    ]
    assert type(negotiated.nodes["convert_rgb24"].node).__name__ == "Convert"
    assert names(graph) == ["camera.video -> n0.in"]


def test_edges_that_need_the_same_conversion_share_it() -> None:
    negotiated = camera_to(Detect(), Detect(), Reader()).negotiated()

    assert names(negotiated) == [
        "camera.video -> convert_rgb24.in",
        "convert_rgb24.out -> n0.in",
        "convert_rgb24.out -> n1.in",
        "camera.video -> n2.in",
    ]


def test_each_source_has_a_converter_of_its_own() -> None:
    graph = camera_to(Detect())
    graph.add("other", Camera())
    graph.add("n1", Detect())
    graph.connect("other", "video", "n1", "in")

    negotiated = graph.negotiated()

    assert {"convert_rgb24", "convert_rgb24_2"} < negotiated.nodes.keys()


def test_sound_is_resampled_where_it_has_to_be() -> None:
    graph = camera_to()
    graph.add("meter", Meter())
    graph.connect("camera", "audio", "meter", "in")

    negotiated = graph.negotiated()

    assert [type(n.node).__name__ for n in negotiated.nodes.values()] == [
        "Camera",
        "Meter",
        "Resample",
    ]


def test_a_queue_stays_behind_the_converter_that_others_may_share() -> None:
    graph = camera_to()
    graph.add("detect", Detect())
    graph.connect("camera", "video", "detect", "in", queue(max_items=2))

    edges = graph.negotiated().edges

    assert [edge.queue for edge in edges] == [None, Queue(max_items=2)]


def test_every_edge_that_shares_a_converter_keeps_its_own_queue() -> None:
    graph = camera_to()
    for number, each in enumerate([queue(max_items=2), queue(max_items=3)]):
        graph.add(f"n{number}", Detect())
        graph.connect("camera", "video", f"n{number}", "in", each)

    queues = {edge.name: edge.queue for edge in graph.negotiated().edges}

    assert Queue(max_items=3) in queues.values()
    assert Queue(max_items=2) in queues.values()


def test_a_node_that_routes_its_errors_has_a_port_for_them() -> None:
    graph = Graph()
    added = graph.add("risky", node(lambda x: x), NodeOptions(error="route"))

    assert list(added.outputs) == ["out", "error"]


def test_a_node_with_one_instance_is_not_entered_twice_at_once() -> None:
    with pytest.raises(GraphError, match="'a' cannot have concurrency=2: add its class"):
        Graph().add("a", node(lambda x: x), NodeOptions(concurrency=2))


def test_a_reentrant_node_is() -> None:
    reentrant = Pass()
    reentrant.reentrant = True

    added = Graph().add("a", reentrant, NodeOptions(concurrency=2))

    assert added.options.concurrency == 2


def test_consumers_are_the_edges_of_each_port() -> None:
    graph = camera_to(Reader(), Reader())

    consumers = graph.consumers()

    assert [edge.target for edge in consumers["camera", "video"]] == ["n0", "n1"]
    assert [edge.source for edge in graph.into("n1")] == ["camera"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Queue(max_items=0), "max_items must be more than 0, not 0"),
        (lambda: Queue(max_bytes=-1), "max_bytes must be more than 0, not -1"),
        (lambda: queue(max_time=0.0), "max_time must be more than 0, not 0.0"),
        (lambda: Queue(policy="sideways"), "policy must be one of block, .*, not 'sideways'"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the point
        (
            lambda: NodeOptions(on=MOON),
            "on must be one of 'inline', 'thread', 'process', not 'moon'",
        ),
        (lambda: NodeOptions(error="hide"), "error must be one of 'fail', .*, not 'hide'"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the point
        (lambda: NodeOptions(timeout=0), "timeout must be more than 0 seconds, not 0"),
        (lambda: NodeOptions(concurrency=0), "concurrency must be 1 or more, not 0"),
    ],
)
def test_an_option_that_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken = dict.fromkeys(["scale", "scale_2", "crop"])

    assert [unique_id(name, taken) for name in ("flip", "crop", "scale")] == [
        "flip",
        "crop_2",
        "scale_3",
    ]
