"""Written code: what was generated for an entry into a segment, kept for the next run of its plan.

To write the code of three nodes takes as long as a hundred items take to pass
through them. It is the same for each run that finds its ledger as the first did.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from streamflow.scheduler.chunk import Step
from streamflow.scheduler.emit import Emitter
from streamflow.scheduler.ledger import Delivery, Flow, FlowId, Ledger, Loss
from streamflow.scheduler.place import Consumers


class Extent(NamedTuple):
    """How far a ledger has come: of what is added, the indices follow."""

    counts: int
    flows: int
    emissions: int
    deliveries: int
    losses: int
    failures: int


def extent(ledger: Ledger) -> Extent:
    """How far a ledger has come."""
    return Extent(
        len(ledger.counts),
        len(ledger.flows),
        len(ledger.emissions),
        len(ledger.deliveries),
        len(ledger.losses),
        len(ledger.failures),
    )


@dataclass(frozen=True, slots=True)
class Written:
    """The code of an entry, and what it added to its ledger.

    Attributes:
        source: its text.
        twin: the same with its calls timed.
        steps: by line.
        handed: all steps.
        root: counter of the items that come in.
        is_async: whether its function is a coroutine function.
    """

    source: str
    twin: str
    steps: dict[int, Step]
    handed: frozenset[Step]
    root: int
    is_async: bool
    _counts: int
    _flows: tuple[Flow, ...]
    _emissions: tuple[tuple[str, FlowId], ...]
    _deliveries: tuple[Delivery, ...]
    _losses: tuple[Loss, ...]
    _failures: tuple[tuple[str, int], ...]

    @classmethod
    def by(cls, emitter: Emitter, root: int, *, is_async: bool, before: Extent) -> Written:
        """What an emitter has written, into a ledger that had come so far before."""
        ledger, writer = emitter.ledger, emitter.writer
        return cls(
            writer.source,
            writer.twin,
            writer.steps,
            frozenset(writer.handed),
            root,
            is_async,
            len(ledger.counts) - before.counts,
            tuple(ledger.flows[before.flows :]),
            tuple(ledger.emissions[before.emissions :]),
            tuple(ledger.deliveries[before.deliveries :]),
            tuple(ledger.losses[before.losses :]),
            tuple(ledger.failures[before.failures :]),
        )

    def enter(self, ledger: Ledger) -> None:
        """Add to a ledger what the code needs there; it has come as far as the first one had."""
        ledger.counts += [0] * self._counts
        ledger.flows += self._flows
        ledger.emissions += self._emissions
        ledger.deliveries += self._deliveries
        ledger.losses += self._losses
        ledger.failures += self._failures


def wiring(consumers: Consumers) -> Hashable:
    """What generated code knows of its consumers; None where it holds their links."""
    found: list[Hashable] = []
    for port, each in consumers.items():
        for consumer in each:
            if consumer.link is not None:
                return None
            found.append((port, consumer.edge, consumer.name))
    return tuple(found)
