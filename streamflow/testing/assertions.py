"""Assertions about a report: nothing was lost uncounted, nothing was copied unseen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from streamflow.metrics import EdgeReport, Report


class _Ends(NamedTuple):
    source: str
    source_port: str
    target: str
    target_port: str


def assert_ledger(report: Report, *, injected: Mapping[str, int] | None = None) -> None:
    """Assert that every item of a run is accounted for.

    On every edge, ``sent == received + sum(dropped) + in_flight``. Every node
    has received what its edges delivered, and what it was injected. All edges
    out of one port were sent the same, and together no more than the node
    emitted; these two hold of a run that came to its end, and are left out
    for one that failed or was cancelled, as an item may have been half way.

    Args:
        report: of a run that has ended.
        injected: node id → items that came from `Execution.inject`.

    Raises:
        AssertionError: something does not add up; it names each edge and node
            with its numbers.
    """
    faults = [*_edge_faults(report), *_input_faults(report, injected or {})]
    if report.state == "completed":
        faults += _output_faults(report)
    if faults:
        raise AssertionError(f"the ledger of {report.name!r} does not add up:\n" + _lines(faults))


def assert_zero_copy(report: Report, edges: Iterable[str] | None = None) -> None:
    """Assert that the library copied nothing on the way.

    Args:
        report: of a run.
        edges: names of the edges that matter, ``source.port -> target.port``;
            all by default.

    Raises:
        AssertionError: something was copied; it names the edges, the most
            bytes first.
        ValueError: there is no such edge.
    """
    names = list(report.edges if edges is None else edges)
    for name in names:
        if name not in report.edges:
            known = ", ".join(report.edges) or "none"
            raise ValueError(f"{report.name!r} has no edge {name!r}; it has {known}")
    copied = {name: report.edges[name].copied_bytes for name in names}
    culprits = sorted((-nbytes, name) for name, nbytes in copied.items() if nbytes)
    if culprits:
        lines = [
            f"{name}: {-nbytes:,} bytes, {report.edges[name].received:,} items received"
            for nbytes, name in culprits
        ]
        raise AssertionError(f"{report.name!r} copied what it carried:\n" + _lines(lines))


def _lines(faults: list[str]) -> str:
    return "\n".join(f"  {fault}" for fault in faults)


def _ends(edge: str) -> _Ends:
    source, target = edge.split(" -> ")
    return _Ends(*source.rsplit(".", 1), *target.rsplit(".", 1))


def _edge_faults(report: Report) -> Iterator[str]:
    for name, edge in report.edges.items():
        dropped = sum(edge.dropped.values())
        if edge.sent != edge.received + dropped + edge.in_flight:
            yield (
                f"edge {name}: sent {edge.sent}, but received {edge.received} + dropped "
                f"{dropped} {dict(edge.dropped)} + in flight {edge.in_flight}"
            )


def _input_faults(report: Report, injected: Mapping[str, int]) -> Iterator[str]:
    for id in injected:
        if id not in report.nodes:
            yield f"node {id}: items were injected, but {report.name!r} has no such node"
    delivered = dict(injected)
    for name, edge in report.edges.items():
        target = _ends(name).target
        delivered[target] = delivered.get(target, 0) + edge.received
    for id, count in delivered.items():
        if id in report.nodes and report.nodes[id].received != count:
            extra = f" and {injected[id]} injected" if id in injected else ""
            edges = [name for name in report.edges if _ends(name).target == id]
            yield (
                f"node {id}: received {report.nodes[id].received}, but its edges delivered "
                f"{count - injected.get(id, 0)}{extra} ({', '.join(edges) or 'no edge'})"
            )


def _output_faults(report: Report) -> Iterator[str]:
    ports: dict[tuple[str, str], dict[str, EdgeReport]] = defaultdict(dict)
    for name, edge in report.edges.items():
        ends = _ends(name)
        ports[ends.source, ends.source_port][name] = edge
    emitted: dict[str, int] = {}
    for (id, port), edges in ports.items():
        counts = {name: edge.sent for name, edge in edges.items()}
        if len(set(counts.values())) > 1:
            words = ", ".join(f"{count} over {name}" for name, count in counts.items())
            yield f"port {id}.{port}: its edges were not sent the same: {words}"
        emitted[id] = emitted.get(id, 0) + max(counts.values())
    for id, count in emitted.items():
        if report.nodes[id].emitted < count:
            yield f"node {id}: emitted {report.nodes[id].emitted}, but its edges were sent {count}"
