"""The bench: how fast a pipeline is on this machine."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from streamflow.cli.failures import Failure
from streamflow.cli.tables import new_table, node_table, titled
from streamflow.metrics import Times
from streamflow.pipeline import Pipeline
from streamflow.ports import Audio, Table, Video
from streamflow.testing.measure import Measurement, measure
from streamflow.units import human_time

ITEMS: Final = 10_000
"""Numbers that are fed to a pipeline that has no source of its own."""


def bench(pipeline: Pipeline, items: int | None, repeat: int) -> Measurement:
    """Measure a pipeline.

    Args:
        pipeline: with sources of its own, or one open input that takes numbers.
        items: how many; None lets the sources end by themselves.
        repeat: runs.

    Raises:
        Failure: it takes what cannot be made here.
    """
    inputs, _ = pipeline.graph.open_ports()
    if not inputs:
        return measure(pipeline, repeat=repeat, limit=items)
    for node, port in inputs.values():
        kind = pipeline.graph.nodes[node].shape.inputs[port]
        if isinstance(kind, Video | Audio | Table):
            raise Failure(f"{node}.{port} takes {kind.describe()}: put a source before it")
    if len(inputs) > 1:
        raise Failure(f"only one input may be open, not {', '.join(inputs)}")
    return measure(pipeline, range(items or ITEMS), repeat=repeat)


def print_measurement(console: Console, name: str, found: Measurement) -> None:
    """Print throughput and latency, and how long calls of each node took."""
    throughput = f"{human_rate(found.throughput)} items/s"
    items = found.runs[-1].items
    count = len(found.runs)
    runs = f"the median of {count} runs" if count > 1 else "in one run"
    words = f" handles {throughput}, {runs} of {items:,} items"
    console.print(Text.assemble((name, "bold"), words))
    table = new_table("run", "items", "time", "items/s")
    for number, run in enumerate(found.runs, 1):
        time = human_time(round(run.seconds * 1e9))
        table.add_row(str(number), f"{run.items:,}", time, human_rate(run.throughput))
    console.print(titled("Throughput", table))
    if found.latency is not None:
        console.print(titled("Latency of an item that is alone", _times_table(found.latency)))
    console.print(node_table(found.report.nodes))


def _times_table(times: Times) -> Grid:
    table = new_table("items", "p50", "mean", "p99", "max")
    figures = (times.p50_ns, times.mean_ns, times.p99_ns, times.max_ns)
    table.add_row(f"{times.count:,}", *map(human_time, figures))
    return table


def human_rate(rate: float) -> str:
    """Items a second with three digits.

    >>> human_rate(1_234_567), human_rate(12.345), human_rate(0)
    ('1,230,000', '12.3', '0')
    """
    if rate >= 1000:
        digits = len(str(round(rate))) - 3
        return f"{round(rate, -digits):,.0f}"
    return f"{rate:.3g}"
