from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow import AudioFrame
from streamflow.nodes.media.timeline import AudioTimeline, VideoTimeline

MILLI = Fraction(1, 1_000)
RATE = 1_000


def sound(pts: int | None, count: int = 100, format: str = "fltp") -> AudioFrame:
    shape = (1, count) if format.endswith("p") else (count, 1)
    samples = np.arange(1, count + 1, dtype=np.float32).reshape(shape)
    return AudioFrame(samples, format, rate=RATE, pts=pts)


def placed(*frames: AudioFrame, begin: Fraction | None = None) -> list[tuple[int | None, int]]:
    """(pts, length) of what a timeline makes of frames."""
    timeline = AudioTimeline(RATE, begin)
    made = [made for frame in frames for made in timeline.place(frame)]
    return [(frame.pts, frame.samples_per_channel) for frame in made]


@given(st.lists(st.none() | st.integers(-(10**6), 10**6), min_size=1))
def test_ticks_only_rise(pts: list[int | None]) -> None:
    timeline = VideoTimeline(Fraction(1, 90_000), step=3_000)

    ticks = [timeline.place(value, MILLI) for value in pts]

    assert all(later > earlier for earlier, later in pairwise(ticks))


def test_a_pts_in_the_encoders_time_base_is_kept() -> None:
    timeline = VideoTimeline(MILLI, step=40)

    assert [timeline.place(pts, MILLI) for pts in (5, 45, 50)] == [5, 45, 50]


def test_a_large_step_back_is_a_new_beginning() -> None:
    timeline = VideoTimeline(MILLI, step=40)

    ticks = [timeline.place(pts, MILLI) for pts in (60_000, 60_040, 0, 40, 80)]

    assert ticks == [60_000, 60_040, 60_080, 60_120, 60_160]


@given(st.lists(st.tuples(st.none() | st.integers(-5_000, 5_000), st.integers(0, 300)), min_size=1))
def test_sound_has_neither_holes_nor_overlaps(frames: list[tuple[int | None, int]]) -> None:
    made = placed(*(sound(pts, count) for pts, count in frames))

    for (pts, count), (later, _) in pairwise(made):
        assert pts is not None
        assert later == pts + count


def test_sound_within_the_tolerance_is_taken_as_it_comes() -> None:
    assert placed(sound(0), sound(110), sound(190)) == [(0, 100), (100, 100), (200, 100)]


def test_drift_does_not_add_up_beyond_the_tolerance() -> None:
    frames = [sound(n * 101) for n in range(1_000)]

    made = placed(*frames)

    last, count = made[-1]
    assert last is not None
    assert last + count == pytest.approx(999 * 101 + 100, abs=25)


def test_a_hole_is_filled_a_second_at_a_time() -> None:
    assert placed(sound(0), sound(1_350)) == [(0, 100), (100, 1_000), (1_100, 250), (1_350, 100)]


@pytest.mark.parametrize("format", ["flt", "fltp"])
def test_an_overlap_is_cut_from_the_later_frame(format: str) -> None:
    timeline = AudioTimeline(RATE)

    first, second = (made for pts in (0, 60) for made in timeline.place(sound(pts, format=format)))

    assert (first.pts, second.pts) == (0, 100)
    assert second.to_ndarray()[0].tolist() == list(range(41, 101))


@pytest.mark.parametrize("format", ["flt", "fltp"])
def test_silence_has_the_shape_of_the_sound(format: str) -> None:
    timeline = AudioTimeline(RATE)

    made = [m for pts in (0, 200) for m in timeline.place(sound(pts, format=format))]

    assert [frame.format for frame in made] == [format] * 3
    assert not made[1].samples.any()


def test_a_frame_that_was_heard_already_is_dropped() -> None:
    assert placed(sound(0, 500), sound(100, 100)) == [(0, 500)]


@pytest.mark.parametrize("pts", [-5_000, 10_000_000])
def test_an_absurd_jump_is_a_new_beginning(pts: int) -> None:
    assert placed(sound(0), sound(pts), sound(pts + 100)) == [(0, 100), (100, 100), (200, 100)]


def test_a_timeline_can_go_on_where_another_ended() -> None:
    timeline = AudioTimeline(2_000)
    list(timeline.place(AudioFrame(np.zeros((1, 100), np.float32), rate=2_000, pts=0)))

    assert timeline.end == Fraction(1, 20)
    assert placed(sound(None), begin=timeline.end) == [(50, 100)]
    assert AudioTimeline(RATE).end is None
