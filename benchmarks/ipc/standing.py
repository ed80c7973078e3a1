"""What a race shows: a row for each goal, and every contender in the overview."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.harness import Comparison, Goal, Row
from benchmarks.ipc.peers import peer
from benchmarks.ipc.race import Cast, Result, Scene
from benchmarks.table import amount

TABLE: Final = "shared memory"
OURS: Final = "streamflow"
TWIN: Final = "streamflow-python"
RING: Final = "ring"
PEERS: Final = ("iceoryx2", "zenoh", "zmq", "dora", "pipe", "queue", "shared")

Figure = Callable[[Result], str]


def hold(
    compare: Comparison,
    cast: Cast,
    scene: Scene,
    without: Sequence[str] = (),
    *,
    rounds: int = 5,
) -> dict[str, Result]:
    """Hold a race, as the one body of a benchmark."""
    results: dict[str, Result] = {}

    def race() -> None:
        results.update(cast.race(scene, without, rounds=rounds, smoke=compare.smoke))

    compare.once(race)
    for note in cast.notes:
        compare.remark(note)
    return results


def judge(
    compare: Comparison, work: str, results: Mapping[str, Result], goals: Mapping[str, float]
) -> None:
    """A row for each contender to whom there is a goal: ours at most so many times its time."""
    for name, limit in goals.items():
        if name in results:
            theirs, ours = results[name].time, results[OURS].time
            compare.note(Row(work, ours, peer(name).title, theirs, Goal(limit)))


def sketch(
    compare: Comparison, heading: str, results: Mapping[str, Result], figure: Figure
) -> None:
    """A column of the overview."""
    for name, result in results.items():
        compare.sketch(peer(name).title, heading, figure(result))


def trip(result: Result) -> str:
    """Median and 99th percentile of a round trip."""
    return f"{amount(result.time, 's')} / {amount(result.tail, 's')}"


def rate(result: Result) -> str:
    """Frames in a second."""
    return f"{1 / result.time:,.0f}/s"


def cost(result: Result) -> str:
    """The processors' time for a frame, of all sides."""
    return amount(result.cost, "s")


def speed(size: int) -> Figure:
    """Bytes in a second."""
    return lambda result: f"{amount(size / result.time, 'B')}/s"
