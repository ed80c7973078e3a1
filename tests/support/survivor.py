"""A program that takes checkpoints and may be killed at any point: ``survivor shape folder``.

Its sink appends a line for each item to ``folder/out``. Started again, it goes on.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import streamflow as sf

ITEMS = 600
PAUSE = 0.0005
"""Seconds between two items: a kill is to find the program at work."""


class Count(sf.Node):
    """Counts, and can tell where it is."""

    inputs: ClassVar[Any] = {}

    def __init__(self, first: int = 0, items: int = ITEMS) -> None:
        self.next, self.end = first, first + items

    def process(self) -> Iterator[int]:
        while self.next < self.end:
            time.sleep(PAUSE)
            self.next += 1
            yield self.next - 1

    def get_state(self) -> int:
        return self.next

    def set_state(self, state: int) -> None:
        self.next = state


class Forgetful(sf.Node):
    """Counts, and cannot tell where it is."""

    inputs: ClassVar[Any] = {}

    def process(self) -> Iterator[int]:
        for number in range(ITEMS):
            time.sleep(PAUSE / 4)
            yield number


class Waiting(sf.Node):
    """Counts as one that waits for the world."""

    inputs: ClassVar[Any] = {}

    async def process(self) -> AsyncIterator[int]:
        for number in range(ITEMS):
            await asyncio.sleep(PAUSE)
            yield number


class Total(sf.Node):
    """Adds up what it has seen, in its context and in itself."""

    def __init__(self, factor: int = 1) -> None:
        self.factor, self.sum = factor, 0

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.state = ctx.state

    def process(self, item: int) -> tuple[int, int, int]:
        self.sum += item * self.factor
        self.state.set("count", self.state.get("count", 0) + 1)
        return item, self.sum, int(self.state["count"])

    def get_state(self) -> int:
        return self.sum

    def set_state(self, state: int) -> None:
        self.sum = state


class Pairs(sf.Node):
    """Emits items in pairs, and the last one alone."""

    def __init__(self) -> None:
        self.held: list[Any] = []

    def process(self, item: Any) -> list[Any] | None:
        self.held.append(item)
        return self.flush() if len(self.held) == 2 else None

    def flush(self) -> list[Any] | None:
        held, self.held = self.held, []
        return held or None

    def get_state(self) -> list[Any]:
        return self.held

    def set_state(self, state: list[Any]) -> None:
        self.held = state


class Twice(sf.Node):
    """Emits each item twice."""

    def process(self, item: Any) -> Iterator[Any]:
        yield item
        yield item


class Slowly(sf.Node):
    """Takes its time."""

    reentrant = True

    async def process(self, item: Any) -> Any:
        await asyncio.sleep(PAUSE * (hash(item) % 3))
        return item


class Lines(sf.Node):
    """Appends a line for each item."""

    outputs: ClassVar[Any] = {}

    def __init__(self, path: str) -> None:
        self.path, self.file = path, -1

    def initialize(self, ctx: sf.NodeContext) -> None:
        new = 0 if ctx.resumed else os.O_TRUNC
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | new, 0o600)

    def process(self, item: Any) -> None:
        os.write(self.file, f"{item}\n".encode())

    def get_state(self) -> int:
        os.fsync(self.file)
        return os.lseek(self.file, 0, os.SEEK_CUR)

    def set_state(self, state: int) -> None:
        os.ftruncate(self.file, state)
        os.lseek(self.file, state, os.SEEK_SET)

    def cleanup(self) -> None:
        if self.file >= 0:
            os.close(self.file)
        self.file = -1


async def slowly(count: int) -> AsyncIterator[int]:
    """Numbers, each of which waits for whatever goes on."""
    for number in range(count):
        await asyncio.sleep(0.0005)
        yield number


Build = Callable[[sf.Pipeline, Any], Any]


def _chain(on: Any) -> Build:
    def build(pipeline: sf.Pipeline, sink: Any) -> None:
        source = pipeline.add(Count, id="source")
        source >> pipeline.add(Total, id="total", on=on) >> sink

    return build


def _diamond(left: Any, right: Any, policy: str) -> Build:
    def build(pipeline: sf.Pipeline, sink: Any) -> None:
        source = pipeline.add(Count, id="source")
        one = pipeline.add(Total, id="left", on=left)
        two = pipeline.add(Total, id="right", factor=2, on=right)
        source >> one
        source >> two
        pipeline.merge(one, two, policy=policy) >> sink

    return build


def _sources(policy: str, on: Any) -> Build:
    def build(pipeline: sf.Pipeline, sink: Any) -> None:
        one = pipeline.add(Count, id="one", on=on)
        two = pipeline.add(Count, id="two", first=ITEMS)
        pipeline.merge(one, two >> pipeline.add(Twice, id="twice"), policy=policy) >> sink

    return build


def _from(source: type[sf.Node], on: Any = "inline") -> Build:
    def build(pipeline: sf.Pipeline, sink: Any) -> None:
        pipeline.add(source, id="source", on=on) >> pipeline.add(Total, id="total") >> sink

    return build


def _wide(pipeline: sf.Pipeline, sink: Any) -> None:
    source = pipeline.add(Count, id="source")
    source >> pipeline.add(Slowly, id="slowly", concurrency=4) >> sink


def _slow_end(pipeline: sf.Pipeline, sink: Any) -> None:
    source = pipeline.add(Forgetful, id="source", on="thread")
    source >> sf.queue(max_items=100) >> pipeline.add(Slowly, id="slowly") >> sink


SHAPES: dict[str, Build] = {
    "inline": _chain("inline"),
    "thread": _chain("thread"),
    "process": _chain("process"),
    "processes": _chain(sf.Process("total")),
    "fused zip": _diamond("inline", "inline", "zip"),
    "zip of a thread and a process": _diamond("thread", "process", "zip"),
    "interleaved threads": _diamond("thread", "thread", "interleave"),
    "zip of two sources": _sources("zip", "thread"),
    "two sources, one after the other": _sources("concat", "thread"),
    "a source elsewhere": _sources("zip", "process"),
    "a source without a state": _from(Forgetful),
    "a source that waits": _from(Waiting, "thread"),
    "concurrent calls": _wide,
    "a full link": _slow_end,
}
"""What the program may be; the output of all but the interleaved one is the same each time."""


def main(shape: str, folder: str) -> None:
    """Run to the end, or until killed."""
    pipeline = sf.Pipeline(shape)
    on: Any = sf.Process("sink") if shape == "processes" else "inline"
    SHAPES[shape](pipeline, pipeline.add(Lines, id="lines", path=str(Path(folder) / "out"), on=on))
    pipeline.run(checkpoint=Path(folder) / "checkpoints", every=0.02, resume=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
