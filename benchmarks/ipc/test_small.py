"""Messages of 64 bytes: what it costs to wake another process, and to hand over very little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.harness import Comparison, Goal, Row
from benchmarks.ipc import standing
from benchmarks.ipc.race import Cast, Scene, cast, one_way, pair, round_trip
from benchmarks.ipc.standing import OURS, PEERS, RING, TWIN

SIZE = 64
AUDIO = 960 * 2 * 2
"""Bytes of 20 ms of stereo at 48 kHz, 16 bits a sample."""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def everyone() -> Iterator[Cast]:
    """All peers, with a cable each way."""
    with cast((OURS, RING, TWIN, *PEERS, "eventfd"), pair(SIZE)) as found:
        yield found


@pytest.fixture(scope="module")
def ours() -> Iterator[Cast]:
    """Our two rings."""
    with cast((OURS, TWIN), pair(SIZE)) as found:
        yield found


def test_round_trip_of_64_bytes(compare: Comparison, everyone: Cast) -> None:
    results = standing.hold(compare, everyone, round_trip(SIZE))

    goals = {"eventfd": 1.6, "iceoryx2": 1 / 3.5, "pipe": 1 / 1.6, "zenoh": 1 / 8, "dora": 1 / 20}
    standing.judge(compare, "64 B, round trip (p50)", results, goals)
    standing.sketch(compare, "64 B round trip, p50 / p99", results, standing.trip)


def test_64_bytes_one_way(compare: Comparison, everyone: Cast) -> None:
    # An eventfd adds up what comes: it counts, and carries nothing.
    results = standing.hold(compare, everyone, one_way(SIZE), without=["eventfd"])

    standing.judge(compare, "64 B, one way", results, {"iceoryx2": 1 / 5, "zmq": 1 / 5})
    standing.sketch(compare, "64 B one way", results, standing.rate)
    standing.sketch(compare, "its CPU time", results, standing.cost)


def test_64_bytes_in_batches(compare: Comparison, ours: Cast) -> None:
    scene = batches(SIZE)

    results = standing.hold(compare, ours, scene)

    work = "64 B, one way in batches"
    compare.note(Row(work, results[OURS].time, goal=Goal(1e-6, absolute=True)))
    standing.sketch(compare, "64 B in batches", results, standing.rate)


def test_iteration_with_async_for(compare: Comparison, ours: Cast) -> None:
    scene = Scene(pair(SIZE), {"a": ("pour", ("there",)), "b": ("listen", ("there",))}, "iteration")

    results = standing.hold(compare, ours, scene)

    work = "64 B, `async for` under uvloop"
    compare.note(Row(work, results[OURS].time, goal=Goal(1 / 400_000, absolute=True)))
    twin = Row(f"{work}, ring in Python", results[TWIN].time, goal=Goal(1e-5, absolute=True))
    compare.note(twin)
    standing.sketch(compare, "64 B `async for`", results, standing.rate)


def test_audio_packets_in_batches(compare: Comparison) -> None:
    scene = batches(AUDIO)

    with cast((OURS, TWIN), scene.cables) as found:
        results = standing.hold(compare, found, scene)

    work = f"audio packets ({AUDIO} B), in batches"
    compare.note(Row(work, results[OURS].time, goal=Goal(1 / 800_000, absolute=True)))
    standing.sketch(compare, "audio in batches", results, standing.rate)


def batches(size: int) -> Scene:
    """Sent in batches, and taken as many at a time as are there."""
    jobs = {"a": ("pour_batches", ("there",)), "b": ("drain_batches", ("there",))}
    return Scene(pair(size), jobs, "batches")
