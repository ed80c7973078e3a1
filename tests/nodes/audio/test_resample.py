from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.nodes import Resample
from streamflow.ports import Audio
from tests.nodes.drive import audio, drive, joined, sounds

RATES = [8_000, 16_000, 22_050, 44_100, 48_000, 96_000]


@settings(max_examples=40, deadline=None)
@given(
    old=st.sampled_from(RATES),
    new=st.sampled_from(RATES),
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=8),
    start=st.integers(0, 10**6),
)
def test_samples_become_as_many_as_the_rates_say_and_have_no_gaps(
    old: int, new: int, sizes: list[int], start: int
) -> None:
    sizes = [*sizes, old // 50]  # libswresample loses sounds that are shorter than its filter
    starts = np.cumsum([start, *sizes])[:-1]
    frames = [audio(np.zeros(size), old, int(pts)) for size, pts in zip(sizes, starts, strict=True)]

    made = drive(Resample(rate=new), frames)

    assert abs(sum(f.samples_per_channel for f in made) - sum(sizes) * new / old) <= 1
    ends = [frame.pts + frame.samples_per_channel for frame in made]
    assert ends[:-1] == [frame.pts for frame in made[1:]]
    assert abs(made[0].pts - start * new / old) <= 1
    assert all(frame.time_base == Fraction(1, frame.rate) for frame in made)


def test_a_tone_keeps_its_pitch_level_and_place() -> None:
    made = joined(drive(Resample(rate=16_000), sounds(50, layout="mono")))[0]

    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(made[200:-200] - expected[200:-200]).max() < 0.01


@pytest.mark.parametrize("format", ["flt", "s16", "s16p", "s32", "s32p"])
def test_formats_change_without_changing_the_sound(format: str) -> None:
    frames = sounds(3)

    made = drive(Resample(format=format), frames)

    assert {frame.format for frame in made} == {format}
    seen = np.concatenate([frame.to_ndarray("fltp") for frame in made], 1)
    assert np.abs(seen - joined(frames)).max() < 1e-4
    assert [frame.pts for frame in made] == [frame.pts for frame in frames]


def test_layouts_are_mixed_down_and_up() -> None:
    left = np.stack([np.full(480, 0.4), np.zeros(480)]).astype(np.float32)
    frame = AudioFrame(left, layout="stereo", pts=0)

    (mono,) = drive(Resample(layout="mono"), [frame])
    (stereo,) = drive(Resample(layout="stereo"), [mono])

    assert (mono.layout, stereo.layout) == ("mono", "stereo")
    assert np.allclose(mono.samples, 0.2, atol=1e-3)
    assert np.allclose(stereo.samples[0], stereo.samples[1])


def test_a_frame_that_fits_passes_as_the_same_object() -> None:
    (frame,) = sounds(1)

    assert drive(Resample(), [frame])[0] is frame
    assert drive(Resample(48_000, "stereo", "fltp"), [frame])[0] is frame


def test_what_the_filter_holds_comes_out_when_the_input_changes() -> None:
    first = sounds(5, rate=44_100, layout="mono")
    fitting = sounds(1, rate=48_000, layout="mono")
    last = sounds(5, rate=8_000, layout="mono")

    made = drive(Resample(rate=48_000), [*first, *fitting, *last])

    place = next(n for n, frame in enumerate(made) if frame is fitting[0])
    before = sum(frame.samples_per_channel for frame in made[:place])
    after = sum(frame.samples_per_channel for frame in made[place + 1 :])
    assert abs(before - 5 * 960 * 48_000 / 44_100) <= 1
    assert abs(after - 5 * 960 * 6) <= 1


def test_rounded_pts_make_no_gaps() -> None:
    frames = [
        audio(np.zeros(1024), 44_100, round(n * 1024 / 44.1), time_base=Fraction(1, 1000))
        for n in range(50)
    ]

    made = drive(Resample(rate=48_000), frames)

    ends = [frame.pts + frame.samples_per_channel for frame in made]
    assert ends[:-1] == [frame.pts for frame in made[1:]]


def test_a_jump_of_the_pts_stays() -> None:
    frames = [audio(np.zeros(480), 48_000, pts) for pts in (0, 480, 48_000, 48_480)]

    made = drive(Resample(format="s16"), frames)

    assert [frame.pts for frame in made] == [0, 480, 48_000, 48_480]


def test_frames_without_pts_stay_without() -> None:
    made = drive(Resample(format="s16"), [audio(np.zeros(480), pts=None)] * 2)

    assert [frame.pts for frame in made] == [None, None]


def test_metadata_stays() -> None:
    frame = sounds(1)[0].replace(metadata={"a": 1})

    assert drive(Resample(format="s16"), [frame])[0].metadata == {"a": 1}


def test_the_output_port_tells_what_comes() -> None:
    assert Resample(8_000, "mono", "s16").outputs == {"out": Audio("s16", 8_000, "mono")}


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"rate": 0}, "rate must be 1 Hz or more, not 0"),
        ({"layout": "x"}, "layout must be one of .*, not 'x'"),
        ({"format": "dbl"}, "format must be one of .*, not 'dbl'"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Resample(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Resample needs audio frames, not int"):
        drive(Resample(), [1])
