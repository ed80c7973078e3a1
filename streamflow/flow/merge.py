"""Merges: how several streams become one.

A merge is a node with one input port a stream. It says how many items it would
take from each port now (`room`), so that a stream which runs ahead is held back
by its own link, and nothing is stored without a bound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final

from streamflow.errors import DeadlockError
from streamflow.flow.link import DEFAULT_ITEMS
from streamflow.node import Node
from streamflow.packet import seconds
from streamflow.ports import Data

ALL: Final = 1 << 30
"""More items than any link holds."""


class Merge(Node):
    """The base of merges.

    Args:
        count: number of streams; the ports are ``in_0``, ``in_1`` …

    Attributes:
        policy: name of the merge policy.
        fuses: whether it may stand inside a segment: it emits as soon as it
            is given, or pairs what one item upstream gave rise to.
        dropped: items lost, by reason.
    """

    policy: ClassVar[str]
    fuses: ClassVar[bool] = False

    def __init__(self, count: int = 2) -> None:
        if count < 1:
            raise ValueError(f"a merge needs 1 or more streams, not {count}")
        self.ports = tuple(f"in_{number}" for number in range(count))
        # ClassVar of the base: each merge has its own number of ports.
        self.inputs = dict.fromkeys(self.ports, Data())  # type: ignore[misc]
        self.id = self.policy
        self.dropped: dict[str, int] = {}
        self.ended: set[str] = set()

    def room(self, port: str) -> int:
        """How many items the merge would take from a port now."""
        return ALL

    def process(self, item: Any, port: str) -> Any:
        """Take an item; returns what is complete now, or None."""
        raise NotImplementedError

    def end(self, port: str) -> None:
        """Note that a port will give no more."""
        self.ended.add(port)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count items that will not be emitted."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def initialize(self, ctx: Any) -> None:
        """Forget an earlier run."""
        self.id = ctx.node_id
        self.dropped.clear()
        self.ended.clear()

    def get_state(self) -> Any:
        """What it has dropped, and what its policy keeps."""
        # Which streams have ended is told again: their senders end them again.
        return dict(self.dropped), self.get_kept()

    def set_state(self, state: Any) -> None:
        """Go on from a state."""
        dropped, kept = state
        self.dropped.update(dropped)
        self.set_kept(kept)

    def get_kept(self) -> Any:
        """What the policy keeps from item to item; nothing here."""

    def set_kept(self, kept: Any) -> None:
        """Keep what `get_kept` gave."""


class Interleave(Merge):
    """Passes items of all streams as they arrive."""

    policy = "interleave"
    fuses = True

    def process(self, item: Any, port: str) -> Any:
        """Return the item itself."""
        return item


class Select(Merge):
    """Passes one stream, drops the others; `select` switches over.

    Args:
        count: number of streams.
        initial: index of the stream that passes at first.
    """

    policy = "select"
    fuses = True

    def __init__(self, count: int = 2, *, initial: int = 0) -> None:
        super().__init__(count)
        self.selected = self.ports[self._index(initial)]

    def _index(self, index: int) -> int:
        if not 0 <= index < len(self.ports):
            raise ValueError(f"stream must be 0 to {len(self.ports) - 1}, not {index}")
        return index

    def select(self, index: int) -> None:
        """Pass the stream of this index from now on.

        Raises:
            ValueError: there is no such stream.
        """
        self.selected = self.ports[self._index(index)]

    def get_kept(self) -> str:
        """The port that is selected."""
        return self.selected

    def set_kept(self, kept: str) -> None:
        """Select a port."""
        self.selected = kept

    def process(self, item: Any, port: str) -> Any:
        """Return the item if its stream is selected."""
        if port == self.selected:
            return item
        self.drop("unselected")
        return None


class CombineLatest(Merge):
    """Emits a tuple of the newest item of each stream whenever one arrives.

    The first tuple comes when every stream has given something.
    """

    policy = "combine_latest"
    fuses = True

    def __init__(self, count: int = 2) -> None:
        super().__init__(count)
        self._latest: dict[str, Any] = {}

    def initialize(self, ctx: Any) -> None:
        """Forget an earlier run."""
        super().initialize(ctx)
        self._latest.clear()

    def get_kept(self) -> dict[str, Any]:
        """The newest item of each stream."""
        return dict(self._latest)

    def set_kept(self, kept: dict[str, Any]) -> None:
        """Take these for the newest items."""
        self._latest.update(kept)

    def process(self, item: Any, port: str) -> Any:
        """Return the newest items, or None while a stream has given none."""
        self._latest[port] = item
        if len(self._latest) < len(self.ports):
            return None
        return tuple(self._latest[name] for name in self.ports)


class Concat(Merge):
    """Passes the whole first stream, then the whole second, and so on."""

    policy = "concat"

    def room(self, port: str) -> int:
        """Everything from the first stream that has not ended, nothing from the others."""
        current = next((name for name in self.ports if name not in self.ended), None)
        return ALL if port == current else 0

    def process(self, item: Any, port: str) -> Any:
        """Return the item itself."""
        return item


class Buffered(Merge):
    """A merge that keeps items until they have a partner.

    Args:
        count: number of streams.
        max_items: items kept of each stream at most.
    """

    def __init__(self, count: int = 2, *, max_items: int = DEFAULT_ITEMS) -> None:
        super().__init__(count)
        if max_items < 1:
            raise ValueError(f"max_items must be 1 or more, not {max_items}")
        self.max_items = max_items
        self.waiting: dict[str, deque[Any]] = {port: deque() for port in self.ports}
        self._queues = tuple(self.waiting.values())

    def initialize(self, ctx: Any) -> None:
        """Forget an earlier run."""
        super().initialize(ctx)
        for queue in self._queues:
            queue.clear()

    def get_kept(self) -> dict[str, list[Any]]:
        """What waits for a partner, by port."""
        return {port: list(queue) for port, queue in self.waiting.items()}

    def set_kept(self, kept: dict[str, list[Any]]) -> None:
        """Let these wait for a partner."""
        # Into the queues that are there: generated code looks at them.
        for port, items in kept.items():
            self.waiting[port].extend(items)

    def room(self, port: str) -> int:
        """Until the port has ``max_items`` waiting; without end once no partner can come."""
        return ALL if self._hopeless() else self.max_items - len(self.waiting[port])

    def _hopeless(self) -> bool:
        return any(not self.waiting[port] for port in self.ended)

    def keep(self, item: Any, port: str) -> bool:
        """Keep an item; False, and counted as unpaired, if no partner can come any more.

        Raises:
            DeadlockError: the port has ``max_items`` waiting already. A link
                would have held them back; inside a segment nothing can.
        """
        if self.ended and self._hopeless():
            self.drop("unpaired")
            return False
        queue = self.waiting[port]
        if len(queue) >= self.max_items:
            empty = tuple(f"{self.id}.{name}" for name in self.ports if not self.waiting[name])
            raise DeadlockError(empty, (f"{self.id}.{port}",))
        queue.append(item)
        return True

    def flush(self) -> None:
        """Count what found no partner."""
        for queue in self._queues:
            self.drop("unpaired", len(queue))
            queue.clear()


class Zip(Buffered):
    """Emits tuples of the first items of each stream, the second items, and so on."""

    policy = "zip"
    fuses = True

    def process(self, item: Any, port: str) -> Any:
        """Return a tuple if the item completes one."""
        return self._pair() if self.keep(item, port) else None

    def join(self, *items: Any) -> Any:
        """Take what the branches of one segment gave for one item; None where one gave nothing."""
        for port, item in zip(self.ports, items, strict=True):
            if item is not None:
                self.keep(item, port)
        return self._pair()

    def _pair(self) -> tuple[Any, ...] | None:
        for queue in self._queues:
            if not queue:
                return None
        return tuple(queue.popleft() for queue in self._queues)


class Sync(Buffered):
    """Emits tuples of items whose presentation times differ by no more than a tolerance.

    Args:
        count: number of streams.
        tolerance: seconds between the earliest and latest of a tuple.
        timeout: seconds of media for which an item waits for its partners; then
            it is dropped as ``unmatched``. None waits for room to run out.
        max_items: items kept of each stream at most.

    Raises:
        ValueError: an item has no pts, or a limit cannot be.
    """

    policy = "sync"

    def __init__(
        self,
        count: int = 2,
        *,
        tolerance: float = 0.02,
        timeout: float | None = None,
        max_items: int = DEFAULT_ITEMS,
    ) -> None:
        super().__init__(count, max_items=max_items)
        if tolerance < 0:
            raise ValueError(f"tolerance must be 0 seconds or more, not {tolerance}")
        if timeout is not None and timeout <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {timeout}")
        # A nanosecond more: 1.1 s and 1.0 s are 0.1 s apart, whatever floats say.
        self.tolerance, self.timeout = tolerance + 1e-9, timeout

    def process(self, item: Any, port: str) -> Any:
        """Return a tuple if the item completes one."""
        time = seconds(item)
        if time is None:
            raise ValueError(
                f"sync merges by time, but {type(item).__name__} on {port} has no pts; "
                "emit frames, or Packet(value, pts, time_base)"
            )
        if not self.keep((time, item), port):
            return None
        if self.timeout is not None:
            self._drop_older(time, self.timeout)
        return self._match()

    def _match(self) -> tuple[Any, ...] | None:
        while all(self._queues):
            heads = [queue[0][0] for queue in self._queues]
            latest = max(heads)
            if latest - min(heads) <= self.tolerance:
                return tuple(queue.popleft()[1] for queue in self._queues)
            self._drop_older(latest, self.tolerance)
        return None

    def _drop_older(self, time: float, age: float) -> None:
        # Streams are in order of time, so what is too early for the latest head
        # is too early for all that follows it.
        for queue in self._queues:
            while queue and time - queue[0][0] > age:
                queue.popleft()
                self.drop("unmatched")


MERGES: Final[dict[str, Callable[..., Merge]]] = {
    cls.policy: cls for cls in (Interleave, Zip, Sync, CombineLatest, Concat, Select)
}


def make_merge(policy: str, count: int, **options: Any) -> Merge:
    """A merge of ``count`` streams.

    Raises:
        ValueError: there is no such policy, or it does not take an option.

    >>> make_merge("zip", 2).policy
    'zip'
    """
    if policy not in MERGES:
        raise ValueError(f"policy must be one of {', '.join(MERGES)}, not {policy!r}")
    try:
        return MERGES[policy](count, **options)
    except TypeError:
        names = ", ".join(options)
        raise ValueError(f"merge policy {policy!r} does not take {names}") from None


def merge(policy: str = "interleave", inputs: int = 2, **options: Any) -> Merge:
    """Merges streams that come in by the ports ``in_0``, ``in_1`` and so on.

    Args:
        policy: ``interleave`` (arrival), ``zip`` (index), ``sync`` (pts),
            ``combine_latest``, ``concat`` (whole streams in order) or ``select``.
        inputs: number of streams.
        options: of the policy: ``max_items`` of ``zip`` and ``sync``, ``tolerance``
            and ``timeout`` of ``sync``, ``initial`` of ``select``.

    Raises:
        ValueError: there is no such policy, or it does not take an option.
    """
    return make_merge(policy, inputs, **options)
