"""Drawings of a plan: what is connected with what, what is fused, and where it is cut.

Each format shows the same: nodes with class and ports, edges with the ports they
join, segments as clusters with their placement, and borders, which are links, as
broken lines that say why they are there. With a report, nodes and edges carry its
counters.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from streamflow.graph import Edge, GraphNode
from streamflow.layout import Box, Lane, Layout, arrange
from streamflow.metrics import Report
from streamflow.ports import Audio, Data, Table, Video
from streamflow.scheduler.plan import Plan, SegmentPlan
from streamflow.units import human_time

Format: TypeAlias = Literal["mermaid", "dot", "svg"]

COLOURS: Final[Mapping[type[Data], str]] = {
    Video: "#2f6fb7",
    Audio: "#2b8a57",
    Table: "#8a4fb0",
}
"""Of edges, by what flows on them."""

OTHER: Final = "#66717f"
INK, FAINT, LINE = "#1c2733", "#5e6b7a", "#8592a3"
FILL: Final = {False: ("#f2f6fb", "#c3d2e4"), True: ("#fff5e6", "#ecc58f")}
"""Of segments, by whether they have a thread: surface and border."""

FONT: Final = "'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
HEADER: Final = 44.0
ROW: Final = 18.0
"""Height of a node's header, and of each of its ports."""


class Sketch(NamedTuple):
    """What is drawn.

    Attributes:
        plan: nodes, edges and segments.
        subtitles: by node, the lines below its id.
        labels: by edge, what stands beside it, in lines; none of an edge that is
            like all others.
    """

    plan: Plan
    subtitles: Mapping[str, list[str]]
    labels: Mapping[Edge, list[str]]


def draw(plan: Plan, format: Format = "mermaid", report: Report | None = None) -> str:
    """Draw a plan.

    Args:
        plan: from `Pipeline.plan`.
        format: ``mermaid`` (a flowchart, as Markdown pages show it), ``dot`` (for
            Graphviz) or ``svg`` (a picture).
        report: of a run of it, whose counters are drawn too.

    Returns:
        The drawing's text.

    Raises:
        ValueError: there is no such format.
    """
    drawers: dict[str, Callable[[Sketch], str]] = {"mermaid": mermaid, "dot": dot, "svg": svg}
    if format not in drawers:
        raise ValueError(f"format must be {', '.join(get_args(Format))}, not {format!r}")
    return drawers[format](_sketch(plan, report))


def _sketch(plan: Plan, report: Report | None) -> Sketch:
    return Sketch(
        plan,
        {id: _subtitle(n) + _node_counters(report, id) for id, n in plan.graph.nodes.items()},
        {edge: [_reason(plan, edge), *_edge_counters(report, edge)] for edge in plan.borders},
    )


def _node_counters(report: Report | None, id: str) -> list[str]:
    node = report.nodes.get(id) if report is not None else None
    if node is None:
        return []
    counts = (
        f"{node.received:,} in" if node.received else "",
        f"{node.emitted:,} out",
        f"{node.lost:,} lost" if node.lost else "",
    )
    times = f"p50 {human_time(node.time.p50_ns)}, p99 {human_time(node.time.p99_ns)}"
    return [", ".join(filter(None, counts)), *([times] if node.time.count else [])]


def _edge_counters(report: Report | None, edge: Edge) -> list[str]:
    found = report.edges.get(edge.name) if report is not None else None
    if found is None:
        return []
    lost = sum(found.dropped.values())
    of = f" of {found.max_items:,}" if found.max_items else ""
    return [f"{found.in_flight:,}{of} waiting" + (f", {lost:,} lost" if lost else "")]


