"""Checkpoints of a live picture: what they cost, and whether a frame is late for them."""

from __future__ import annotations

import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import pytest

import streamflow as sf
from benchmarks.harness import Comparison, Goal, Row
from streamflow.nodes import Flip, TestVideo

RATE: Final = 30
SECONDS: Final = 20
EVERY: Final = 1.0
OFTEN: Final = 50
"""Checkpoints a second from which the cost of one is told: that of one drowns in the rest."""


class Late(sf.Node):
    """Notes how late each frame is, by the clock that it is due by."""

    def __init__(self) -> None:
        self.worst = 0.0

    def initialize(self, ctx: sf.NodeContext) -> None:
        """Take the clock."""
        self.clock = ctx.clock

    def process(self, frame: sf.VideoFrame) -> None:
        """Note the frame."""
        self.worst = max(self.worst, self.clock.time() - (frame.time or 0.0))

    def get_state(self) -> float:
        """The worst so far."""
        return self.worst

    def set_state(self, state: float) -> None:
        """Go on from there."""
        self.worst = state


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory on the disk."""
    made = Path(tempfile.mkdtemp(prefix="checkpoints"))
    yield made
    shutil.rmtree(made)


def watched(seconds: int, **options: Any) -> tuple[float, float]:
    """Run seconds of 1080p30; share of a processor, and how late the latest frame was."""
    late = Late()
    pipeline = sf.Pipeline("live")
    source = pipeline.add(TestVideo(1920, 1080, RATE, duration=seconds), id="source")
    (
        source
        >> pipeline.add(Flip(horizontal=True), id="flip", on="thread")
        >> pipeline.add(late, id="late")
    )
    before, began = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
    pipeline.run(clock="live", progress=False, **options)
    after, took = resource.getrusage(resource.RUSAGE_SELF), perf_counter() - began
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / took, late.worst


def test_checkpoints_of_a_live_picture(compare: Comparison, folder: Path) -> None:
    seconds, rounds = (1, 1) if compare.smoke else (SECONDS, 3)
    plain: list[tuple[float, float]] = []
    often: list[tuple[float, float]] = []
    checked: list[tuple[float, float]] = []

    def run() -> None:
        for number in range(rounds):
            plain.append(watched(seconds))
            often.append(watched(seconds, checkpoint=folder / f"{number} often", every=1 / OFTEN))
            checked.append(watched(seconds, checkpoint=folder / str(number), every=EVERY))

    compare.once(run)

    # The least of each: what else the machine does can only add.
    share = (min(share for share, _ in often) - min(share for share, _ in plain)) / OFTEN
    late = min(worst for _, worst in checked)
    compare.note(
        Row(
            f"1080p30, a checkpoint every {EVERY:g} s: processor time more, per second",
            max(share, 0.0),
            goal=Goal(0.01, absolute=True),
        )
    )
    compare.note(
        Row(
            f"1080p30, a checkpoint every {EVERY:g} s: how late the latest frame was",
            late,
            "without checkpoints",
            min(worst for _, worst in plain),
            Goal(1 / RATE, absolute=True),
        )
    )
