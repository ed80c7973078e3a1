"""Accounts: what a machine's ledgers say of each node and edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from streamflow.flow.merge import Merge
from streamflow.graph import Edge
from streamflow.metrics import EdgeReport, NodeReport
from streamflow.scheduler.build import Machine
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.driver import Driver
from streamflow.scheduler.ledger import Counts


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
        target = machine.driver_of(edge.target)
        edges[edge.name] = _edge_report(machine, edge, counts[id(target)])
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


def _edge_report(machine: Machine, edge: Edge, counts: Counts) -> EdgeReport:
    source, target = machine.driver_of(edge.source), machine.driver_of(edge.target)
    copied = source.segment.ledger.copied.get(edge, 0)
    if target is not source:
        copied += target.segment.ledger.copied.get(edge, 0)
    link = machine.links.get(edge)
    if link is not None:
        return replace(link.report(), copied_bytes=copied)
    sent, received = counts.sent_over[edge], counts.received_over[edge]
    lost = {"abandoned": sent - received} if sent > received else {}
    return EdgeReport(sent=sent, received=received, dropped=lost, copied_bytes=copied)


def unbalanced(machine: Machine) -> Iterator[str]:
    """Links whose ledger does not add up, in words; there must be none."""
    for link in (*machine.links.values(), *machine.outlets.values()):
        report = link.report()
        accounted = report.received + sum(report.dropped.values()) + report.in_flight
        if report.sent != accounted:
            yield f"{link.name}: sent {report.sent}, accounted for {accounted}: {report}"