def mermaid(sketch: Sketch) -> str:
    """A Mermaid flowchart."""
    plan = sketch.plan
    names = {id: f"n{number}" for number, id in enumerate(plan.graph.nodes)}
    lines = ["flowchart LR"]
    for number, segment in enumerate(plan.segments):
        lines.append(f'    subgraph s{number}["{_quoted(segment.where)}"]')
        for id in segment.nodes:
            words = [f"<b>{_quoted(id)}</b>", *map(_quoted, sketch.subtitles[id])]
            lines.append(f'        {names[id]}["{"<br/>".join(words)}"]')
        lines.append("    end")
    for edge in plan.graph.edges:
        arrow = "-.->" if edge in plan.borders else "-->"
        words = [f"{edge.source_port} → {edge.target_port}", *sketch.labels.get(edge, ())]
        label = "<br/>".join(map(_quoted, words))
        lines.append(f'    {names[edge.source]} {arrow}|"{label}"| {names[edge.target]}')
    for number, segment in enumerate(plan.segments):
        fill, stroke = FILL[segment.threaded]
        lines.append(f"    style s{number} fill:{fill},stroke:{stroke},color:{INK}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # Mermaid reads entities, but with # in the place of &.
    return html.escape(text).replace("#", "#35;").replace("&", "#").replace("#x27;", "#39;")


def dot(sketch: Sketch) -> str:
    """A Graphviz digraph."""
    plan = sketch.plan
    names = {id: f"n{number}" for number, id in enumerate(plan.graph.nodes)}
    lines = [
        "digraph pipeline {",
        "    rankdir=LR; fontname=Helvetica; fontsize=11; ranksep=0.9;",
        "    node [shape=record, style=filled, fillcolor=white, fontname=Helvetica, fontsize=11];",
        "    edge [fontname=Helvetica, fontsize=9];",
    ]
    for number, segment in enumerate(plan.segments):
        fill, stroke = FILL[segment.threaded]
        lines.append(f"    subgraph cluster_{number} {{")
        lines.append(f"        label={_string([segment.where])}; style=filled;")
        lines.append(f'        fillcolor="{fill}"; color="{stroke}";')
        for id in segment.nodes:
            record = _record(plan.graph.nodes[id], sketch.subtitles[id])
            lines.append(f"        {names[id]} {record};")
        lines.append("    }")
    for edge in plan.graph.edges:
        source, target = plan.graph.nodes[edge.source], plan.graph.nodes[edge.target]
        tail = f"{names[edge.source]}:o{list(source.outputs).index(edge.source_port)}:e"
        head = f"{names[edge.target]}:i{list(target.shape.inputs).index(edge.target_port)}:w"
        style = f'color="{_colour(plan, edge)}"'
        if edge in plan.borders:
            style += f", style=dashed, label={_string(sketch.labels[edge])}"
        lines.append(f"    {tail} -> {head} [{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _string(lines: list[str]) -> str:
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{text}"'


def _record(node: GraphNode, subtitle: list[str]) -> str:
    """A record: input ports, names, output ports."""

    def field(text: str) -> str:
        for character in "\\{}|<> ":
            text = text.replace(character, f"\\{character}")
        return text.replace('"', '\\"')

    def ports(names: Mapping[str, Data], mark: str) -> list[str]:
        cells = [f"<{mark}{number}> {field(name)}" for number, name in enumerate(names)]
        return ["{" + "|".join(cells) + "}"] if cells else []

    names = "\\n".join(field(word) for word in (node.id, *subtitle))
    cells = [*ports(node.shape.inputs, "i"), names, *ports(node.outputs, "o")]
    # From left to right, the outer braces lay the fields side by side.
    return f'[label="{{{"|".join(cells)}}}"]'


def svg(sketch: Sketch) -> str:
    """A picture, laid out by distance from the inputs."""
    plan, nodes = sketch.plan, sketch.plan.graph.nodes
    labels = {edge: max(_width(x, 10) for x in lines) for edge, lines in sketch.labels.items()}
    layout = arrange(
        plan,
        {id: _size(node, sketch.subtitles[id]) for id, node in nodes.items()},
        titles={segment.head: _width(segment.where, 11) for segment in plan.segments},
        labels=labels,
    )
    size = f'width="{layout.width:.0f}" height="{layout.height:.0f}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}">']
    lines.append(_rectangle(Box(0, 0, layout.width, layout.height), 10, "#ffffff", "none"))
    for segment, box in zip(plan.segments, layout.segments, strict=True):
        lines += _draw_segment(segment, box)
    ways = {edge: _way(sketch, layout, edge) for edge in plan.graph.edges}
    lines += [_draw_edge(plan, edge, points) for edge, points in ways.items()]
    used = _used_ports(plan)
    for id, node in nodes.items():
        lines += _draw_node(node, sketch.subtitles[id], layout.nodes[id], used)
    taken: list[Box] = []
    for edge, words in sketch.labels.items():
        lines += _draw_label(words, ways[edge], labels[edge], taken)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _used_ports(plan: Plan) -> set[tuple[str, str, bool]]:
    """Ports that an edge ends at: node, port, whether it is an input."""
    edges = plan.graph.edges
    return {(edge.source, edge.source_port, False) for edge in edges} | {
        (edge.target, edge.target_port, True) for edge in edges
    }


def _width(text: str, size: float) -> float:
    """What a text needs at most, in pixels: fonts differ, and none is measured here."""
    return 0.58 * size * len(text)


def _size(node: GraphNode, subtitle: list[str]) -> tuple[float, float]:
    inputs, outputs = list(node.shape.inputs), list(node.outputs)
    words = max(
        _width(node.id, 13.5),
        *(_width(line, 11) for line in subtitle),
        max((_width(name, 11) for name in inputs), default=0)
        + max((_width(name, 11) for name in outputs), default=0)
        + 24,
    )
    return max(104.0, words + 28), _header(subtitle) + ROW * max(len(inputs), len(outputs)) + 8


def _header(subtitle: list[str]) -> float:
    return HEADER + 14.0 * (len(subtitle) - 1)


def _draw_segment(segment: SegmentPlan, box: Box) -> list[str]:
    fill, stroke = FILL[segment.threaded]
    title = _text(box.x + 14, box.y + 19, segment.where, 11, FAINT)
    return [_rectangle(box, 9, fill, stroke), title]


def _draw_node(
    node: GraphNode, subtitle: list[str], box: Box, used: set[tuple[str, str, bool]]
) -> list[str]:
    top = _header(subtitle)
    lines = [
        _rectangle(box, 6, "#ffffff", LINE),
        _text(box.x + box.width / 2, box.y + 19, node.id, 13, INK, "middle", bold=True),
    ]
    for number, line in enumerate(subtitle):
        y = box.y + 34 + 14 * number
        lines.append(_text(box.x + box.width / 2, y, line, 11, FAINT, "middle"))
    for ports, is_input in ((node.shape.inputs, True), (node.outputs, False)):
        x = box.x if is_input else box.right
        for number, (name, port) in enumerate(ports.items()):
            y = box.y + top + ROW * (number + 0.5)
            colour = COLOURS.get(type(port), OTHER)
            fill = colour if (node.id, name, is_input) in used else "#ffffff"
            lines.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{fill}" stroke="{colour}">'
                f"<title>{html.escape(port.describe())}</title></circle>"
            )
            anchor = "start" if is_input else "end"
            lines.append(_text(x + (10 if is_input else -10), y + 4, name, 11, INK, anchor))
    return lines


