"""Tables: what a run did, for people who read them in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from streamflow.metrics import EdgeReport, NodeReport, ProcessReport, Report
from streamflow.units import human_bytes, human_time


def print_report(console: Console, report: Report) -> None:
    """Print what became of a run: tables of its nodes, its edges and its processes."""
    console.print(outcome(report))
    console.print(node_table(report.nodes))
    if report.edges:
        console.print(edge_table(report.edges))
    if report.processes:
        console.print(process_table(report.processes))
    for line in notes(report):
        console.print(line)


def outcome(report: Report) -> Text:
    """How it ended, how long it took and what was copied, in a line."""
    copied = human_bytes(report.copied_bytes)
    return Text.assemble(
        (report.name, "bold"),
        f" {report.state} in {report.duration:.2f} s, {copied} copied",
    )


def node_table(nodes: Mapping[str, NodeReport]) -> RenderableType:
    """A row for each node, in the order that items pass them.

    Columns that few runs need are there if one of the nodes does: calls that were
    made again, and the most memory that it had allocated at once.
    """
    retried = any(node.retried for node in nodes.values())
    memory = any(node.memory_peak for node in nodes.values())
    more = (("retried", retried), ("memory", memory))
    columns = ("received", "emitted", "dropped", "failed", "p50", "p99")
    table = new_table("node", *columns, *(name for name, wanted in more if wanted))
    for id, node in nodes.items():
        table.add_row(
            Text(id, overflow="fold"),
            f"{node.received:,}",
            f"{node.emitted:,}",
            reasons(node.dropped),
            Text(f"{node.failed:,}", style="bold red" if node.failed else ""),
            human_time(node.time.p50_ns),
            human_time(node.time.p99_ns),
            *([f"{node.retried:,}"] if retried else ()),
            *([human_bytes(node.memory_peak)] if memory else ()),
        )
    return titled("Nodes", table)


def edge_table(edges: Mapping[str, EdgeReport]) -> RenderableType:
    """A row for each edge."""
    table = new_table("edge", "sent", "dropped", "in flight", "copied")
    for name, edge in edges.items():
        table.add_row(
            Text(name, overflow="fold"),
            f"{edge.sent:,}",
            reasons(edge.dropped),
            f"{edge.in_flight:,}",
            human_bytes(edge.copied_bytes),
        )
    return titled("Edges", table)


def process_table(processes: Sequence[ProcessReport]) -> RenderableType:
    """A row for each process, with the most memory that it had."""
    table = new_table("process", "restarts", "peak memory")
    table.add_column("nodes", overflow="fold")
    for process in processes:
        name = "the pipeline's own" if process.name is None else process.name
        table.add_row(
            Text(name, overflow="fold"),
            f"{process.restarts:,}",
            human_bytes(process.rss_peak),
            Text(", ".join(process.nodes)),
        )
    return titled("Processes", table)


def notes(report: Report) -> list[Text]:
    """Warnings, and nodes that held a thread."""
    lines = [Text(f"warning: {warning}", style="yellow") for warning in report.warnings]
    for stall in report.stalls:
        held = f"node {stall.node!r} held its thread for {stall.seconds:.1f} s at {stall.where}"
        lines.append(Text(f"warning: {held}", style="yellow"))
    return lines


def new_table(first: str, *columns: str) -> Table:
    """A table whose first column has the names, and whose others have numbers."""
    table = Table(
        box=box.SIMPLE_HEAD,
        header_style="dim",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(first, min_width=12)
    for name in columns:
        if name == "dropped":
            # Reasons may go to a line of their own; this is room for the longest.
            table.add_column(name, justify="right", min_width=len("unconnected"))
        else:
            table.add_column(name, justify="right", no_wrap=True)
    return table


def titled(title: str, table: Table) -> RenderableType:
    """A table below its title, with a blank line before it."""
    return Group("", Text(title, style="bold"), table)


def reasons(dropped: Mapping[str, int]) -> str:
    """Counts by reason, one a line.

    >>> reasons({"filtered": 1200}), reasons({})
    ('1,200 filtered', '0')
    """
    lines = [f"{count:,} {reason}" for reason, count in dropped.items() if count]
    return "\n".join(lines) or "0"
