"""The ledger of a segment: counters that generated code writes, and what follows from them.

Code counts only where the flow changes: items in at the root, items lost on the
way, items out of a generator. Everything else is derived: what a node received
is what its feeder emitted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from streamflow.graph import Edge
from streamflow.metrics import Histogram

FlowId: TypeAlias = int
"""A number of items, by its place in the ledger's flows."""


class Flow(NamedTuple):
    """A number of items: the sum of earlier flows, and counters added and taken away."""

    feeders: tuple[FlowId, ...]
    plus: tuple[int, ...]
    minus: tuple[int, ...]


class Delivery(NamedTuple):
    """Items handed to a consumer: over an edge, or from outside where there is none."""

    node: str
    edge: Edge | None
    sent: FlowId
    received: FlowId


class Loss(NamedTuple):
    """Items that a node lost, and why."""

    node: str
    reason: str
    flow: FlowId


class Counts(NamedTuple):
    """What a ledger says at one moment; nothing said is 0."""

    received: defaultdict[str, int]
    emitted: defaultdict[str, int]
    failed: defaultdict[str, int]
    dropped: defaultdict[str, defaultdict[str, int]]
    sent_over: defaultdict[Edge, int]
    received_over: defaultdict[Edge, int]


def _zeros() -> defaultdict[Any, int]:
    return defaultdict(int)


@dataclass
class Ledger:
    """Counters and their meaning.

    Attributes:
        counts: written by generated code, by index.
        flows: numbers of items, each after those it is made of.
        emissions: (node, what it emitted on one port).
        deliveries: to nodes.
        losses: of nodes, other than to failures.
        failures: (node, counter of items it failed on).
        broken: items that broke off otherwise, by node and reason.
        retried: calls that were made again, by node.
        copied: bytes copied for an edge.
    """

    counts: list[int] = field(default_factory=list[int])
    flows: list[Flow] = field(default_factory=list[Flow])
    emissions: list[tuple[str, FlowId]] = field(default_factory=list[tuple[str, FlowId]])
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    losses: list[Loss] = field(default_factory=list[Loss])
    failures: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    broken: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    retried: Counter[str] = field(default_factory=Counter[str])
    times: dict[str, Histogram] = field(default_factory=dict[str, Histogram])
    copied: dict[Edge, int] = field(default_factory=lambda: defaultdict(int))

    def counter(self) -> int:
        """Index of a new counter."""
        self.counts.append(0)
        return len(self.counts) - 1

    def flow(
        self,
        *feeders: FlowId,
        plus: tuple[int, ...] = (),
        minus: tuple[int, ...] = (),
    ) -> FlowId:
        """A new number of items."""
        self.flows.append(Flow(feeders, plus, minus))
        return len(self.flows) - 1

    def lose(self, node: str, reason: str, counter: int) -> None:
        """Count an item that broke off in a node for another reason than its own failure."""
        self.counts[counter] += 1
        self.broken[node, reason] += 1

    def received_directly(self, node: str) -> int:
        """A new counter, of items that enter a node by another way than a call."""
        counter = self.counter()
        flow = self.flow(plus=(counter,))
        self.deliveries.append(Delivery(node, None, flow, flow))
        return counter

    def failed_once(self, node: str) -> None:
        """Count a failure outside of generated code."""
        counter = self.counter()
        self.counts[counter] = 1
        self.failures.append((node, counter))

    def histogram(self, node: str) -> Histogram:
        """Durations of a node's calls."""
        return self.times.setdefault(node, Histogram())

    def fold(self) -> None:
        """Sort the durations that have gathered into their histograms."""
        for histogram in self.times.values():
            histogram.fold()

    def copy(self) -> Ledger:
        """What it says at this moment; cheap, for it is read later or never."""
        return Ledger(
            self.counts[:],
            self.flows[:],
            self.emissions[:],
            self.deliveries[:],
            self.losses[:],
            self.failures[:],
            self.broken.copy(),
            self.retried.copy(),
            {node: histogram.copy() for node, histogram in self.times.items()},
            dict(self.copied),
        )

    def _values(self) -> list[int]:
        counts, values = self.counts, list[int]()
        for feeders, plus, minus in self.flows:
            value = 0
            for feeder in feeders:
                value += values[feeder]
            for counter in plus:
                value += counts[counter]
            for counter in minus:
                value -= counts[counter]
            values.append(value)
        return values

    def read(self) -> Counts:
        """Numbers of items, by node and by edge."""
        values = self._values()
        read = Counts(_zeros(), _zeros(), _zeros(), defaultdict(_zeros), _zeros(), _zeros())
        for delivery in self.deliveries:
            read.received[delivery.node] += values[delivery.received]
            if delivery.edge is not None:
                read.sent_over[delivery.edge] += values[delivery.sent]
                read.received_over[delivery.edge] += values[delivery.received]
        for node, flow in self.emissions:
            read.emitted[node] += values[flow]
        for node, counter in self.failures:
            read.failed[node] += self.counts[counter]
        for loss in self.losses:
            read.dropped[loss.node][loss.reason] += values[loss.flow]
        for (node, reason), count in self.broken.items():
            read.dropped[node][reason] += count
        return read
