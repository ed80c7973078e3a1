"""What code generation speaks of: consumers of a port, places in the text, items in hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamflow.flow.ends import SendingEnd
from streamflow.graph import Edge
from streamflow.scheduler.ledger import FlowId


@dataclass(frozen=True, slots=True)
class Consumer:
    """What an item that leaves a port is handed to.

    Attributes:
        edge: the edge it goes over; None for an outlet or the results.
        name: what it is called in generated code: a link's number; None if the
            target is fused.
        link: the link, or outlet; None where results are collected.
    """

    edge: Edge | None
    name: str | None = None
    link: SendingEnd | None = None

    @property
    def fused(self) -> bool:
        """Whether the target is called directly."""
        return self.name is None

    @property
    def target(self) -> str | None:
        """Id of the fused target; None for a link, an outlet or the results."""
        return self.edge.target if self.fused and self.edge is not None else None

    @property
    def awaits(self) -> bool:
        """Whether handing over may have to wait."""
        return self.link is not None and not self.link.never_blocks


Consumers: TypeAlias = Mapping[tuple[str, str], list[Consumer]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where code is being written.

    Attributes:
        indent: depth of indentation.
        loops: loops and try blocks around it.
        leave: statement that ends the item; None where more code follows.
    """

    indent: int
    loops: int
    leave: Literal["continue", "return"] | None

    def inner(self, loops: int = 0, leave: Literal["continue", "return"] | None = None) -> Place:
        """One indent deeper."""
        return Place(self.indent + 1, self.loops + loops, leave)


@dataclass(frozen=True, slots=True)
class Item:
    """An item in hand: its variable, the line that assigned it, and how many there were."""

    variable: str
    line: int
    flow: FlowId


def count_feeders(consumers: Consumers) -> Counter[str]:
    """Fused edges into each node."""
    targets = (consumer.target for found in consumers.values() for consumer in found)
    return Counter(target for target in targets if target is not None)
