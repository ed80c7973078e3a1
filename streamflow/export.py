"""Exports: a report as text that other programs read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

if TYPE_CHECKING:
    from streamflow.metrics import EdgeReport, NodeReport, ProcessReport, Report

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `to_prometheus` gives, for an HTTP response."""

LEFT_OUT: Final = ("results",)
"""Fields that are the run's data, and not about it."""


def to_json(report: Report, *, indent: int | None = None) -> str:
    """A report as a JSON object, without its results; ASCII only."""
    return json.dumps(plain(report), indent=indent)


def plain(value: object) -> Any:
    """A report, or a part of one, as dicts, lists, strings and numbers.

    >>> from streamflow.metrics import Stall
    >>> plain((Stall("detect", 1.5, "detect.py:7"),))
    [{'node': 'detect', 'seconds': 1.5, 'where': 'detect.py:7'}]
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return {str(key): plain(item) for key, item in mapping.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in cast("Sequence[object]", value)]
    cls: Any = type(value)
    return {name: plain(getattr(value, name)) for name in _field_names(cls)}


@cache
def _field_names(cls: Any) -> list[str]:
    return [field.name for field in fields(cls) if field.name not in LEFT_OUT]


class Sample(NamedTuple):
    """A number of a family.

    Attributes:
        labels: what tells it from the family's others.
        value: bytes, seconds or a count.
        suffix: of its name, such as ``_sum``.
    """

    labels: Mapping[str, str]
    value: float
    suffix: str = ""


class Family(NamedTuple):
    """A metric: samples with one name, one meaning and one unit.

    Attributes:
        name: without ``streamflow_``.
        kind: ``counter``, ``gauge`` or ``summary``.
        unit: as UCUM writes it: ``By``, ``s``, or ``{item}`` for what is counted.
        help: a sentence.
        samples: finds them in a report.
    """

    name: str
    kind: str
    unit: str
    help: str
    samples: Callable[[Report], Iterable[Sample]]


def to_prometheus(*reports: Report) -> str:
    r"""Reports in Prometheus's text format, version 0.0.4.

    Counters end in ``_total``; times are summaries in seconds, of the calls that
    were timed. Each sample is labelled with its pipeline.

    Args:
        reports: of pipelines with different names.

    Raises:
        ValueError: two of them are of pipelines with the same name.

    >>> from streamflow.metrics import Report
    >>> text = to_prometheus(Report('say "hi"', "running", 0.5, {}, {}))
    >>> [line for line in text.splitlines() if "duration" in line][-1]
    'streamflow_run_duration_seconds{pipeline="say \\"hi\\""} 0.5'
    """
    names = [report.name for report in reports]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two reports are of pipelines named {name!r}: give each its own name")
    return "".join(line for family in FAMILIES for line in _family_lines(family, reports))


def _family_lines(family: Family, reports: Iterable[Report]) -> Iterator[str]:
    found = [(report, sample) for report in reports for sample in family.samples(report)]
    if not found:
        return
    name = f"streamflow_{family.name}"
    # HELP escapes backslash and newline, which no help of ours has.
    yield f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"
    for report, sample in found:
        labels = {"pipeline": report.name, **sample.labels}
        pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        yield f"{name}{sample.suffix}{{{pairs}}} {sample.value!r}\n"


@lru_cache(4_096)  # the same names in each family, and at each scrape
def _escaped(value: str) -> str:
    # An id may be any text; half of a surrogate pair cannot be written as UTF-8.
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _of_run(read: Callable[[Report], float]) -> Callable[[Report], Iterable[Sample]]:
    return lambda report: [Sample({}, read(report))]


def _of_nodes(read: Callable[[NodeReport], float]) -> Callable[[Report], Iterable[Sample]]:
    return lambda report: [Sample({"node": id}, read(node)) for id, node in report.nodes.items()]


def _of_edges(read: Callable[[EdgeReport], float | None]) -> Callable[[Report], Iterable[Sample]]:
    """Of edges that have it: credits, for one, are only where there is a link."""
    return lambda report: [
        Sample({"edge": name}, value)
        for name, edge in report.edges.items()
        if (value := read(edge)) is not None
    ]


def _of_processes(
    read: Callable[[ProcessReport], float],
) -> Callable[[Report], Iterable[Sample]]:
    return lambda report: [
        Sample({"process": process.name or ""}, read(process)) for process in report.processes
    ]


def _state(report: Report) -> Iterable[Sample]:
    return [Sample({"state": report.state}, 1)]


def _dropped_by_nodes(report: Report) -> Iterable[Sample]:
    return _dropped("node", report.nodes)


def _dropped_by_edges(report: Report) -> Iterable[Sample]:
    return _dropped("edge", report.edges)


def _dropped(label: str, parts: Mapping[str, NodeReport | EdgeReport]) -> Iterator[Sample]:
    for name, part in parts.items():
        for reason, count in part.dropped.items():
            yield Sample({label: name, "reason": reason}, count)


def _times(report: Report) -> Iterator[Sample]:
    for id, node in report.nodes.items():
        time = node.time
        if time.count:
            yield Sample({"node": id, "quantile": "0.5"}, time.p50_ns / 1e9)
            yield Sample({"node": id, "quantile": "0.99"}, time.p99_ns / 1e9)
        yield Sample({"node": id}, time.total_ns / 1e9, "_sum")
        yield Sample({"node": id}, time.count, "_count")


def _stalls(report: Report) -> Iterator[Sample]:
    held = [stall.node for stall in report.stalls]
    for node in dict.fromkeys(held):
        yield Sample({"node": node}, held.count(node))


FAMILIES: Final[tuple[Family, ...]] = (
    Family(
        "run_state",
        "gauge",
        "1",
        "State of the run: 1 for the one it is in.",
        _state,
    ),
    Family(
        "run_duration_seconds",
        "gauge",
        "s",
        "Time since the first node was initialized.",
        _of_run(lambda report: report.duration),
    ),
    Family(
        "run_warnings_total",
        "counter",
        "{warning}",
        "What went wrong without ending the run.",
        _of_run(lambda report: len(report.warnings)),
    ),
    Family(
        "node_items_received_total",
        "counter",
        "{item}",
        "Items that entered a node.",
        _of_nodes(lambda node: node.received),
    ),
    Family(
        "node_items_emitted_total",
        "counter",
        "{item}",
        "Items that left a node.",
        _of_nodes(lambda node: node.emitted),
    ),
    Family(
        "node_items_failed_total",
        "counter",
        "{item}",
        "Items lost to an error of a node.",
        _of_nodes(lambda node: node.failed),
    ),
    Family(
        "node_items_dropped_total",
        "counter",
        "{item}",
        "Items that a node lost otherwise, by reason.",
        _dropped_by_nodes,
    ),
    Family(
        "node_retries_total",
        "counter",
        "{call}",
        "Calls that were made again because they had failed.",
        _of_nodes(lambda node: node.retried),
    ),
    Family(
        "node_process_seconds",
        "summary",
        "s",
        "How long the calls of a node took that were timed.",
        _times,
    ),
    Family(
        "node_process_max_seconds",
        "gauge",
        "s",
        "The longest call of a node that was timed.",
        _of_nodes(lambda node: node.time.max_ns / 1e9),
    ),
    Family(
        "node_memory_bytes",
        "gauge",
        "By",
        "Memory of frames that a node allocated and that are alive.",
        _of_nodes(lambda node: node.memory),
    ),
    Family(
        "node_memory_peak_bytes",
        "gauge",
        "By",
        "The most memory of frames that a node had alive at once.",
        _of_nodes(lambda node: node.memory_peak),
    ),
    Family(
        "node_items_per_second",
        "gauge",
        "{item}/s",
        "Items received, or emitted by a source, over the whole run.",
        _of_nodes(lambda node: node.throughput),
    ),
    Family(
        "node_stalls_total",
        "counter",
        "{stall}",
        "How often a node held its thread for too long.",
        _stalls,
    ),
    Family(
        "edge_items_sent_total",
        "counter",
        "{item}",
        "Items that entered an edge.",
        _of_edges(lambda edge: edge.sent),
    ),
    Family(
        "edge_items_received_total",
        "counter",
        "{item}",
        "Items that the target of an edge took.",
        _of_edges(lambda edge: edge.received),
    ),
    Family(
        "edge_items_dropped_total",
        "counter",
        "{item}",
        "Items lost on an edge, by reason.",
        _dropped_by_edges,
    ),
    Family(
        "edge_queued_items",
        "gauge",
        "{item}",
        "Items that wait on an edge.",
        _of_edges(lambda edge: edge.in_flight),
    ),
    Family(
        "edge_queued_bytes",
        "gauge",
        "By",
        "Bytes that wait on an edge whose link measures them.",
        _of_edges(lambda edge: edge.bytes),
    ),
    Family(
        "edge_credits",
        "gauge",
        "{item}",
        "Items that may still be sent now.",
        _of_edges(lambda edge: edge.credits),
    ),
    Family(
        "edge_max_items",
        "gauge",
        "{item}",
        "What the link of an edge holds.",
        _of_edges(lambda edge: edge.max_items),
    ),
    Family(
        "edge_copied_bytes_total",
        "counter",
        "By",
        "Bytes that the library copied for an edge.",
        _of_edges(lambda edge: edge.copied_bytes),
    ),
    Family(
        "process_resident_memory_bytes",
        "gauge",
        "By",
        "Memory resident in a process; the pipeline's own has an empty name.",
        _of_processes(lambda process: process.rss),
    ),
    Family(
        "process_resident_memory_peak_bytes",
        "gauge",
        "By",
        "The most memory that was resident in a process since it began.",
        _of_processes(lambda process: process.rss_peak),
    ),
    Family(
        "process_restarts_total",
        "counter",
        "{start}",
        "How often a process was started anew.",
        _of_processes(lambda process: process.restarts),
    ),
)
"""What is exported, in this order."""
