"""Accounts: what a machine's ledgers say of each node and edge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

from streamflow.flow.ends import ReceivingEnd
from streamflow.flow.merge import Merge
from streamflow.graph import Edge
from streamflow.metrics import EdgeReport, Late, NodeReport
from streamflow.scheduler.build import Machine
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.ledger import Counts, Ledger
from streamflow.scheduler.part import Snapshot
from streamflow.scheduler.plan import Plan


def reports(
    machine: Machine, duration: float
) -> tuple[Mapping[str, NodeReport], Mapping[str, EdgeReport]]:
    """A report for each node, in topological order, and one for each edge, by name.

    Args:
        machine: running, or at rest.
        duration: seconds that the run has taken.
    """
    accounts = Accounts(machine, duration)
    return Late(accounts.nodes), Late(accounts.edges)


class Accounts:
    """Everything that reports are made of, as it stands at one moment.

    Taking it costs little; what it means is worked out when somebody reads.

    Args:
        machine: running, or at rest; not kept.
        duration: seconds that the run has taken.
    """

    def __init__(self, machine: Machine, duration: float) -> None:
        graph, self._duration = machine.plan.graph, duration
        self._order, self._edges = machine.plan.topology.order, graph.edges
        self._ledgers: dict[str, Ledger] = {}
        self._each: list[Ledger] = []
        for driver in machine.drivers:
            ledger = driver.segment.ledger
            self._each.append(ledger if driver.finished else ledger.copy())
            self._ledgers |= dict.fromkeys(driver.segment.nodes, self._each[-1])
        self._links = {edge: end.report() for edge, end in machine.ends.outgoing.items()}
        self._links |= {edge: end.report() for edge, end in machine.links.items()}
        self._memory = {id: context.memory for id, context in machine.contexts.items()}
        self._sources = {id for id, node in graph.nodes.items() if node.shape.is_source}
        self._failed, self._kept = Counter[str](), dict[str, dict[str, int]]()
        for id, instance in machine.instances.items():
            if isinstance(instance, Merge):
                self._kept[id] = dict(instance.dropped)
            elif isinstance(instance, Concurrent):
                self._failed[id] = instance.failed
        self._passed_by = Counter[str]()
        for (id, _), outlet in (*machine.outlets.items(), *machine.ends.outlets.items()):
            self._passed_by[id] += outlet.unread

    def nodes(self) -> dict[str, NodeReport]:
        """A report for each node, in topological order."""
        counts = {id(ledger): ledger.read() for ledger in self._each}
        return {name: self._node(name, counts[id(self._ledgers[name])]) for name in self._order}

    def _node(self, id: str, counts: Counts) -> NodeReport:
        dropped = {reason: n for reason, n in counts.dropped[id].items() if n}
        if id in self._kept:
            # What a merge did not emit it has kept for a partner, or dropped by policy.
            dropped.pop("filtered", None)
            dropped.update(self._kept[id])
        if passed_by := self._passed_by[id]:
            dropped["unconnected"] = dropped.get("unconnected", 0) + passed_by
        items = (counts.emitted if id in self._sources else counts.received)[id]
        return NodeReport(
            received=counts.received[id],
            emitted=counts.emitted[id],
            failed=counts.failed[id] + self._failed[id],
            retried=self._ledgers[id].retried[id],
            dropped=dropped,
            time=self._ledgers[id].histogram(id).snapshot(),
            memory=self._memory[id].lent,
            memory_peak=self._memory[id].peak,
            throughput=items / self._duration if self._duration > 0 else 0.0,
        )

    def edges(self) -> dict[str, EdgeReport]:
        """A report for each edge, by name."""
        counts = {id(ledger): ledger.read() for ledger in self._each}
        return {edge.name: self._edge(edge, counts) for edge in self._edges}

    def _edge(self, edge: Edge, counts: Mapping[int, Counts]) -> EdgeReport:
        ends = (self._ledgers.get(edge.source), self._ledgers.get(edge.target))
        ledgers = {id(ledger): ledger for ledger in ends if ledger is not None}
        copied = sum(ledger.copied.get(edge, 0) for ledger in ledgers.values())
        link = self._links.get(edge)
        if link is not None:
            return replace(link, copied_bytes=link.copied_bytes + copied)
        target = counts[id(self._ledgers[edge.target])]
        sent, received = target.sent_over[edge], target.received_over[edge]
        lost = {"abandoned": sent - received} if sent > received else {}
        return EdgeReport(sent=sent, received=received, dropped=lost, copied_bytes=copied)


def combined(parts: Sequence[Snapshot], plan: Plan, died: Container[str | None]) -> Snapshot:
    """What all parts of an execution have done, in the order of its graph.

    Args:
        parts: what each has done.
        plan: the whole.
        died: processes that have died: what they had last told is not the whole
            truth, but the other ends of their edges are.
    """
    if len(parts) == 1:
        return parts[0]
    nodes = {id: report for part in parts for id, report in part.nodes.items()}
    halves: dict[str, list[EdgeReport]] = {edge.name: [] for edge in plan.graph.edges}
    for part in parts:
        for name, report in part.edges.items():
            halves[name].append(report)
    edges = {name: f[0] if len(f) == 1 else _joined(f) for name, f in halves.items()}
    for edge in plan.crossings:
        if plan.home[edge.target].process not in died:
            edges[edge.name] = _bounded(edges[edge.name])
    for id, segment in plan.home.items():
        if segment.process is not None and segment.process in died:
            nodes[id] = _corrected(nodes.get(id, NodeReport()), id, plan, edges)
    return Snapshot(
        {id: nodes.get(id, NodeReport()) for id in plan.topology.order},
        edges,
        tuple(stall for part in parts for stall in part.stalls),
        tuple(warning for part in parts for warning in part.warnings),
        frozenset(id for part in parts for id in part.finished),
    )


def _corrected(
    told: NodeReport, id: str, plan: Plan, edges: Mapping[str, EdgeReport]
) -> NodeReport:
    """What a node did whose process has died, as its edges to other processes show it."""
    graph, crossings = plan.graph, plan.crossings
    into = [edge for edge in graph.edges if edge.target == id]
    out = [edge for edge in graph.edges if edge.source == id]
    if into and all(edge in crossings for edge in into):
        told = replace(told, received=sum(edges[edge.name].received for edge in into))
    if out and all(edge in crossings for edge in out):
        sent: dict[str, int] = {}
        for edge in out:
            port = edge.source_port
            sent[port] = max(sent.get(port, 0), edges[edge.name].sent)
        told = replace(told, emitted=sum(sent.values()))
    return told


def _joined(halves: Sequence[EdgeReport]) -> EdgeReport:
    """One report of an edge from its two ends: each has counted what it sees."""
    dropped: Counter[str] = Counter()
    for half in halves:
        dropped.update(half.dropped)
    received = sum(half.received for half in halves)
    # What a process that has died had sent since it last told of it shows at the other end.
    sent = max(sum(half.sent for half in halves), received + dropped.total())
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


def _bounded(report: EdgeReport) -> EdgeReport:
    """An edge whose target has taken items since it last told, as the sender sees."""
    left = report.sent - sum(report.dropped.values())
    waits = report.in_flight
    if report.max_items is not None:
        waits = min(waits, report.max_items)
    received = max(report.received, left - waits)
    return replace(report, received=received, in_flight=left - received)


def summed(past: Snapshot, present: Snapshot, crossing: Container[str]) -> Snapshot:
    """What a part has done over all its lives.

    Args:
        past: what it had told before it died.
        present: what it has told since.
        crossing: names of edges to other processes: what these carried before is
            counted at the other end.
    """
    if not past.nodes:
        return present
    edges = dict(present.edges)
    for name, report in past.edges.items():
        if name not in crossing:
            edges[name] = _joined([report, edges[name]]) if name in edges else report
    nodes = {
        id: _added(past.nodes.get(id, NodeReport()), present.nodes.get(id, NodeReport()))
        for id in {**past.nodes, **present.nodes}
    }
    rss_peak = max(past.rss_peak, present.rss_peak)
    return replace(present, nodes=nodes, edges=edges, rss_peak=rss_peak)


def _added(past: NodeReport, present: NodeReport) -> NodeReport:
    dropped = Counter(past.dropped) + Counter(present.dropped)
    return replace(
        present,
        received=past.received + present.received,
        emitted=past.emitted + present.emitted,
        failed=past.failed + present.failed,
        retried=past.retried + present.retried,
        dropped=dict(dropped),
    )


def unbalanced(machine: Machine) -> Iterator[str]:
    """Links whose ledger does not add up, in words; there must be none."""
    whole: list[ReceivingEnd] = [
        link for edge, link in machine.links.items() if edge not in machine.ends.incoming
    ]
    for link in (*whole, *machine.outlets.values()):
        report = link.report()
        accounted = report.received + sum(report.dropped.values()) + report.in_flight
        if report.sent != accounted:
            yield f"{link.name}: sent {report.sent}, accounted for {accounted}: {report}"
