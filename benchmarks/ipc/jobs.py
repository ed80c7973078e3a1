"""What the sides do in a round: each is a loop over frames, and tells what it measured."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, perf_counter_ns
from typing import Any

from benchmarks.ipc.peers.base import END, MARKS, Lost, Receiver, Sender

BATCH = 64
"""Messages that are sent together."""

Told = dict[str, Any]
"""What a side tells of a round: times of the clock that all processes share, or latencies."""


def ping(out: Sender, back: Receiver, count: int) -> Told:
    """Send, and wait for the answer; tells each round trip in nanoseconds."""
    trips: list[int] = []
    for number in range(count):
        mark = number % MARKS
        began = perf_counter_ns()
        out.send(mark)
        answer = back.take()
        trips.append(perf_counter_ns() - began)
        expect(mark, answer)
    return {"trips": trips}


def echo(there: Receiver, back: Sender, count: int) -> Told:
    """Answer each frame with one of the same mark and size."""
    for _ in range(count):
        back.send(there.take())
    return {}


def pour(out: Sender, count: int) -> Told:
    """Send as fast as may be; tells when it began."""
    began = perf_counter()
    for number in range(count):
        out.send(number % MARKS)
    out.finish()
    return {"began": began}


def drain(source: Receiver, count: int) -> Told:
    """Take all; tells when the last had been read."""
    for number in range(count):
        expect(number % MARKS, source.take())
    ended = perf_counter()
    source.finish()
    return {"ended": ended, "count": count}


def gather(source: Receiver, count: int) -> Told:
    """Take what comes, up to all; tells when the last had been read, and how many came."""
    taken, ended = 0, 0.0
    while taken < count and source.take() != END:
        taken, ended = taken + 1, perf_counter()
    source.finish()
    return {"ended": ended, "count": taken}


def forward(source: Receiver, out: Sender, count: int) -> Told:
    """Send on what comes."""
    for _ in range(count):
        if source.forward(out) == END:
            break
    source.finish()
    out.finish()
    return {}


def pour_batches(out: Any, count: int) -> Told:
    """As `pour`, so many at a time; who can send them so is ours alone."""
    began = perf_counter()
    for first in range(0, count, BATCH):
        out.send_batch(first % MARKS, min(BATCH, count - first))
    return {"began": began}


def drain_batches(source: Any, count: int) -> Told:
    """As `drain`, as many at a time as are there."""
    taken = 0
    due = [number % MARKS for number in range(MARKS + BATCH)]
    while taken < count:
        marks = source.take_batch(BATCH)
        first = taken % MARKS
        if marks != due[first : first + len(marks)]:
            raise Lost(f"the frames from mark {first} on were due, but {marks} came")
        taken += len(marks)
    return {"ended": perf_counter(), "count": count}


def listen(source: Any, count: int) -> Told:
    """As `drain`, with ``async for`` over small payloads, on a loop of uvloop's."""

    async def run() -> float:
        taken = 0
        async for payload in source.payloads:
            expect(taken % MARKS, payload[0])
            taken += 1
            if taken == count:
                break
        return perf_counter()

    return {"ended": source.runner.run(run()), "count": count}


def expect(mark: int, found: int) -> None:
    """Nothing is lost, and nothing out of place.

    Raises:
        Lost: another frame came.
    """
    if mark != found:
        raise Lost(f"the frame of mark {mark} was due, but that of {found} came")


JOBS: dict[str, Callable[..., Told]] = {
    "ping": ping,
    "echo": echo,
    "pour": pour,
    "drain": drain,
    "gather": gather,
    "forward": forward,
    "pour_batches": pour_batches,
    "drain_batches": drain_batches,
    "listen": listen,
}