def _way(sketch: Sketch, layout: Layout, edge: Edge) -> list[tuple[float, float]]:
    """Points that an edge runs through; it is level at each of them."""
    plan, subtitles = sketch.plan, sketch.subtitles
    source, target = plan.graph.nodes[edge.source], plan.graph.nodes[edge.target]
    left, right = layout.nodes[edge.source], layout.nodes[edge.target]
    out = list(source.outputs).index(edge.source_port) + 0.5
    into = list(target.shape.inputs).index(edge.target_port) + 0.5
    begin = left.y + _header(subtitles[edge.source]) + ROW * out
    points = [(left.right, begin)]
    lanes: tuple[Lane, ...] = layout.lanes.get(edge, ())
    for lane in lanes:
        points += [(lane.left, lane.y), (lane.right, lane.y)]
    end = right.y + _header(subtitles[edge.target]) + ROW * into
    return [*points, (right.x, end)]


def _draw_edge(plan: Plan, edge: Edge, points: list[tuple[float, float]]) -> str:
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for right, down in rest:
        bend = (right - x) / 2
        path.append(f"C{x + bend:.1f} {y:.1f} {right - bend:.1f} {down:.1f} {right:.1f} {down:.1f}")
        x, y = right, down
    colour = _colour(plan, edge)
    broken = ' stroke-dasharray="6 4"' if edge in plan.borders else ""
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="1.7"{broken}>'
        f"<title>{html.escape(edge.name)}</title></path>"
        f'<path d="M{x - 11:.1f} {y - 4.5:.1f}L{x - 3:.1f} {y:.1f}L{x - 11:.1f} {y + 4.5:.1f}z" '
        f'fill="{colour}"/>'
    )


