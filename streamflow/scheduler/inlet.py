"""Inlets: where a segment's items come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from streamflow.flow.ends import ReceivingEnd
from streamflow.graph import Edge

TURN: Final = 1_024
"""Items to pass over until others may run."""


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
        marks: whether the markers of checkpoints come over it; not so where
            items are injected.
        marked: number of the newest marker that has come.
        recording: what was on its way when a cut was taken, pickled, as it comes;
            None where there is none to come.
    """

    link: ReceivingEnd
    node: str
    port: str
    edge: Edge | None
    lasting: bool = True
    ended: bool = False
    marks: bool = True
    marked: int = 0
    recording: list[bytes] | None = None


class Tally:
    """An iterator that tells how many items were taken from it.

    Args:
        source: what it iterates over; closed with it.
        count: told of each item.
    """

    def __init__(self, source: Iterator[Any], count: Callable[[int], None]) -> None:
        self._source, self._count = source, count

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._source)
        self._count(1)
        return item

    async def skip(self, count: int) -> None:
        """Pass over items that have been taken before, and let others run meanwhile."""
        while count > 0 and sum(True for _ in islice(self._source, min(count, TURN))):
            count -= TURN
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close the source, if it can be closed."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


async def iterate(items: Iterable[Any] | AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Items of either kind of iterable."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
