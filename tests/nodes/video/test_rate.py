from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import VideoFrame
from streamflow.nodes import FrameRate
from tests.nodes.drive import drive, pictures, timed

PICTURE = VideoFrame((np.zeros((2, 2), np.uint8),), "gray8")
rates = st.one_of(
    st.integers(1, 120).map(Fraction),
    st.sampled_from([Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25, 2)]),
)


@given(steps=st.lists(st.integers(1, 40_000), max_size=30), start=st.integers(0, 10**9), rate=rates)
def test_the_duration_stays_within_one_frame(steps: list[int], start: int, rate: Fraction) -> None:
    ticks = list(accumulate([start, *steps]))
    frames = timed(PICTURE, [Fraction(tick, 90_000) for tick in ticks])

    made = drive(FrameRate(rate), frames)

    last = Fraction(steps[-1], 90_000) if steps else Fraction(0)
    duration = Fraction(ticks[-1] - ticks[0], 90_000) + last
    assert abs(len(made) / rate - duration) <= 1 / rate
    assert [frame.pts for frame in made] == list(range(made[0].pts, made[0].pts + len(made)))
    assert {frame.time_base for frame in made} == {1 / rate}
    assert abs(made[0].pts / rate - Fraction(start, 90_000)) <= 1 / rate / 2


@pytest.mark.parametrize("rate", [30, "30000/1001", 25])
def test_a_stream_of_the_rate_passes_frame_by_frame(rate: str | int) -> None:
    frames = pictures(10, rate=rate)

    made = drive(FrameRate(rate), frames)

    assert [frame.pts for frame in made] == list(range(10))
    assert all(a.planes[0] is b.planes[0] for a, b in zip(made, frames, strict=True))
    assert not any(frame.shared for frame in made)


def test_half_the_rate_drops_every_other_picture() -> None:
    frames = pictures(10, rate=60)

    made = drive(FrameRate(30), frames)

    assert [frame.planes[0] is frames[2 * n].planes[0] for n, frame in enumerate(made)] == [
        True
    ] * 5


def test_of_several_pictures_the_nearest_is_shown_and_the_last_goes_on() -> None:
    times = [Fraction(n, 30) for n in (0, 29, 30, 31, 60)]
    frames = [frame.replace(metadata={"n": n}) for n, frame in enumerate(timed(PICTURE, times))]

    made = drive(FrameRate(2), frames)

    assert [frame.metadata["n"] for frame in made[:5]] == [0, 0, 2, 3, 4]


def test_double_the_rate_repeats_pictures_that_nobody_may_write() -> None:
    frames = pictures(3, rate=30)

    made = drive(FrameRate(60), frames)

    assert [frame.pts for frame in made] == [0, 1, 2, 3, 4, 5]
    assert all(np.shares_memory(made[n].planes[0], frames[n // 2].planes[0]) for n in range(6))
    assert all(frame.shared for frame in made)


def test_a_gap_is_filled_with_the_picture_before_it() -> None:
    frames = timed(pictures(1)[0], [Fraction(0), Fraction(1, 10), Fraction(1)])

    made = drive(FrameRate(10), frames)

    assert len(made) == 19  # the last picture lasts as long as the one before it


def test_pictures_that_go_back_in_time_are_dropped() -> None:
    early, late, back = timed(pictures(1)[0], [Fraction(0), Fraction(1), Fraction(1, 2)])

    made = drive(FrameRate(2), [early, late, back.replace(metadata={"back": True})])

    assert [frame.pts for frame in made] == [0, 1, 2, 3]
    assert not any(frame.metadata for frame in made)


def test_metadata_stays() -> None:
    frame = pictures(1)[0].replace(metadata={"a": 1})

    assert drive(FrameRate(10), [frame])[0].metadata == {"a": 1}


def test_nothing_comes_of_nothing() -> None:
    assert drive(FrameRate(10), []) == []


def test_frames_without_a_time_are_refused() -> None:
    with pytest.raises(ValueError, match="FrameRate needs frames with a pts"):
        drive(FrameRate(10), [PICTURE])


def test_a_rate_is_more_than_nothing() -> None:
    with pytest.raises(ValueError, match="rate must be more than 0 frames per second, not -1"):
        FrameRate(-1)
