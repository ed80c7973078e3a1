"""Inlets: where a segment's items come from."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from streamflow.flow.ends import ReceivingEnd
from streamflow.graph import Edge


@dataclass(slots=True)
class Inlet:
    """A link that feeds a segment.

    Attributes:
        link: what brings the items.
        node: where they enter.
        port: its input port.
        edge: None for an injection.
        lasting: whether the segment lives on while this has not ended; an
            injection beside a node's own input does not keep it.
        ended: whether `End` has come.
    """

    link: ReceivingEnd
    node: str
    port: str
    edge: Edge | None
    lasting: bool = True
    ended: bool = False


async def iterate(items: Iterable[Any] | AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Items of either kind of iterable."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
