"""Metrics: what a run reports of its nodes and edges, as immutable snapshots."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np

V = TypeVar("V")

FEW: Final = 100
"""Durations that are sorted one by one faster than by NumPy."""

FOLD: Final = 1_024
"""Durations that may gather before they are sorted into buckets."""


class Histogram:
    """Durations in buckets a sixteenth of an octave wide: a quantile is off by 4.5 % at most.

    Generated code appends to ``raw``, which costs a few nanoseconds; `fold`
    sorts what has gathered there into the buckets. Any thread may read it meanwhile.

    Attributes:
        raw: durations in seconds that are not in buckets yet.

    >>> histogram = Histogram()
    >>> for ns in range(1, 1001):
    ...     histogram.add(ns / 1e9)
    >>> histogram.snapshot().count, 475 <= histogram.snapshot().p50_ns <= 525
    (1000, True)
    """

    __slots__ = ("_buckets", "_lock", "_max", "_sum", "raw")

    def __init__(self) -> None:
        self.raw: list[float] = []
        # Two threads that fold, or one that reads while another does, would count twice.
        self._lock = threading.Lock()
        self._buckets: dict[int, int] = {}
        self._max = self._sum = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.raw.append(seconds)
        if len(self.raw) >= FOLD:
            self.fold()

    def fold(self) -> None:
        """Sort what has gathered into the buckets."""
        with self._lock:
            self._fold()

    def _fold(self) -> None:
        raw = self.raw[:]
        # Not clear(): generated code on another thread may have added one since.
        del self.raw[: len(raw)]
        if not raw:
            return
        # ns = mantissa * 2 ** exponent, mantissa in [0.5, 1): the exponent is
        # the octave, the first four bits behind the mantissa's leading one the
        # bucket in it.
        if len(raw) < FEW:
            for seconds in raw:
                ns = round(seconds * 1e9)
                mantissa, exponent = math.frexp(max(ns, 1))
                bucket = exponent * 16 + int(mantissa * 32) - 32
                self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
                self._sum += ns
                self._max = max(self._max, ns)
        else:
            times = np.rint(np.array(raw) * 1e9)
            mantissas, exponents = np.frexp(np.maximum(times, 1.0))
            counts = np.bincount(exponents * 16 + (mantissas * 32).astype(np.int32) - 32)
            filled = np.flatnonzero(counts)
            for bucket, count in zip(filled.tolist(), counts[filled].tolist(), strict=True):
                self._buckets[bucket] = self._buckets.get(bucket, 0) + count
            self._sum += int(times.sum())
            self._max = max(self._max, int(times.max()))

    def snapshot(self) -> Times:
        """Quantiles of what was counted so far."""
        with self._lock:
            self._fold()
            count = sum(self._buckets.values())
            p50, p99 = _quantiles(self._buckets, 0.50 * count, 0.99 * count)
            return Times(
                count=count,
                mean_ns=self._sum // count if count else 0,
                # The middle of a bucket may lie beyond the longest there was.
                p50_ns=min(p50, max(self._max, 1)),
                p99_ns=min(p99, max(self._max, 1)),
                max_ns=self._max,
                total_ns=self._sum,
            )

    def copy(self) -> Histogram:
        """What was counted so far, not counting on."""
        copied = Histogram()
        with self._lock:
            copied.raw, copied._buckets = self.raw[:], dict(self._buckets)
            copied._max, copied._sum = self._max, self._sum
        return copied


def _quantiles(buckets: Mapping[int, int], *ranks: float) -> list[int]:
    """The middle of the bucket in which each rank falls; ranks in order."""
    found: list[int] = []
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        while len(found) < len(ranks) and seen >= ranks[len(found)]:
            octave, step = bucket >> 4, bucket & 15
            found.append(((16 + step) * 2 + 1 << octave) >> 5)
    return found or [0] * len(ranks)


@dataclass(frozen=True, slots=True)
class Times:
    """How long a node's calls took.

    Attributes:
        count: calls that were timed: 1 in 64 unless ``timing="exact"``.
        mean_ns: nanoseconds, as the others.
        p50_ns: median.
        p99_ns: 99th percentile.
        max_ns: longest.
        total_ns: all of them together.
    """

    count: int = 0
    mean_ns: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0
    total_ns: int = 0


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node did.

    Attributes:
        received: items that entered `process`, on all ports.
        emitted: items that left, on all ports.
        failed: items, or generators, lost to an error.
        dropped: items lost otherwise, by reason: ``filtered`` (None),
            ``unconnected`` (a port without an edge), ``stopped``, and what the
            node's own policy names.
        time: how long `process` took.
        memory: bytes of memory it allocated through its context and that are alive.
        memory_peak: the most there were.
        throughput: items received (a source: emitted) per second of the run.
        retried: calls that were made again after an error.
    """

    received: int = 0
    emitted: int = 0
    failed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    time: Times = field(default_factory=Times)
    memory: int = 0
    memory_peak: int = 0
    throughput: float = 0.0
    retried: int = 0

    @property
    def lost(self) -> int:
        """Items that failed or were dropped; not those filtered out, or that nobody is to take."""
        meant = self.dropped.get("filtered", 0) + self.dropped.get("unconnected", 0)
        return self.failed + sum(self.dropped.values()) - meant


