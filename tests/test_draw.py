"""Drawings: each format shows nodes, ports, edges, segments and borders."""

from __future__ import annotations

import itertools
import re
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

import pytest

import streamflow as sf
from streamflow.draw import Format, draw
from streamflow.metrics import EdgeReport, NodeReport, Report, Times
from streamflow.nodes import PassThrough, Scale, TestVideo
from streamflow.ports import Ports
from streamflow.scheduler.plan import Plan

SVG = "{http://www.w3.org/2000/svg}"


class Detect(sf.Node):
    inputs: ClassVar[Ports] = {"in": sf.Video("rgb24")}
    outputs: ClassVar[Ports] = {"out": sf.Table(), "rejected": sf.Video()}

    def process(self, frame: Any) -> Any:
        return frame


class Listen(sf.Node):
    inputs: ClassVar[Ports] = {"table": sf.Table(), "sound": sf.Audio()}
    outputs: ClassVar[Ports] = {"sound": sf.Audio()}

    def process(self, item: Any, port: str) -> Any:
        return item


@pytest.fixture
def plan() -> Plan:
    pipeline = sf.Pipeline()
    source = pipeline.add(TestVideo(frames=1))
    scale = pipeline.add(Scale(width=64))
    detect = pipeline.add(
        Detect(), on="thread", error="skip", timeout=2.0, concurrency=1, id='detect"&<it'
    )
    source >> scale
    scale >> sf.queue(max_items=4, max_bytes=100, max_time=0.5, policy="drop_oldest") >> detect
    listen = pipeline.add(Listen())
    detect["out"] >> sf.queue() >> listen["table"]
    listen["sound"] >> PassThrough()
    return pipeline.plan()


def texts(drawing: str) -> list[str]:
    """Everything that is written in an SVG."""
    root = ET.fromstring(drawing)  # noqa: S314 - our own
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_mermaid_shows_nodes_edges_segments_and_borders(plan: Plan) -> None:
    lines = draw(plan).splitlines()

    assert lines[0] == "flowchart LR"
    assert '    subgraph s0["inline"]' in lines
    assert '        n1["<b>scale</b><br/>Scale"]' in lines
    assert '    n3 -->|"sound → in"| n4' in lines
    assert any(
        "-.->" in line and "queue: 4 items, 100 bytes, 0.5 s, drop" in line for line in lines
    )
    assert sum("    style s" in line for line in lines) == len(plan.segments)


def test_mermaid_gets_no_character_that_it_reads_as_its_own(plan: Plan) -> None:
    (line,) = [line for line in draw(plan, "mermaid").splitlines() if "<b>detect" in line]

    assert line == (
        '        n2["<b>detect#quot;#amp;#lt;it</b><br/>Detect<br/>error=skip timeout=2"]'
    )


def test_dot_joins_ports_and_breaks_the_lines_of_borders(plan: Plan) -> None:
    drawing = draw(plan, "dot")

    assert drawing.startswith("digraph pipeline {\n")
    assert drawing.endswith("}\n")
    assert 'n1 [label="{{<i0> in}|scale\\nScale|{<o0> out}}"];' in drawing
    assert 'n3:o0:e -> n4:i0:w [color="#2b8a57"];' in drawing
    assert re.search(r"n2:o0:e -> n3:i0:w \[.*, style=dashed, label=\"a queue\"\]", drawing)
    assert r"detect\"&\<it" in drawing
    assert drawing.count("subgraph cluster_") == len(plan.segments)


def test_svg_shows_every_name(plan: Plan) -> None:
    words = texts(draw(plan, "svg"))

    assert {*plan.graph.nodes} <= {*words}
    assert {"Scale", "Detect", "in", "out", "rejected", "table", "sound"} <= {*words}
    assert words.count("inline") == sum(not segment.threaded for segment in plan.segments)
    assert "error=skip timeout=2" in words
    assert {*plan.borders.values()} <= {*words}
    assert "queue: 4 items, 100 bytes, 0.5 s, drop_oldest" in words


def test_svg_breaks_the_lines_of_borders_only(plan: Plan) -> None:
    drawing = draw(plan, "svg")

    assert drawing.count("stroke-dasharray") == len(plan.borders)
    assert 0 < len(plan.borders) < len(plan.graph.edges)