def _draw_label(
    words: list[str], points: list[tuple[float, float]], width: float, taken: list[Box]
) -> list[str]:
    """What is said of an edge: on its last stretch, where no other label stands."""
    (x, y), (right, down) = points[-2:]
    places: list[Box] = []
    height = 12.0 * len(words)
    # Where lines run side by side, labels of two rows must leave them a little.
    for shift, t in itertools.product((0, 0.5, -0.5, 1, -1), (0.5, 0.42, 0.58, 0.36, 0.64)):
        # The curve of `_draw_edge`: its bends lie half way across.
        across = x + (right - x) * (1.5 * t * (1 - t) + t**3)
        level = y + (down - y) * (3 * t**2 - 2 * t**3) + height * (shift - 0.5)
        places.append(Box(across - width / 2, level, width, height))
    place = next((place for place in places if not any(map(place.meets, taken))), places[0])
    taken.append(place)
    middle = place.x + width / 2
    return [
        _text(middle, place.y + 9.5 + 12 * number, line, 10, FAINT, "middle", halo=True)
        for number, line in enumerate(words)
    ]


def _rectangle(box: Box, radius: int, fill: str, stroke: str) -> str:
    x, y, width, height = (f"{number:.1f}" for number in box)
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    colour: str,
    anchor: str = "start",
    *,
    bold: bool = False,
    halo: bool = False,
) -> str:
    more = ' font-weight="600"' if bold else ""
    if halo:
        more += ' stroke="#ffffff" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}"{more}>{html.escape(text)}</text>'
    )


def _colour(plan: Plan, edge: Edge) -> str:
    port = plan.graph.nodes[edge.source].outputs[edge.source_port]
    return COLOURS.get(type(port), OTHER)


def _reason(plan: Plan, edge: Edge) -> str:
    """Why an edge is cut; a queue says what it holds."""
    queue = edge.queue
    if queue is None:
        return plan.borders[edge]
    limits = (
        f"{queue.max_items} items" if queue.max_items else "",
        f"{queue.max_bytes} bytes" if queue.max_bytes else "",
        f"{queue.max_time:g} s" if queue.max_time else "",
        "" if queue.policy == "block" else queue.policy,
    )
    return "queue: " + ", ".join(filter(None, limits)) if any(limits) else "a queue"


def _subtitle(node: GraphNode) -> list[str]:
    """Lines below a node's id: its class, and the options that are not as usual."""
    options = node.options
    unusual = (
        f"error={options.error}" if options.error != "fail" else "",
        f"timeout={options.timeout:g}" if options.timeout is not None else "",
        f"concurrency={options.concurrency}" if options.concurrency > 1 else "",
    )
    words = " ".join(filter(None, unusual))
    return [type(node.node).__name__, *([words] if words else [])]
