"""Cuts: what one segment puts into a checkpoint, taken between two of its items.

A source is asked for it, and sends a marker behind what it has sent. Any other
segment takes its own at the first marker that comes, passes it on, and from
then on records what comes over its other inlets, until their markers come. So
all cuts of one number are one state in which the whole graph could have been;
nothing blocks, and nothing is lost (Chandy and Lamport, "Distributed Snapshots",
1985).
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from streamflow import pickling
from streamflow.errors import CheckpointError, PicklingError
from streamflow.events import End, Event, Marker
from streamflow.flow.ends import ReceivingEnd
from streamflow.scheduler.inlet import Inlet
from streamflow.scheduler.segment import Segment

ANY: Final = -1
"""Number of a share that spoils whatever checkpoint is under way."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one participant puts into a checkpoint; it travels, and is kept.

    Attributes:
        name: head of the segment; or the stream between processes that brings
            inputs, or takes results.
        number: of the checkpoint.
        states: node id → its state and its context's, pickled.
        position: items taken from the run's inputs, or from a source that
            cannot say where it is.
        channels: link → items that were on their way, pickled.
        injected: (node, port) → items that were injected and wait, pickled.
        results: (place, item), pickled.
        finished: whether its stream has ended.
        fault: why this participant has no share to give, or "".
    """

    name: str
    number: int
    states: dict[str, bytes] = field(default_factory=dict[str, bytes])
    position: int = 0
    channels: dict[str, list[bytes]] = field(default_factory=dict[str, list[bytes]])
    injected: dict[tuple[str, str], list[bytes]] = field(
        default_factory=dict[tuple[str, str], list[bytes]]
    )
    results: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    finished: bool = False
    fault: str = ""


class Kept:
    """The results of one segment, in a list that all share; each with its place there.

    Args:
        shared: the list.
        places: numbers in the order in which results come, of whatever segment.
    """

    def __init__(self, shared: list[Any], places: Iterator[int]) -> None:
        self._shared, self._places = shared, places
        self._new: list[tuple[int, Any]] = []
        self._frozen: list[tuple[int, bytes]] = []

    def append(self, item: Any) -> None:
        """Add a result."""
        self._new.append((next(self._places), item))
        self._shared.append(item)

    def freeze(self) -> list[tuple[int, bytes]]:
        """All results, pickled; each is pickled once."""
        for place, item in self._new:
            self._frozen.append((place, freeze(item, "results")))
        self._new.clear()
        return list(self._frozen)

    def restore(self, results: list[tuple[int, bytes]]) -> None:
        """Begin with these; `Machine.restore` fills the list that all share."""
        self._frozen = list(results)


class Cutter:
    """Takes the cuts of one segment.

    All its methods but the constructor are for the thread of the segment.

    Args:
        segment: whose state it takes.
        inlets: what feeds the segment.
        items: ask for a checkpoint after so many items of the segment's source.

    Attributes:
        tell: takes each share once it is complete; from any thread.
        due: asks for a checkpoint; from any thread.
        kept: results that leave the segment, or None.
        asked: number of the newest cut that was asked for.
        number: of the newest that was taken.
        over: whether the segment has come to its end.
        was_finished: whether it had done so in the checkpoint that it goes on from.
        position: items taken from its own input.
    """

    def __init__(self, segment: Segment, inlets: list[Inlet], items: int | None) -> None:
        self.segment, self.inlets = segment, inlets
        self.tell: Callable[[Share], None] = nobody
        self.due: Callable[[], None] = nobody_asks
        self.kept: Kept | None = None
        self.asked = self.number = self.position = 0
        self.over = self.was_finished = False
        # The cut stays in it until everything before it has left it.
        self.drains = segment.nodes[segment.head].node.is_streaming
        self._items, self._since = items, 0
        self._share: Share | None = None

    def limit(self, size: int) -> int:
        """How many items to handle until the next look, so that no checkpoint comes late."""
        return size if self._items is None else min(size, self._items)

    def count(self, items: int) -> None:
        """Note that items were taken from the source or the inputs."""
        self.position += items
        self._since += items
        if self._items is not None and self._since >= self._items:
            self._since = 0
            self.due()

    def ask(self, number: int) -> None:
        """A cut is wanted at the next border between two items."""
        self.asked = max(self.asked, number)
        if self.over:
            self.drained()

    @property
    def wanted(self) -> bool:
        """Whether one is wanted that was not taken yet."""
        return self.asked > self.number

    def look(self) -> None:
        """Take the cut that is wanted, if one is: the segment is between two items."""
        if not self.drains:
            self.drained()

    def drained(self) -> None:
        """The same, where nothing is under way in the head."""
        if self.asked > self.number:
            self._take()

    def end(self) -> None:
        """The segment has come to its end, and gives nothing more."""
        self.over = True
        self.drained()

    def on_marker(self, inlet: Inlet, number: int) -> None:
        """A marker has come in its place: nothing that was sent before it is on its way."""
        inlet.marked = max(inlet.marked, number)
        self.asked = max(self.asked, number)
        self.look()
        self.settle()

    def overtake(self) -> None:
        """Look for markers behind items that wait: the segment has nothing to do.

        A merge may hold a stream back for as long as another lasts; a marker
        behind it would come too late.
        """
        if self.drains:
            return
        for inlet in self.inlets:
            if inlet.marks and inlet.link.queue:
                inlet.link.look_ahead()
                newest = max((m.number for _, m in _markers(inlet.link)), default=0)
                self.asked = max(self.asked, newest)
        self.look()
        self.settle()

    def _take(self) -> None:
        number = self.number = self.asked
        for inlet in self.inlets:
            waits = inlet.marks and not inlet.ended and inlet.marked < number
            inlet.recording = [] if waits and not self.over else None
        try:
            self._share = Share(
                self.segment.head,
                number,
                freeze_states(self.segment),
                self.position,
                injected=self._injected(),
                results=self.kept.freeze() if self.kept is not None else [],
                finished=self.over,
            )
        except Exception as error:
            self._spoil(error)
        if not self.over:
            marker = Marker(number)
            for link in self.segment.links:
                if getattr(link, "attached", True):  # else nobody is there to read it
                    link.send_event(marker)
        self.settle()

    def _injected(self) -> dict[tuple[str, str], list[bytes]]:
        # Nobody sends markers beside what is injected: all that waits was sent before.
        return {
            (inlet.node, inlet.port): _frozen(inlet, len(inlet.link.queue))
            for inlet in self.inlets
            if not inlet.marks and inlet.link.queue
        }

    def _spoil(self, error: Exception) -> None:
        """There is nothing to give: say why."""
        for inlet in self.inlets:
            inlet.recording = None
        self._share = None
        self.tell(Share(self.segment.head, self.number, fault=str(error)))

    def record(self, inlet: Inlet, items: Sequence[Any]) -> None:
        """Items were taken that had been on their way when the cut was taken."""
        try:
            if inlet.recording is not None:
                inlet.recording += [freeze(item, inlet.link.name) for item in items]
        except PicklingError as error:
            self._spoil(error)

    def settle(self) -> None:
        """See which inlets have brought all that was on its way; tell if all have."""
        share = self._share
        if share is None:
            return
        try:
            waiting = [inlet for inlet in self.inlets if not self._has_all(inlet, share)]
        except PicklingError as error:
            self._spoil(error)
            return
        if not waiting:
            self._share = None
            self.tell(share)

    def _has_all(self, inlet: Inlet, share: Share) -> bool:
        if inlet.recording is None:
            return True
        if not inlet.ended and inlet.marked < share.number:
            before = _before(inlet.link, share.number)
            if before is None:
                return False
            inlet.recording += _frozen(inlet, before)
        if inlet.recording:
            share.channels[inlet.link.name] = inlet.recording
        inlet.recording = None
        return True

    def restore(self, share: Share) -> None:
        """Make the segment what it was when the share was taken; before its first item."""
        self.position, self.was_finished = share.position, share.finished
        for id, data in share.states.items():
            state, values = pickling.loads(data)
            context = self.segment.contexts[id]
            context.state.clear()
            context.state.update(values)
            if state is not None:
                self.segment.instances[id].set_state(state)
        for inlet in self.inlets:
            name = inlet.link.name
            items = share.channels.get(name, ()) if inlet.marks else self._waiting(inlet, share)
            inlet.link.preload([pickling.loads(item) for item in items])
        if self.kept is not None:
            self.kept.restore(share.results)

    @staticmethod
    def _waiting(inlet: Inlet, share: Share) -> list[bytes]:
        return share.injected.get((inlet.node, inlet.port), [])


def freeze(value: Any, name: str) -> bytes:
    """Something as it is now, as bytes.

    Args:
        value: what.
        name: of it, for errors.

    Raises:
        PicklingError: part of it cannot be pickled; it is named.
    """
    try:
        # By the names of its classes: they are the program's own when it goes on.
        return pickle.dumps(value, 5)
    except Exception:
        return pickling.dumps(value, name)


def freeze_states(segment: Segment) -> dict[str, bytes]:
    """What the nodes of a segment know, by id; those that know nothing are left out.

    Raises:
        CheckpointError: a node cannot tell, or what it tells cannot be pickled.
    """
    found: dict[str, bytes] = {}
    for id in segment.nodes:
        values = dict(segment.contexts[id].state)
        try:
            state = segment.instances[id].get_state()
            if state is not None or values:
                found[id] = freeze((state, values), id)
        except PicklingError as error:
            path, reason = error.path, error.reason
            raise CheckpointError(f"node {id!r}", f"{path} cannot be kept: {reason}") from error
        except Exception as error:
            reason = f"get_state() failed: {type(error).__name__}: {error}"
            raise CheckpointError(f"node {id!r}", reason) from error
    return found


def _frozen(inlet: Inlet, count: int) -> list[bytes]:
    link = inlet.link
    return [freeze(item, link.name) for item in islice(_copy(link.queue), count)]


def _before(link: ReceivingEnd, number: int) -> int | None:
    """Items that wait before a marker, or the end; None if neither has come."""
    for place, event in _copy(link.events):
        is_marker = isinstance(event, Marker) and event.number >= number
        if is_marker or isinstance(event, End):
            waiting: int = place - link.removed
            return max(0, waiting)
    return None


def _markers(link: ReceivingEnd) -> list[tuple[int, Marker]]:
    lane: list[tuple[int, Event]] = _copy(link.events)
    return [(place, event) for place, event in lane if isinstance(event, Marker)]


def _copy(items: deque[Any]) -> list[Any]:
    """The items; whoever sends, on another thread, may add some meanwhile."""
    while True:
        try:
            return list(items)
        except RuntimeError:  # it just did
            continue


def nobody(share: Share) -> None:
    """Stand in until somebody takes shares."""


def nobody_asks() -> None:
    """Stand in until somebody takes checkpoints."""
