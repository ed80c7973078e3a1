"""The ledger of a segment: counters that generated code writes, and what follows from them.

Code counts only where the flow changes: items in at the root, items lost on the
way, items out of a generator. Everything else is derived: what a node received
is what its feeder emitted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from streamflow.graph import Edge
from streamflow.metrics import Histogram

Terms: TypeAlias = tuple[tuple[int, int], ...]
"""(sign, counter) pairs; their sum is a number of items."""


class Loss(NamedTuple):
    """Items that a node lost, by reason."""

    node: str
    reason: str
    terms: Terms


class Delivery(NamedTuple):
    """Items handed to a consumer: over an edge, or from outside where there is none."""

    node: str
    edge: Edge | None
    sent: Terms
    received: Terms


@dataclass
class Ledger:
    """Counters and their meaning.

    Attributes:
        counts: written by generated code, by index.
        emissions: (node, port) → what it emitted.
    """

    counts: list[int] = field(default_factory=list[int])
    emissions: dict[tuple[str, str], list[Terms]] = field(default_factory=lambda: defaultdict(list))
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    losses: list[Loss] = field(default_factory=list[Loss])
    failures: list[tuple[str, Terms]] = field(default_factory=list[tuple[str, Terms]])
    times: dict[str, Histogram] = field(default_factory=dict[str, Histogram])
    broken: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    copied: dict[Edge, int] = field(default_factory=lambda: defaultdict(int))

    def counter(self) -> int:
        """Index of a new counter."""
        self.counts.append(0)
        return len(self.counts) - 1

    def value(self, terms: Terms) -> int:
        """What some terms add up to."""
        counts = self.counts
        return sum(sign * counts[index] for sign, index in terms)

    def lose(self, node: str, reason: str, counter: int) -> None:
        """Count an item that broke off in a node for another reason than its own failure."""
        self.counts[counter] += 1
        self.broken[node, reason] = self.broken.get((node, reason), 0) + 1

    def received_directly(self, node: str, counter: int) -> None:
        """Note a counter of items that entered a node by another way than a call."""
        self.deliveries.append(Delivery(node, None, ((1, counter),), ((1, counter),)))

    def emitted(self, node: str) -> int:
        """Items that a node emitted, on all ports."""
        return sum(
            self.value(terms)
            for (id, _), all_terms in self.emissions.items()
            if id == node
            for terms in all_terms
        )

    def received(self, node: str) -> int:
        """Items that entered a node."""
        return sum(self.value(d.received) for d in self.deliveries if d.node == node)

    def failed(self, node: str) -> int:
        """Items that a node failed on."""
        return sum(self.value(terms) for id, terms in self.failures if id == node)

    def dropped(self, node: str) -> dict[str, int]:
        """Items that a node lost, by reason."""
        found: dict[str, int] = {}
        for loss in self.losses:
            if loss.node == node and (count := self.value(loss.terms)):
                found[loss.reason] = found.get(loss.reason, 0) + count
        for (id, reason), count in self.broken.items():
            if id == node:
                found[reason] = found.get(reason, 0) + count
        return found

    def fold(self) -> None:
        """Sort the durations that have gathered into their histograms."""
        for histogram in self.times.values():
            histogram.fold()

    def histogram(self, node: str) -> Histogram:
        """Durations of a node's calls."""
        return self.times.setdefault(node, Histogram())
