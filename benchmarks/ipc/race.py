"""Rounds of all contenders in turn: who is faster shows in medians of what alternates.

How many frames a round has is set by some that are not counted, so that it takes
about as long whoever plays it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.ipc.jobs import Told
from benchmarks.ipc.peers import installed, peer
from benchmarks.ipc.peers.base import Cable
from benchmarks.ipc.stage import Orders, Stage, StageLost

SIZE_1080P = 1920 * 1080 * 3
"""Bytes of a picture of 1080p in RGB."""

OURS = ("streamflow", "streamflow-python", "ring")
"""Contenders that lose nothing, however busy the machine is."""

LEAST = 8
"""Frames that a round has at least."""


@dataclass(frozen=True)
class Scene:
    """Who does what.

    Attributes:
        cables: what the jobs need.
        jobs: for each side its job, and the cables it is done with.
        title: what it is, for notes.
    """

    cables: tuple[Cable, ...]
    jobs: Mapping[str, tuple[str, tuple[str, ...]]]
    title: str

    def orders(self, count: int, *, lossy: bool) -> Orders:
        """The jobs for a number of frames; who loses some gathers what comes."""
        return {
            side: ("gather" if lossy and job == "drain" else job, names, count)
            for side, (job, names) in self.jobs.items()
        }


def round_trip(size: int) -> Scene:
    """A frame to and fro, one at a time."""
    names = ("there", "back")
    return Scene(pair(size), {"a": ("ping", names), "b": ("echo", names)}, "the round trip")


def one_way(size: int, readers: int = 1) -> Scene:
    """As many as may be, to one reader or more, each of which gets all."""
    sides = ("b", "c", "d")[:readers]
    cables = pair(size) if readers == 1 else (Cable("there", size, "a", sides),)
    drains = dict.fromkeys(sides, ("drain", ("there",)))
    return Scene(cables, {"a": ("pour", ("there",)), **drains}, f"one way to {readers}")


def relay(size: int) -> Scene:
    """From a to b, which hands them on to c."""
    cables = (Cable("there", size, "a", ("b",)), Cable("on", size, "b", ("c",)))
    jobs = {"a": "pour", "b": "forward", "c": "drain"}
    names = {"a": ("there",), "b": ("there", "on"), "c": ("on",)}
    return Scene(cables, {side: (jobs[side], names[side]) for side in jobs}, "the relay")


def pair(size: int) -> tuple[Cable, ...]:
    """Two sides, and a cable each way."""
    return (Cable("there", size, "a", ("b",)), Cable("back", size, "b", ("a",)))


@dataclass
class Result:
    """What a contender's rounds brought.

    Attributes:
        times: seconds a frame took, or a round trip; one for each round.
        tails: round trips that one in a hundred exceeds, likewise; empty for one-way scenes.
        costs: seconds of the processors' time that all sides together took for a frame.
        peak: bytes that two sides had resident at most, together.
    """

    times: list[float] = field(default_factory=list[float])
    tails: list[float] = field(default_factory=list[float])
    costs: list[float] = field(default_factory=list[float])
    peak: int = 0

    @property
    def time(self) -> float:
        """The median of the rounds."""
        return median(self.times)

    @property
    def tail(self) -> float:
        """The median of the rounds' 99th percentiles."""
        return median(self.tails)

    @property
    def cost(self) -> float:
        """The median of the processors' time."""
        return median(self.costs)


@dataclass
class Cast:
    """The stages of all contenders; who is missing is in the notes.

    Attributes:
        stages: by the name of the contender.
        notes: who was left out, and why.
    """

    stages: dict[str, Stage]
    notes: list[str]

    def race(
        self,
        scene: Scene,
        without: Sequence[str] = (),
        *,
        seconds: float = 0.25,
        rounds: int = 5,
        smoke: bool = False,
    ) -> dict[str, Result]:
        """Play a scene round by round, each contender once in a round.

        Args:
            scene: what is played.
            without: contenders that cannot.
            seconds: how long a contender's round should take.
            rounds: how many there are.
            smoke: whether it is only to be seen that all of it works.
        """
        results = {name: Result() for name in self.stages if name not in without}
        counts: dict[str, int] = {}
        for name in list(results):
            count = LEAST if smoke else self._measure(name, scene, seconds)
            if count:
                counts[name] = count
            else:
                del results[name]
        for _ in range(1 if smoke else rounds):
            for name, count in counts.items():
                if name in results and self._play(name, scene, count, results[name]) is None:
                    del results[name]
        return results

    def _measure(self, name: str, scene: Scene, seconds: float) -> int:
        """How many frames take so long; 0 if the contender is out of it."""
        # The very first ones are slow: they are not taken for the rest.
        self._play(name, scene, LEAST, None)
        count = LEAST
        while name in self.stages and (time := self._play(name, scene, count, None)) is not None:
            if time * count >= seconds / 8:
                return max(LEAST, int(seconds / time))
            count *= 8
        return 0

    def _play(self, name: str, scene: Scene, count: int, result: Result | None) -> float | None:
        """One round; returns the time for a frame, or None if the contender is out of it."""
        stage = self.stages[name]
        try:
            told = stage.perform(scene.orders(count, lossy=peer(name).lossy))
            trips: list[float] = sorted(trip / 1e9 for trip in told["a"].get("trips", ()))
            time = trips[len(trips) // 2] if trips else time_of_a_frame(told)
        except StageLost as lost:
            if name in OURS:
                raise
            self.notes.append(f"{peer(name).title} left out of {scene.title}: {lost}")
            self.stages.pop(name).close()
            return None
        if result is not None:
            result.times.append(time)
            result.tails += [trips[len(trips) * 99 // 100]] if trips else []
            result.costs.append(sum(part["cpu"] for part in told.values()) / count)
            result.peak = max(result.peak, told["a"]["peak"] + told["b"]["peak"])
        return time


def time_of_a_frame(told: Mapping[str, Told]) -> float:
    """From the first one's beginning to the end at the slowest reader, divided by the frames."""
    ends: list[dict[str, Any]] = [part for part in told.values() if "ended" in part]
    count: int = min(end["count"] for end in ends)
    if not count:
        raise StageLost("no frame came")
    last: float = max(end["ended"] for end in ends)
    began: float = told["a"]["began"]
    return (last - began) / count


@contextmanager
def cast(names: Sequence[str], cables: tuple[Cable, ...]) -> Generator[Cast]:
    """Start the stages of all contenders that are installed, and end them whatever happens."""
    notes: list[str] = []
    with ExitStack() as ends:
        stages: dict[str, Stage] = {}
        for name in names:
            if missing := [need for need in peer(name).needs if not installed(need)]:
                notes.append(f"{peer(name).title} left out: {missing[0]} is not installed")
                continue
            stages[name] = Stage(name, cables)
            ends.callback(stages[name].close)
        for stage in stages.values():
            stage.ready()
        yield Cast(stages, notes)