def test_svg_fills_the_ports_that_are_connected(plan: Plan) -> None:
    root = ET.fromstring(draw(plan, "svg"))  # noqa: S314 - our own

    circles = [*root.iter(f"{SVG}circle")]

    hollow = [circle for circle in circles if circle.get("fill") == "#ffffff"]
    assert len(hollow) == 3  # rejected, the sound that Listen lacks, and the end
    assert len(circles) - len(hollow) == len(
        {(e.source, e.source_port) for e in plan.graph.edges}
        | {(e.target, e.target_port, "in") for e in plan.graph.edges}
    )


def test_labels_of_edges_side_by_side_do_not_cover_each_other() -> None:
    pipeline = sf.Pipeline()
    source = pipeline.add(Detect())
    target = pipeline.add(sf.node(lambda item, port: item, **TWO), on="thread")
    source["out"] >> target["a"]
    source["rejected"] >> target["b"]

    root = ET.fromstring(draw(pipeline.plan(), "svg"))  # noqa: S314 - our own

    labels = [e for e in root.iter(f"{SVG}text") if e.get("paint-order")]
    heights = [float(label.get("y", "")) for label in labels]
    assert len(heights) == 2
    assert abs(heights[0] - heights[1]) >= 12


TWO: dict[str, Any] = {"inputs": {"a": sf.Data(), "b": sf.Data()}}


def test_an_edge_past_other_nodes_is_drawn_on_its_lane() -> None:
    pipeline = sf.Pipeline()
    a, b, c = (pipeline.add(PassThrough(), id=id) for id in "abc")
    a >> b >> c
    a >> c

    drawing = draw(pipeline.plan(), "svg")

    curves = [path.count("C") for path in re.findall(r' d="([^"]*)" fill="none"', drawing)]
    assert sorted(curves) == [1, 1, 3]


def test_an_unknown_format_is_refused(plan: Plan) -> None:
    with pytest.raises(ValueError, match=r"^format must be mermaid, dot, svg, not 'png'$"):
        draw(plan, "png")  # type: ignore[arg-type]


def counted(plan: Plan) -> Report:
    """A report of a run of the plan, with counters that are easily told apart."""
    nodes = {
        "test_video": NodeReport(emitted=1_500),
        "scale": NodeReport(1_400, 1_300, 2, {"stopped": 3}, Times(9, 1, 1_500, 2_000_000)),
    }
    edges = {
        edge.name: EdgeReport(900, 800, {"oldest": 60}, 40, max_items=number)
        for number, edge in enumerate(plan.borders)
    }
    return Report("r", "running", 1.0, nodes, edges)


@pytest.mark.parametrize("format", ["mermaid", "dot", "svg"])
def test_a_report_puts_its_counters_beside_nodes_and_borders(format: Format, plan: Plan) -> None:
    drawing = draw(plan, format, counted(plan))

    for words in (
        "1,500 out",
        "1,400 in, 1,300 out, 5 lost",
        "p50 1.50 µs, p99 2.00 ms",
        "40 of 1 waiting, 60 lost",
    ):
        assert words in drawing.replace("\\ ", " ")


@pytest.mark.parametrize("format", ["mermaid", "dot", "svg"])
def test_a_report_of_something_else_leaves_the_drawing_as_it_is(format: Format, plan: Plan) -> None:
    stranger = Report("r", "running", 1.0, {"x": NodeReport(1)}, {"x": EdgeReport(1)})

    assert draw(plan, format, stranger) == draw(plan, format)


def test_counters_of_edges_side_by_side_do_not_cover_each_other() -> None:
    pipeline = sf.Pipeline()
    source = pipeline.add(Detect())
    target = pipeline.add(sf.node(lambda item, port: item, **TWO), on="thread")
    source["out"] >> target["a"]
    source["rejected"] >> target["b"]
    plan = pipeline.plan()
    edges = {edge.name: EdgeReport(9, 8, in_flight=1) for edge in plan.borders}

    root = ET.fromstring(  # noqa: S314 - our own
        draw(plan, "svg", Report("r", "running", 1.0, {}, edges))
    )

    labels = [e for e in root.iter(f"{SVG}text") if e.get("paint-order")]
    heights = sorted(float(label.get("y", "")) for label in labels)
    assert [label.text for label in labels].count("1 waiting") == 2
    assert all(below - above >= 12 for above, below in itertools.pairwise(heights))
