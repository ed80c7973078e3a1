"""Drivers: feed a segment until its input ends, then flush it.

One driver, one task. Between two windows it looks at control events, at the
gate and at its links; within a window only generated code runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, Final, cast

from streamflow.errors import NodeError
from streamflow.events import End, Event, Start
from streamflow.flow.merge import ALL, Merge
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.flush import flush_node
from streamflow.scheduler.inlet import Inlet, iterate
from streamflow.scheduler.runner import Runner
from streamflow.scheduler.segment import Entry, Segment
from streamflow.scheduler.window import LARGEST, Window

MANY: Final = 4
"""Full windows to take at once from a sequence: it is all there, nobody waits for it."""


class Driver:
    """Drives one segment.

    Args:
        segment: what to drive.
        exact: time and check every item, not one in 64.
    """

    def __init__(self, segment: Segment, *, exact: bool = False) -> None:
        self.segment = segment
        self.inlets: list[Inlet] = []
        self.window = Window()
        self.inputs: Iterable[Any] | AsyncIterator[Any] | None = None
        self.stopping = False
        self.finished = False
        self.runner = Runner(segment, exact=exact)
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pulling = self._started = False

    def compile(self) -> None:
        """Compile the entries that the segment's own input needs."""
        head, shape = self.segment.head, self.segment.nodes[self.segment.head].shape
        if shape.is_source or self.segment.nodes[head].node.is_streaming:
            self.segment.entry(head, None, counted=shape.kind.is_async)
            return
        for inlet in self.inlets:
            self.segment.entry(inlet.node, inlet.port, inlet.edge, counted=True)
        if not self.inlets:
            self.segment.entry(head, next(iter(shape.inputs)), counted=True)

    async def drive(self) -> None:
        """Run until the input has ended, or `stop` was called.

        Raises:
            NodeError: a node failed.
        """
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        self.runner.task = self._task
        try:
            await self._feed()
            await self._finish()
        finally:
            self.finished = True
            self.segment.guard.stop()

    async def _feed(self) -> None:
        head = self.segment.nodes[self.segment.head]
        process = self.segment.instances[head.id].process
        if self.inputs is not None or head.shape.is_source:
            self._start()  # else it comes over a link
        if head.node.is_streaming:
            await self._feed_from(process(self._stream()), head.id, None)
        elif self.inputs is not None:
            await self._feed_from(self.inputs, head.id, next(iter(head.shape.inputs)))
        elif head.shape.is_source:
            await self._feed_from(process(), head.id, None)
        await self._feed_from_links()

    async def _feed_from(self, source: Any, node: str, port: str | None) -> None:
        asynchronous = hasattr(source, "__aiter__")
        counted = asynchronous or isinstance(cast("object", source), Sequence)
        # All is compiled before the input is asked for, and is none of its time.
        entry = self.segment.entry(node, port, counted=counted).load()
        self.window.rest()
        if asynchronous:
            await self._pull_async(aiter(source), entry)
        elif counted:
            await self._slice(source, entry)
        else:
            await self._pull(iter(source), entry)

    async def _slice(self, source: Sequence[Any], entry: Entry) -> None:
        """Feed from a sequence, a slice at a time."""
        position = 0
        while position < len(source) and not self.stopping:
            if self.segment.gate.closed:
                await self._passage()
            if self.inlets:
                await self._serve_inlets()
            size = self.window.size
            if size == LARGEST:
                size *= MANY
            batch = source[position : position + size]
            position += len(batch)
            if entry.is_async:
                await self.runner.batch(entry, batch)
            else:
                self.runner.batch_plain(entry, batch)
            if self.window.turn():
                await asyncio.sleep(0)

    async def _pull(self, source: Iterator[Any], entry: Entry) -> None:
        """Feed from a plain iterator, a window at a time and no item ahead."""
        times = self.segment.ledger.histogram(self.segment.head)
        add = times.add if self.inputs is None else None
        try:
            while not self.stopping:
                if self.segment.gate.closed:
                    await self._passage()
                if self.inlets:
                    await self._serve_inlets()
                if not await self.runner.pull(entry, source, self.window.size, add):
                    return
                if self.window.turn():
                    await asyncio.sleep(0)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    async def _pull_async(self, source: AsyncIterator[Any], entry: Entry) -> None:
        """Feed from an async iterator, item by item."""
        try:
            while not self.stopping:
                if self.segment.gate.closed:
                    await self._passage()
                await self._serve_inlets()
                item = await self._next(source)
                if item is _NOTHING:
                    return
                await self.runner.batch(entry, (item,))
                if self.window.turn():
                    await asyncio.sleep(0)
        finally:
            if hasattr(source, "aclose"):
                await cast("Any", source).aclose()

    async def _next(self, source: AsyncIterator[Any]) -> Any:
        self._pulling = True
        try:
            return await anext(source)
        except StopAsyncIteration:
            return _NOTHING
        except asyncio.CancelledError:
            if not self.stopping or self._task is None:
                raise
            self._task.uncancel()
            return _NOTHING
        except NodeError:  # a concurrent node knows which item it was
            self.segment.ledger.failed_once(self.segment.head)
            raise
        except Exception as error:
            self.segment.ledger.failed_once(self.segment.head)
            raise node_error(self.segment.head, "process", error) from error
        finally:
            self._pulling = False
            self.window.rest()

    async def _feed_from_links(self) -> None:
        while not self._ended():
            if self.segment.gate.closed:
                await self._passage()
            if not await self._serve_inlets():
                await self._sleep()
            elif self.window.turn():
                await asyncio.sleep(0)

    async def _sleep(self) -> None:
        """Wait until a link brings something that there is room for."""
        for inlet in self.inlets:
            inlet.link.offer()
        await self.segment.arrived.wait(self._has_work)
        self.window.rest()

    def _ended(self) -> bool:
        return all(inlet.ended for inlet in self.inlets if inlet.lasting)

    def _has_work(self) -> bool:
        return any(inlet.link.pending and self.has_room(inlet) for inlet in self.inlets)

    def has_room(self, inlet: Inlet) -> bool:
        """Whether the inlet's node would take an item, or an event comes first."""
        return self._room(inlet) > 0

    def _room(self, inlet: Inlet) -> int:
        """Items that the inlet's node would take now; 1 if an event comes first."""
        if inlet.link.events and not inlet.link.queue:
            return 1
        node = self.segment.instances[inlet.node]
        return node.room(inlet.port) if isinstance(node, Merge) else ALL

    async def _serve_inlets(self) -> bool:
        """Give each inlet one turn; false if none had anything."""
        busy = False
        for inlet in self.inlets:
            if self.segment.nodes[inlet.node].node.is_streaming:
                continue  # it takes its input itself
            while (event := inlet.link.next_event()) is not None:
                busy = True
                self._handle(inlet, event)
            room = self._room(inlet)
            batch = inlet.link.take(min(self.window.size, room)) if room > 0 else None
            if batch:
                busy = True
                entry = self.segment.entry(inlet.node, inlet.port, inlet.edge, counted=True)
                await self.runner.batch(entry, batch, inlet.link)
        return busy

    async def _stream(self) -> AsyncIterator[Any]:
        """The whole input, for a streaming node."""
        head, ledger = self.segment.head, self.segment.ledger
        received = ledger.received_directly(head)
        source = self._stream_links() if self.inputs is None else iterate(self.inputs)
        async for item in source:
            if self.segment.gate.closed:
                await self._passage()
            ledger.counts[received] += 1
            yield item

    async def _stream_links(self) -> AsyncIterator[Any]:
        while not self._ended():
            idle = True
            for inlet in self.inlets:
                while (event := inlet.link.next_event()) is not None:
                    idle = False
                    self._handle(inlet, event)
                for item in inlet.link.take(1):
                    idle = False
                    yield item
            if idle:
                await self._sleep()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self.segment.announce(self.segment.head, Start(), itself=True)

    def _handle(self, inlet: Inlet, event: Event) -> None:
        """Apply a control event whose place has come."""
        if isinstance(event, End):
            inlet.ended = True
            node = self.segment.instances[inlet.node]
            if isinstance(node, Merge):
                node.end(inlet.port)
            return
        if isinstance(event, Start):
            if self._started:
                return
            self._started = True
        self.segment.announce(inlet.node, event, itself=True)

    async def _passage(self) -> None:
        """Wait at the gate; events pass."""
        while self.segment.gate.closed and not self.stopping:
            for inlet in self.inlets:
                while (event := inlet.link.next_event()) is not None:
                    self._handle(inlet, event)
            await self.segment.arrived.wait(self._may_pass)
        self.window.rest()

    def _may_pass(self) -> bool:
        if not self.segment.gate.closed or self.stopping:
            return True
        # next_event looks at places, so an event behind queued data stays.
        return any(i.link.events and i.link.events[0][0] <= i.link.removed for i in self.inlets)

    async def _finish(self) -> None:
        """Flush the nodes, each after those that feed it; then end the links."""
        await self._serve_inlets()
        for id, node in self.segment.nodes.items():
            if node.shape.flush is not None:
                await flush_node(self.segment, id, self.runner)
        # Before its links end: who reads the last item must find it finished.
        self.finished = True
        for link in self.segment.links:
            link.close()

    def stop(self) -> None:
        """End a source: no further item is asked of it. From any thread."""
        self.stopping = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_pulling)
        self.segment.arrived.wake()

    def _stop_pulling(self) -> None:
        if self._pulling and self._task is not None:
            self._task.cancel()

    def interrupt(self) -> None:
        """Cancel the asynchronous call in hand, if there is one. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.runner.interrupt)


_NOTHING: Final = object()
