"""What the pipeline's own process has to do with streams to and from others: inputs and results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from streamflow.events import Event, Marker, Start
from streamflow.flow.outlet import read
from streamflow.flow.ring_inlet import RingInlet
from streamflow.flow.ring_outlet import RingOutlet
from streamflow.scheduler.cut import Kept, Share, nobody, nobody_asks
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.inlet import iterate
from streamflow.scheduler.segment import Results


class Stream:
    """What both kinds share: they take part in checkpoints.

    Args:
        name: of the stream.

    Attributes:
        tell: takes its shares.
        due: asks for a checkpoint.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tell: Callable[[Share], None] = nobody
        self.due: Callable[[], None] = nobody_asks
        self._over = False


class Feeder(Stream):
    """Feeds the inputs of a node that runs in another process.

    Args:
        name: of the stream.
        node: which node.
        items: its inputs.
        outlet: where they go.
        every: ask for a checkpoint after so many.
    """

    def __init__(
        self,
        name: str,
        node: str,
        items: Iterable[Any] | AsyncIterator[Any],
        outlet: RingOutlet,
        every: int | None,
    ) -> None:
        super().__init__(name)
        self.node = node
        self._items, self._outlet, self._every = items, outlet, every
        self._position = self._skipped = 0

    def ask(self, number: int) -> None:
        """Tell how many items were sent, and let a marker follow them."""
        # An item that waits for room is not among them: it comes again.
        if not self._over:
            self._outlet.send_event(Marker(number))
        share = Share(self.name, number, position=self._position, finished=self._over)
        self.tell(share)

    def restore(self, share: Share) -> None:
        """Pass over the items that were sent."""
        self._position = self._skipped = share.position
        self._over = share.finished

    async def feed(self) -> None:
        """Send all items.

        Raises:
            NodeError: the inputs failed.
        """
        self._outlet.send_event(Start())
        try:
            # Of a stream that had ended nobody waits for anything.
            async for item in iterate(() if self._over else self._items):
                if self._skipped:
                    self._skipped -= 1
                    continue
                await self._outlet.send(item)
                self._position += 1
                if self._every is not None and self._position % self._every == 0:
                    self.due()
            self._over = True
        except Exception as error:
            raise node_error(self.node, "process", error) from error
        finally:
            self._outlet.close()


class Collector(Stream):
    """Collects results that come from another process.

    Args:
        name: of the stream.
        inlet: where they come.
    """

    def __init__(self, name: str, inlet: RingInlet) -> None:
        super().__init__(name)
        self._inlet, self._asked = inlet, 0
        self._results: Results = list[Any]()
        self._restored: list[tuple[int, bytes]] = []

    def ask(self, number: int) -> None:
        """Tell the results once the stream has ended: whoever sends them has."""
        if self._over:
            self._tell(number)
        else:
            self._asked = number

    def restore(self, share: Share) -> None:
        """Begin with the results that were there."""
        self._restored = share.results
        self._over = share.finished

    def gather_in(self, results: Results) -> None:
        """Let results go to where all go."""
        self._results = results
        if isinstance(results, Kept):
            results.restore(self._restored)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Marker):
            self._tell(event.number)

    def _tell(self, number: int) -> None:
        if not isinstance(self._results, Kept):
            return
        try:
            share = Share(self.name, number, results=self._results.freeze(), finished=self._over)
        except Exception as error:
            share = Share(self.name, number, fault=str(error))
        self.tell(share)

    async def collect(self) -> None:
        """Take all there are."""
        async for item in read(self._inlet, self._hear):
            self._results.append(item)  # whoever watches sees them come
        self._over = True
        if self._asked:
            self._tell(self._asked)
