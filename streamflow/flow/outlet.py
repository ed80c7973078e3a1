"""Outlets: links to the user's own code, that hold nothing until somebody reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from streamflow.events import End, Event
from streamflow.flow.ends import ReadableEnd
from streamflow.flow.link import Link


class Outlet(Link):
    """A link from a port to ``execution.outputs``.

    Until it is read, items pass by and are counted as unconnected; then it is a
    bounded link like any other, and holds its sender back.

    Attributes:
        attached: whether somebody reads.
        unread: items that passed by.
        failure: what to raise when the stream breaks off.
    """

    __slots__ = ("attached", "failure", "unread")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.attached = False
        self.unread = 0
        self.failure: BaseException | None = None

    def try_send(self, item: Any) -> bool:
        """Send an item, or let it pass by if nobody reads."""
        if not self.attached:
            self.unread += 1
            return True
        return super().try_send(item)

    async def read(self) -> AsyncIterator[Any]:
        """Items as they come, until the end of the stream.

        Raises:
            StreamflowError: the execution failed.
        """
        try:
            async for item in read(self):
                yield item
        finally:
            self.attached = False
            self.drop_all("unread")


async def read(
    link: ReadableEnd, heard: Callable[[Event], None] | None = None
) -> AsyncIterator[Any]:
    """What comes over a link, until the end of the stream.

    Args:
        link: where it comes.
        heard: told of each event, in its place, but of the end.

    Raises:
        StreamflowError: the execution failed.
    """
    while True:
        for item in link.take(1):
            yield item
        event = link.next_event()
        if isinstance(event, End):
            if link.failure is not None:
                raise link.failure
            return
        if event is not None and heard is not None:
            heard(event)
        if not link.pending:
            link.offer()
            await link.arrived.wait(lambda: link.pending)
