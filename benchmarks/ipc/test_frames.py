"""Frames: 1 MiB, and pictures of 1080p in RGB, to one process, to three, and through one."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import perf_counter

import numpy as np
import pytest

from benchmarks.harness import Comparison, Goal, Row
from benchmarks.ipc import standing
from benchmarks.ipc.peers import peer
from benchmarks.ipc.race import SIZE_1080P, Cast, cast, one_way, pair, relay, round_trip
from benchmarks.ipc.standing import OURS, PEERS, RING, TWIN
from benchmarks.table import amount

EVERYONE = (OURS, RING, TWIN, *PEERS)
MIB = 1024 * 1024

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def pictures() -> Iterator[Cast]:
    """All peers, with a cable for pictures each way."""
    with cast(EVERYONE, pair(SIZE_1080P)) as found:
        yield found


def test_round_trip_of_a_mebibyte(compare: Comparison) -> None:
    scene = round_trip(MIB)

    with cast(EVERYONE, scene.cables) as found:
        results = standing.hold(compare, found, scene)

    standing.judge(compare, "1 MiB, round trip (p50)", results, {"iceoryx2": 0.7})
    standing.sketch(compare, "1 MiB round trip, p50 / p99", results, standing.trip)


def test_pictures_one_way(compare: Comparison, pictures: Cast) -> None:
    results = standing.hold(compare, pictures, one_way(SIZE_1080P))

    goals = {"iceoryx2": 1.0, "zmq": 1 / 8, "zenoh": 1 / 4, "dora": 1 / 2}
    standing.judge(compare, "6.2 MB, one way", results, goals)
    standing.sketch(compare, "6.2 MB one way", results, standing.speed(SIZE_1080P))
    floor = f"{amount(SIZE_1080P / time_of_a_copy(), 'B')}/s"
    compare.sketch("memcpy", "6.2 MB one way", floor)
    for name, result in results.items():
        compare.sketch(peer(name).title, "copies", str(peer(name).copies))
        compare.sketch(peer(name).title, "resident", f"{result.peak / 1e6:.0f} MB")
    if "iceoryx2" in results:
        theirs, goal = results["iceoryx2"].peak, Goal(1.1)
        work = "6.2 MB, one way: memory of both sides"
        compare.note(Row(work, results[OURS].peak, "iceoryx2", theirs, goal, unit="B"))


def test_pictures_to_three_readers(compare: Comparison) -> None:
    scene = one_way(SIZE_1080P, readers=3)

    with cast(EVERYONE, scene.cables) as found:
        results = standing.hold(compare, found, scene)

    standing.judge(compare, "6.2 MB to three readers", results, {"iceoryx2": 1 / 1.5})
    standing.sketch(compare, "to three", results, standing.speed(SIZE_1080P))


def test_pictures_through_a_process_that_hands_them_on(compare: Comparison) -> None:
    scene = relay(SIZE_1080P)

    with cast(EVERYONE, scene.cables) as found:
        results = standing.hold(compare, found, scene)

    others = [name for name in results if name in PEERS]
    best = min(others, key=lambda name: results[name].time)
    standing.judge(compare, "6.2 MB, A → B → C", results, {best: 1 / 2})
    standing.sketch(compare, "A → B → C", results, standing.speed(SIZE_1080P))


def time_of_a_copy() -> float:
    """Seconds for copying a picture inside one process, which is the least that a copy costs."""
    source, target = (np.ones(SIZE_1080P, np.uint8) for _ in range(2))
    times = list[float]()
    for _ in range(20):
        began = perf_counter()
        np.copyto(target, source)
        times.append(perf_counter() - began)
    return median(times)
