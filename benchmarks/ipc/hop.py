"""Two nodes with a process border between them: one writes items, the other reads and times."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any, ClassVar

import streamflow as sf
from benchmarks.ipc.peers.base import MARKS, look
from streamflow.ports import Ports


class Paint(sf.Node):
    """A source of pictures of 1080p, each painted in one color.

    Args:
        count: how many.
    """

    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"out": sf.Video("rgb24")}

    def __init__(self, count: int) -> None:
        self.count = count

    def initialize(self, ctx: sf.NodeContext) -> None:
        """Memory comes from the context."""
        self.ctx = ctx

    def process(self) -> Iterator[sf.VideoFrame]:
        """Paint."""
        for number in range(self.count):
            pixels = self.ctx.allocate((1080, 1920, 3))
            pixels.fill(number % MARKS)
            yield sf.VideoFrame((pixels,), "rgb24", pts=number)


class Speak(sf.Node):
    """A source of messages of 64 bytes.

    Args:
        count: how many.
    """

    inputs: ClassVar[Ports] = {}

    def __init__(self, count: int) -> None:
        self.count = count

    def process(self) -> Iterator[bytes]:
        """Speak."""
        payloads = [bytes([mark]) * 64 for mark in range(MARKS)]
        for number in range(self.count):
            yield payloads[number % MARKS]


class Watch(sf.Node):
    """Reads what comes, and emits what the clock says at two of the items.

    Args:
        first: the number of the one, when all is running smoothly.
        last: that of the other.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last, self.seen = first, last, 0

    def process(self, item: Any) -> float | None:
        """Read an item."""
        mark = item[0] if isinstance(item, bytes) else look(item.planes[0].reshape(-1))
        if mark != self.seen % MARKS:
            raise ValueError(f"the item of mark {self.seen % MARKS} was due, but {mark} came")
        self.seen += 1
        return perf_counter() if self.seen - 1 in (self.first, self.last) else None


def time_of_an_item(source: sf.Node, count: int) -> float:
    """Seconds that an item takes from the source to a node in another process.

    Args:
        source: emits as many items as there are.
        count: of items; the first fifth is not counted.
    """
    first, last = count // 5, count - 1
    pipeline = sf.Pipeline("hop")
    pipeline.connect(pipeline.add(source), pipeline.add(Watch(first, last), on="process"))
    began, ended = pipeline.run(collect=True).results
    return float(ended - began) / (last - first)
