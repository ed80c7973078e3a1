"""A node in a process of its own: what a pipeline costs beyond the ring that carries its items."""

from __future__ import annotations

from statistics import median

import pytest

from benchmarks.harness import Comparison, Goal, Row
from benchmarks.ipc.hop import Paint, Speak, time_of_an_item
from benchmarks.ipc.race import SIZE_1080P, cast, one_way
from benchmarks.ipc.standing import RING

ROUNDS = 5

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("size", "count", "limit", "source"),
    [
        (64, 20_000, 3.0, Speak),
        (SIZE_1080P, 400, 1.5, Paint),
    ],
    ids=["64 B", "1080p"],
)
def test_hop_to_a_process_against_the_ring(
    compare: Comparison,
    size: int,
    count: int,
    limit: float,
    source: type[Paint | Speak],
) -> None:
    count, rounds = (50, 1) if compare.smoke else (count, ROUNDS)
    scene = one_way(size)
    ours, theirs = list[float](), list[float]()

    def take_turns() -> None:
        for _ in range(rounds):
            results = found.race(scene, rounds=1, smoke=compare.smoke)
            theirs.append(results[RING].time)
            ours.append(time_of_an_item(source(count), count))

    with cast((RING,), scene.cables) as found:
        compare.once(take_turns)

    work = f"hop to a node in another process, {'64 B' if size == 64 else '1080p'}"
    reference = "our ring by itself"
    compare.note(Row(work, median(ours), reference, median(theirs), Goal(limit)))
