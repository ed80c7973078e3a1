"""Drivers: feed a segment until its input ends, then flush it.

One driver, one task. Between two windows it looks at control events, at the
gate and at its links; within a window only generated code runs.
"""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, cast

from streamflow.errors import NodeError
from streamflow.events import End, Event, Marker, Start
from streamflow.flow.merge import ALL, Merge
from streamflow.node import Node
from streamflow.scheduler.cut import Cutter
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.flush import flush_node
from streamflow.scheduler.inlet import Inlet, Tally
from streamflow.scheduler.runner import Runner
from streamflow.scheduler.segment import Entry, Segment
from streamflow.scheduler.stream import stream
from streamflow.scheduler.window import LARGEST, Window

MANY: Final = 4
"""Full windows to take at once from a sequence: it is all there, nobody waits for it."""


class Driver:
    """Drives one segment.

    Args:
        segment: what to drive.
        exact: time and check every item, not one in 64.

    Attributes:
        cutter: takes its part of checkpoints; None where there are none.
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
        self._pulling = self._started = self._resting = self._satisfied = False
        self.cutter: Cutter | None = None

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
            if self.cutter is not None and self.cutter.was_finished:
                self._start()
                self.cutter.end()
                self._close()
            else:
                await self._feed()
                await self._finish()
        finally:
            self.finished = True
            self.segment.guard.stop()

    async def _feed(self) -> None:
        head = self.segment.nodes[self.segment.head]
        process = self.segment.instances[head.id].process
        # A link that is filled before the first item was filled from a checkpoint.
        restored = self.cutter is not None and any(
            inlet.link.queue for inlet in self.inlets if inlet.marks
        )
        if self.inputs is not None or head.shape.is_source or restored:
            self._start()  # else it comes over a link
        if head.node.is_streaming:
            await self._feed_from(process(stream(self)), head.id, None)
            self._satisfied = True
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
        position = 0 if self.cutter is None else self.cutter.position
        while position < len(source) and not self.stopping:
            await self._look_up()
            size = self._size()
            if size == LARGEST:
                size *= MANY
            batch = source[position : position + size]
            position += len(batch)
            if entry.is_async:
                await self.runner.batch(entry, batch)
            else:
                self.runner.batch_plain(entry, batch)
            if self.cutter is not None:
                self.cutter.count(len(batch))
            if self.window.turn():
                await asyncio.sleep(0)

    async def _look_up(self) -> None:
        """Look at everything but the source: the gate, what is injected, what is asked for."""
        if self.segment.gate.closed:
            await self.passage()
        if self.inlets:
            await self._serve_inlets()
        if self.cutter is not None:
            self.cutter.look()

    def _size(self) -> int:
        """Items to handle until the next look."""
        return self.window.size if self.cutter is None else self.cutter.limit(self.window.size)

    async def _pull(self, source: Iterator[Any], entry: Entry) -> None:
        """Feed from a plain iterator, a window at a time and no item ahead."""
        times = self.segment.ledger.histogram(self.segment.head)
        add = times.add if self.inputs is None else None
        if self.cutter is not None:
            source = Tally(source, self.cutter.count)
            await source.skip(self._skipped())
        try:
            while not self.stopping:
                await self._look_up()
                if not await self.runner.pull(entry, source, self._size(), add):
                    return
                if self.window.turn():
                    await asyncio.sleep(0)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    async def _pull_async(self, source: AsyncIterator[Any], entry: Entry) -> None:
        """Feed from an async iterator, item by item."""
        skipped = self._skipped()
        try:
            while not self.stopping or self._streams_from_links:
                await self._look_up()
                item = await self._next(source)
                if item is _NOTHING:
                    return
                if skipped:
                    skipped -= 1
                    continue
                await self.runner.batch(entry, (item,))
                if self.cutter is not None and not self.cutter.drains:
                    self.cutter.count(1)
                if self.window.turn():
                    await asyncio.sleep(0)
        finally:
            if hasattr(source, "aclose"):
                await cast("Any", source).aclose()

    def _skipped(self) -> int:
        """Items to pass over: a checkpoint says that they were taken, the source does not."""
        if self.cutter is None or self.cutter.drains:
            return 0
        head = self.segment.instances[self.segment.head]
        knows = self.inputs is None and type(head).get_state is not Node.get_state
        return 0 if knows else self.cutter.position

    async def _next(self, source: AsyncIterator[Any]) -> Any:
        self._pulling = True
        self._resting = self.cutter is not None and not self.cutter.drains
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
            self._pulling = self._resting = False
            self.window.awaited()

    async def _feed_from_links(self) -> None:
        while not self.ended():
            if self.segment.gate.closed:
                await self.passage()
            if self.cutter is not None:
                self.cutter.look()
            if not await self._serve_inlets():
                await self.sleep()
            elif self.window.turn():
                await asyncio.sleep(0)

    async def sleep(self) -> None:
        """Wait until a link brings something that there is room for."""
        if self.cutter is not None:
            self.cutter.overtake()
        for inlet in self.inlets:
            inlet.link.offer()
        await self._rest(self._has_work)
        self.window.rest()

    async def _rest(self, ready: Callable[[], object]) -> None:
        """Sleep between two items, until something arrives."""
        self._resting = self.cutter is not None and not self.cutter.drains
        try:
            await self.segment.arrived.wait(ready)
        finally:
            self._resting = False

    def ended(self) -> bool:
        """Whether everything that it lives for has ended."""
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
                # It takes its input itself; once it has returned, nobody wants the rest.
                busy |= self._satisfied and self._discard(inlet)
                continue
            while (event := inlet.link.next_event()) is not None:
                busy = True
                self.handle(inlet, event)
            room = self._room(inlet)
            batch = inlet.link.take(min(self.window.size, room)) if room > 0 else None
            if batch:
                busy = True
                if inlet.recording is not None and self.cutter is not None:
                    self.cutter.record(inlet, batch)
                entry = self.segment.entry(inlet.node, inlet.port, inlet.edge, counted=True)
                await self.runner.batch(entry, batch, inlet.link)
        return busy

    def _discard(self, inlet: Inlet) -> bool:
        """Drop what a streaming node has left unread; false if there was nothing."""
        busy = bool(inlet.link.pending)
        inlet.link.drop_all("unread")
        while (event := inlet.link.next_event()) is not None:
            self.handle(inlet, event)
        return busy

    @property
    def _streams_from_links(self) -> bool:
        return self.inputs is None and self.segment.nodes[self.segment.head].node.is_streaming

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self.segment.announce(self.segment.head, Start(), itself=True)

    def handle(self, inlet: Inlet, event: Event) -> None:
        """Apply a control event whose place has come."""
        if isinstance(event, End):
            inlet.ended = True
            node = self.segment.instances[inlet.node]
            if isinstance(node, Merge):
                node.end(inlet.port)
            if self.cutter is not None:
                self.cutter.settle()
            return
        if isinstance(event, Marker):
            if self.cutter is not None:
                self.cutter.on_marker(inlet, event.number)
            return
        if isinstance(event, Start):
            if self._started:
                return
            self._started = True
        self.segment.announce(inlet.node, event, itself=True)

    async def passage(self) -> None:
        """Wait at the gate; events pass."""
        while self.segment.gate.closed and not self.stopping:
            for inlet in self.inlets:
                while (event := inlet.link.next_event()) is not None:
                    self.handle(inlet, event)
            if self.cutter is not None:
                self.cutter.overtake()
            await self._rest(self._may_pass)
        self.window.rest()

    def _may_pass(self) -> bool:
        if not self.segment.gate.closed or self.stopping:
            return True
        # next_event looks at places, so an event behind queued data stays.
        return any(i.link.events and i.link.events[0][0] <= i.link.removed for i in self.inlets)

    async def _finish(self) -> None:
        """Flush the nodes, each after those that feed it; then end the links."""
        await self._serve_inlets()
        if self.cutter is not None:
            self.cutter.drained()
        for id, node in self.segment.nodes.items():
            if node.shape.flush is not None:
                await flush_node(self.segment, id, self.runner)
        if self.cutter is not None:
            self.cutter.end()
        self._close()

    def _close(self) -> None:
        # Before its links end: who reads the last item must find it finished.
        self.finished = True
        for link in self.segment.links:
            link.close()

    def ask(self, number: int) -> None:
        """Take a cut at the next border between two items. From any thread."""
        if self._loop is None or self._loop is _get_running_loop():
            self._ask(number)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ask, number)

    def _ask(self, number: int) -> None:
        if self.cutter is None:
            return
        self.cutter.ask(number)
        if self._resting:
            self.cutter.look()
        self.segment.arrived.wake()  # a node that drains first waits for it

    def stop(self) -> None:
        """End a source: no further item is asked of it. From any thread."""
        self.stopping = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_pulling)
        self.segment.pauses.end()
        self.segment.arrived.wake()

    def _stop_pulling(self) -> None:
        # What takes its input from links drains it, and sees its end.
        if self._pulling and self._task is not None and not self._streams_from_links:
            self._task.cancel()

    def interrupt(self) -> None:
        """Cancel the asynchronous call in hand, if there is one. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.runner.interrupt)


_NOTHING: Final = object()
