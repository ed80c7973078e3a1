from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from streamflow.clock import Clock
from streamflow.frames.memory import lent
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.nodes import TestVideo
from streamflow.nodes.video.counter import read_counter
from streamflow.ports import Video
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import pictures, same_pixels


class ToldClock(Clock):
    """A live clock that writes down what it is asked to wait for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep_until(self, time: float) -> None:
        self.waits.append(time)


def test_frames_count_up_in_a_time_base_of_one_frame() -> None:
    frames = pictures(5, rate="30000/1001")

    assert [frame.pts for frame in frames] == [0, 1, 2, 3, 4]
    assert {frame.time_base for frame in frames} == {Fraction(1001, 30000)}
    assert [read_counter(frame) for frame in frames] == [0, 1, 2, 3, 4]


def test_a_duration_gives_the_nearest_number_of_frames() -> None:
    assert TestVideo(duration=10, rate="30000/1001").frames == 300
    assert TestVideo(duration=0.1, rate=30).frames == 3


@pytest.mark.parametrize("format", sorted(PIXEL_FORMATS))
def test_every_format_is_made_natively(format: str) -> None:
    node = TestVideo(width=66, height=50, frames=1, format=format)

    with NodeRunner(node) as runner:
        runner.run()

    (frame,) = runner.outputs()
    assert (frame.format, frame.width, frame.height) == (format, 66, 50)
    assert node.outputs == {"out": Video(format)}
    assert runner.copied == {}


@pytest.mark.parametrize("pattern", ["bars", "gradient", "checkerboard", "noise", "solid"])
def test_every_pattern_fills_the_picture_and_moves(pattern: str) -> None:
    first, second = pictures(2, pattern=pattern, width=128, height=96, counter=False)

    assert not same_pixels(first, second)
    assert len(np.unique(first.planes[0])) >= 2


def test_runs_give_the_same_pictures() -> None:
    assert same_pixels(pictures(3, pattern="noise")[2], pictures(3, pattern="noise")[2])


def test_frames_live_in_memory_of_the_library() -> None:
    (frame,) = pictures(1)

    assert all(lent(plane) for plane in frame.planes)
    assert not any(plane.flags.writeable for plane in frame.planes)


def test_odd_sizes_are_drawn() -> None:
    (frame,) = pictures(1, width=65, height=49)

    assert [plane.shape for plane in frame.planes] == [(49, 65), (25, 33), (25, 33)]
    assert read_counter(frame) == 0


def test_a_live_clock_is_waited_for_before_each_frame() -> None:
    clock = ToldClock()

    with NodeRunner(TestVideo(64, 48, rate=25, frames=3), clock=clock) as runner:
        runner.run()

    assert clock.waits == [0.0, 0.04, 0.08]


def test_a_source_without_an_end_goes_on() -> None:
    with NodeRunner(TestVideo(64, 48)) as runner:
        runner.run(limit=200)

        assert len(runner.outputs()) == 200
        assert runner.node.progress() is None


def test_progress_runs_from_nothing_to_all() -> None:
    with NodeRunner(TestVideo(64, 48, frames=4)) as runner:
        assert runner.node.progress() == 0

        runner.run()

        assert runner.node.progress() == 1


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"rate": 0}, "rate must be more than 0"),
        ({"rate": "fast"}, "rate must be a number of frames per second, not 'fast'"),
        ({"rate": float("nan")}, "rate must be a number"),
        ({"pattern": "plaid"}, "pattern must be one of bars, .*, not 'plaid'"),
        ({"format": "yuv444p"}, "format must be one of .*, not 'yuv444p'"),
        ({"frames": -1}, "frames must be 0 or more, not -1"),
        ({"duration": -1.0}, "duration must be 0 seconds or more, not -1.0"),
        ({"frames": 1, "duration": 1}, "frames or duration, not both"),
        ({"width": 32}, "a counter needs a picture of 64x48 or more, not 32x360"),
        ({"width": 0, "counter": False}, "width and height of 1 or more, not 0x360"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TestVideo(**params)
