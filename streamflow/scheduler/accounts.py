"""Accounts: what a machine's ledgers say of each node and edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamflow.flow.merge import Merge
from streamflow.graph import Edge
from streamflow.metrics import EdgeReport, NodeReport
from streamflow.scheduler.build import Machine
from streamflow.scheduler.concurrent import Concurrent


def node_reports(machine: Machine, duration: float) -> dict[str, NodeReport]:
    """A report for each node.

    Args:
        machine: running, or at rest.
        duration: seconds that the run has taken.
    """
    return {id: _node_report(machine, id, duration) for id in machine.plan.topology.order}


def _node_report(machine: Machine, id: str, duration: float) -> NodeReport:
    ledger = machine.driver_of(id).segment.ledger
    dropped = ledger.dropped(id)
    instance = machine.instances[id]
    if isinstance(instance, Merge):
        # What a merge did not emit it has kept for a partner, or dropped by policy.
        dropped.pop("filtered", None)
        dropped.update(instance.dropped)
    for (node, _), outlet in machine.outlets.items():
        if node == id and outlet.unread:
            dropped["unconnected"] = dropped.get("unconnected", 0) + outlet.unread
    received, emitted = ledger.received(id), ledger.emitted(id)
    memory = machine.contexts[id].pool.statistics() if id in machine.contexts else None
    items = received if machine.plan.graph.nodes[id].shape.inputs else emitted
    return NodeReport(
        received=received,
        emitted=emitted,
        failed=ledger.failed(id) + (instance.failed if isinstance(instance, Concurrent) else 0),
        dropped=dropped,
        time=ledger.histogram(id).snapshot(),
        memory=memory.lent if memory else 0,
        memory_peak=memory.peak if memory else 0,
        throughput=items / duration if duration > 0 else 0.0,
    )


def edge_reports(machine: Machine) -> dict[str, EdgeReport]:
    """A report for each edge, by name."""
    return {edge.name: _edge_report(machine, edge) for edge in machine.plan.graph.edges}


def _edge_report(machine: Machine, edge: Edge) -> EdgeReport:
    copied = sum(
        machine.driver_of(id).segment.ledger.copied.get(edge, 0)
        for id in (edge.source, edge.target)
        if id == edge.source or machine.driver_of(id) is not machine.driver_of(edge.source)
    )
    link = machine.links.get(edge)
    if link is not None:
        report = link.report()
        fields: dict[str, Any] = {name: getattr(report, name) for name in _LINK_FIELDS}
        return EdgeReport(copied_bytes=copied, **fields)
    ledger = machine.driver_of(edge.target).segment.ledger
    deliveries = [delivery for delivery in ledger.deliveries if delivery.edge == edge]
    sent = sum(ledger.value(delivery.sent) for delivery in deliveries)
    received = sum(ledger.value(delivery.received) for delivery in deliveries)
    lost = {"abandoned": sent - received} if sent > received else {}
    return EdgeReport(sent=sent, received=received, dropped=lost, copied_bytes=copied)


_LINK_FIELDS = ("sent", "received", "dropped", "in_flight", "credits", "max_items", "bytes")


def unbalanced(machine: Machine) -> Iterator[str]:
    """Links whose ledger does not add up, in words; there must be none."""
    for link in (*machine.links.values(), *machine.outlets.values()):
        report = link.report()
        accounted = report.received + sum(report.dropped.values()) + report.in_flight
        if report.sent != accounted:
            yield f"{link.name}: sent {report.sent}, accounted for {accounted}: {report}"
