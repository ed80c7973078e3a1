"""Accounts: what a machine's ledgers say of each node and edge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from streamflow.flow.merge import Merge
from streamflow.graph import Edge
from streamflow.metrics import EdgeReport, NodeReport
from streamflow.scheduler.build import Machine
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.driver import Driver
from streamflow.scheduler.ledger import Counts
from streamflow.scheduler.part import Snapshot
from streamflow.scheduler.plan import Plan


def reports(
    machine: Machine, duration: float
) -> tuple[dict[str, NodeReport], dict[str, EdgeReport]]:
    """A report for each node, in topological order, and one for each edge, by name.

    Args:
        machine: running, or at rest.
        duration: seconds that the run has taken.
    """
    nodes: dict[str, NodeReport] = {}
    edges: dict[str, EdgeReport] = {}
    counts = {id(driver): driver.segment.ledger.read() for driver in machine.drivers}
    for name in machine.plan.topology.order:
        driver = machine.driver_of(name)
        nodes[name] = _node_report(machine, driver, name, counts[id(driver)], duration)
    for edge in machine.plan.graph.edges:
        edges[edge.name] = _edge_report(machine, edge, counts)
    return nodes, edges


def _node_report(
    machine: Machine, driver: Driver, id: str, counts: Counts, duration: float
) -> NodeReport:
    instance = machine.instances[id]
    failed, dropped = counts.failed[id], {k: n for k, n in counts.dropped[id].items() if n}
    if isinstance(instance, Merge):
        # What a merge did not emit it has kept for a partner, or dropped by policy.
        dropped.pop("filtered", None)
        dropped.update(instance.dropped)
    if isinstance(instance, Concurrent):
        failed += instance.failed
    passed_by = sum(outlet.unread for (node, _), outlet in machine.outlets.items() if node == id)
    if passed_by:
        dropped["unconnected"] = dropped.get("unconnected", 0) + passed_by
    memory = machine.contexts[id].memory
    items = (counts.received if driver.segment.nodes[id].shape.inputs else counts.emitted)[id]
    return NodeReport(
        received=counts.received[id],
        emitted=counts.emitted[id],
        failed=failed,
        dropped=dropped,
        time=driver.segment.ledger.histogram(id).snapshot(),
        memory=memory.lent,
        memory_peak=memory.peak,
        throughput=items / duration if duration > 0 else 0.0,
    )


def _edge_report(machine: Machine, edge: Edge, counts: Mapping[int, Counts]) -> EdgeReport:
    drivers = {
        id(driver): driver
        for driver in (machine.find_driver(edge.source), machine.find_driver(edge.target))
        if driver is not None
    }
    copied = sum(driver.segment.ledger.copied.get(edge, 0) for driver in drivers.values())
    link = machine.link_of(edge)
    if link is not None:
        report = link.report()
        return replace(report, copied_bytes=report.copied_bytes + copied)
    target = counts[id(machine.driver_of(edge.target))]
    sent, received = target.sent_over[edge], target.received_over[edge]
    lost = {"abandoned": sent - received} if sent > received else {}
    return EdgeReport(sent=sent, received=received, dropped=lost, copied_bytes=copied)


def combined(parts: Sequence[Snapshot], plan: Plan) -> Snapshot:
    """What all parts of an execution have done, in the order of its graph."""
    if len(parts) == 1:
        return parts[0]
    nodes = {id: report for part in parts for id, report in part.nodes.items()}
    edges: dict[str, EdgeReport] = {}
    for edge in plan.graph.edges:
        halves = [part.edges[edge.name] for part in parts if edge.name in part.edges]
        edges[edge.name] = _joined(halves) if edge in plan.crossings else halves[0]
    return Snapshot(
        {id: nodes[id] for id in plan.topology.order if id in nodes},
        edges,
        tuple(stall for part in parts for stall in part.stalls),
        tuple(warning for part in parts for warning in part.warnings),
        frozenset(id for part in parts for id in part.finished),
    )


def _joined(halves: Sequence[EdgeReport]) -> EdgeReport:
    """One report of an edge from its two ends: each has counted what it sees."""
    dropped: Counter[str] = Counter()
    for half in halves:
        dropped.update(half.dropped)
    sent = max(half.sent for half in halves)
    received = max(half.received for half in halves)
    sender = next((half for half in halves if half.max_items is not None), EdgeReport())
    return EdgeReport(
        sent=sent,
        received=received,
        dropped=dict(dropped),
        in_flight=max(0, sent - received - dropped.total()),
        credits=sender.credits,
        max_items=sender.max_items,
        bytes=sender.bytes,
        copied_bytes=sum(half.copied_bytes for half in halves),
    )


def unbalanced(machine: Machine) -> Iterator[str]:
    """Links whose ledger does not add up, in words; there must be none."""
    for link in (*machine.links.values(), *machine.outlets.values()):
        report = link.report()
        accounted = report.received + sum(report.dropped.values()) + report.in_flight
        if report.sent != accounted:
            yield f"{link.name}: sent {report.sent}, accounted for {accounted}: {report}"