@dataclass(frozen=True, slots=True)
class EdgeReport:
    """What one edge carried: ``sent == received + sum(dropped) + in_flight``.

    Attributes:
        sent: items that entered.
        received: items that the target took.
        dropped: items lost on the way, by reason.
        in_flight: items that wait.
        credits: items that may still be sent now; None where the edge is a
            call inside a segment.
        max_items: what the link holds; None likewise.
        bytes: bytes that wait, where the link measures them.
        copied_bytes: bytes that the library copied for it.
    """

    sent: int = 0
    received: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    in_flight: int = 0
    credits: int | None = None
    max_items: int | None = None
    bytes: int = 0
    copied_bytes: int = 0


class Late(Mapping[str, V]):
    """A mapping that is made when it is first looked at.

    A run's last report may be read by nobody, and while it runs a progress bar
    asks for one ten times a second.

    Args:
        make: gives the content; called once, at most.

    >>> late = Late(lambda: {"scale": 1})
    >>> late == {"scale": 1}, len(late)
    (True, 1)
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Mapping[str, V]]) -> None:
        self._make: Callable[[], Mapping[str, V]] | None = make
        self._made: Mapping[str, V] = {}

    def _content(self) -> Mapping[str, V]:
        make = self._make
        if make is not None:
            # What it is made of goes with it, but not before: another thread may look too.
            self._made = make()
            self._make = None
        return self._made

    def __getitem__(self, key: str) -> V:
        return self._content()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content())

    def __len__(self) -> int:
        return len(self._content())

    # As inherited, these look up each value by its key.
    def items(self) -> ItemsView[str, V]:
        """The content's."""
        return self._content().items()

    def values(self) -> ValuesView[V]:
        """The content's."""
        return self._content().values()

    def __repr__(self) -> str:
        return repr(self._content())

    def __reduce__(self) -> tuple[type[dict[str, V]], tuple[Mapping[str, V]]]:
        return dict, (self._content(),)  # a report can be sent to another process


@dataclass(frozen=True, slots=True)
class Stall:
    """A node that held its thread.

    Attributes:
        node: its id.
        seconds: for how long, when it was noticed.
        where: the file and line it stood on.
    """

    node: str
    seconds: float
    where: str


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What memory a process holds.

    Attributes:
        name: of the placement; None for the pipeline's own process.
        nodes: ids of those that run there.
        rss: bytes resident now, shared ones included; 0 once it has ended.
        rss_peak: the most there were since it began.
        restarts: how often it was started anew.
    """

    name: str | None
    nodes: tuple[str, ...] = ()
    rss: int = 0
    rss_peak: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A run, as it stands or as it ended.

    Attributes:
        name: the pipeline's.
        state: of the execution.
        duration: seconds since the first node was initialized.
        nodes: by id, converters included.
        edges: by name, ``source.port -> target.port``.
        results: what unconnected ``out`` ports emitted, where it was collected.
        stalls: nodes that held a loop too long.
        warnings: what went wrong without ending the run.
        processes: those beside the pipeline's own; from `Execution.metrics`, that
            one too, and first.
    """

    name: str
    state: str
    duration: float
    nodes: Mapping[str, NodeReport] = field(repr=False)
    edges: Mapping[str, EdgeReport] = field(repr=False)
    # Not in the repr: asyncio prints what a task returned when it puts signal
    # handlers back, and a hundred thousand results took 20 ms.
    results: Sequence[Any] = field(default=(), repr=False)
    stalls: tuple[Stall, ...] = ()
    warnings: tuple[str, ...] = ()
    processes: tuple[ProcessReport, ...] = ()

    @property
    def copied_bytes(self) -> int:
        """Bytes that the library copied on all edges."""
        return sum(edge.copied_bytes for edge in self.edges.values())

    def to_json(self, *, indent: int | None = None) -> str:
        """All of it but the results, as a JSON object; fields are named as here.

        Args:
            indent: spaces for each level; None writes a single line.

        >>> Report("shrink", "completed", 1.5, {}, {}).to_json()[:60]
        '{"name": "shrink", "state": "completed", "duration": 1.5, "n'
        """
        from streamflow.export import to_json

        return to_json(self, indent=indent)

    def to_prometheus(self) -> str:
        """All of it but the results, in Prometheus's text format, version 0.0.4.

        To serve several runs at once, use `streamflow.export.to_prometheus`.
        """
        from streamflow.export import to_prometheus

        return to_prometheus(self)
