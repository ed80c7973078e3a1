from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.node import Out
from streamflow.nodes import ClippingDetector, Gain
from streamflow.testing.runner import NodeRunner
from tests.nodes.audio.measured import measured
from tests.nodes.drive import audio, drive, sounds

marks = st.lists(st.booleans(), max_size=60)


def clipped(node: ClippingDetector, frames: list[AudioFrame]) -> list[dict[str, Any]]:
    """What a detector finds."""
    return [packet.value for packet in drive(node, frames, "clipping")]


def stereo(left: list[bool], right: list[bool], size: int) -> list[AudioFrame]:
    """Frames whose samples are at full scale where they are marked."""
    samples = np.zeros((2, max(len(left), len(right))), np.float32)
    samples[0, : len(left)], samples[1, : len(right)] = left, np.negative(right, dtype=np.float32)
    starts = range(0, samples.shape[1], size)
    return [
        AudioFrame(samples[:, start : start + size].copy(), layout="stereo", pts=start)
        for start in starts
    ]


def runs_of(marks: list[bool]) -> list[int]:
    """Lengths of the runs."""
    words = "".join("x" if mark else " " for mark in marks).split()
    return [len(word) for word in words]


@given(left=marks, right=marks, size=st.integers(1, 70), least=st.integers(1, 5))
@settings(max_examples=50)
def test_runs_and_samples_are_counted_once_however_the_sound_is_cut(
    left: list[bool], right: list[bool], size: int, least: int
) -> None:
    found = clipped(ClippingDetector(min_run=least), stereo(left, right, size))

    for channel, marks in enumerate((left, right)):
        runs = [run for run in runs_of(marks) if run >= least]
        assert sum(value["runs"][channel] for value in found) == len(runs)
        assert sum(value["samples"][channel] for value in found) == sum(runs)
        assert max((value["longest"][channel] for value in found), default=0) == max(
            runs, default=0
        )


@pytest.mark.parametrize("format", ["fltp", "flt", "s16", "s16p", "s32", "s32p"])
def test_a_sine_that_is_too_loud_clips_at_every_crest(format: str) -> None:
    (frame,) = drive(Gain(db=6), sounds(1, samples=4_800, frequency=100, volume=1.0, format=format))
    samples = np.clip(frame.to_ndarray("fltp"), -1, 1)
    crests = 2 * 100 * 4_800 // 48_000

    (value,) = clipped(ClippingDetector(threshold=1.0), [frame])

    assert value["runs"] == [crests, crests]
    assert value["samples"] == pytest.approx((np.abs(samples) >= 0.9999).sum(1), abs=2 * crests)
    assert value["ratio"] == pytest.approx(2 / 3, abs=0.01)


def test_samples_at_full_scale_are_those_that_ffmpeg_counts() -> None:
    time = np.arange(4_800) / 48_000
    samples = np.clip(1.5 * np.sin(2 * np.pi * 440 * time), -1, 1)
    frame = audio(samples)

    (value,) = clipped(ClippingDetector(threshold=1.0, min_run=1), [frame])

    (told,) = measured([frame], "astats", "metadata=1")
    assert value["samples"] == [round(float(told["astats.1.Peak_count"]))]


def test_single_peaks_do_not_clip() -> None:
    assert clipped(ClippingDetector(), sounds(5, frequency=1_000, volume=1.0)) == []


def test_a_run_across_frames_is_counted_where_it_becomes_one() -> None:
    frames = stereo([False, True, True, True, True, False], [], 3)

    (found,) = drive(ClippingDetector(), frames, "clipping")

    assert (found.pts, found.time_base) == (3, frames[1].time_base)
    assert found.value == {"runs": [1, 0], "samples": [4, 0], "longest": [4, 0], "ratio": 4 / 6}


def test_a_share_is_never_more_than_all() -> None:
    frames = [audio([1.0] * 5), audio([1.0])]

    (found,) = clipped(ClippingDetector(min_run=6), frames)

    assert (found["samples"], found["ratio"]) == ([6], 1.0)


def test_the_threshold_is_an_amplitude() -> None:
    frame = audio([0.5, -0.5, 0.5, 0.4])

    assert clipped(ClippingDetector(0.5), [frame])[0]["samples"] == [3]
    assert clipped(ClippingDetector(0.6), [frame]) == []


def test_frames_pass_as_they_came_behind_what_was_found_in_them() -> None:
    frames = [audio([1.0] * 5), audio([0.0] * 5)]

    with NodeRunner(ClippingDetector()) as runner:
        pairs = runner.run(frames)

    assert [port for port, _ in pairs] == ["clipping", "out", "out"]
    assert all(a is b for a, b in zip(runner.outputs(), frames, strict=True))


def test_metadata_goes_with_what_was_found() -> None:
    frame = audio([1.0] * 5).replace(metadata={"a": 1})

    (packet,) = drive(ClippingDetector(), [frame], "clipping")

    assert packet.metadata == {"a": 1}


def test_empty_frames_and_other_layouts_do_no_harm() -> None:
    frames = [audio([1.0] * 2), audio([]), audio([1.0]), *stereo([True, True], [], 2)]

    found = clipped(ClippingDetector(), frames)

    assert [value["runs"] for value in found] == [[1]]


def test_a_run_of_the_run_before_is_forgotten() -> None:
    node = ClippingDetector()
    drive(node, [audio([1.0, 1.0])])

    assert clipped(node, [audio([1.0])]) == []


@given(left=marks, size=st.integers(1, 20), data=st.data())
@settings(max_examples=25)
def test_a_state_carries_on_where_it_was_taken(
    left: list[bool], size: int, data: st.DataObject
) -> None:
    frames = stereo(left, left, size)
    place = data.draw(st.integers(0, len(frames)))
    first, second = ClippingDetector(), ClippingDetector()

    emitted = [item for frame in frames[:place] for item in first.process(frame)]
    second.set_state(first.get_state())
    emitted += [item for frame in frames[place:] for item in second.process(frame)]

    found = [item.value.value for item in emitted if isinstance(item, Out)]
    assert found == clipped(ClippingDetector(), frames)


def test_what_is_not_a_number_does_not_clip() -> None:
    samples: npt.NDArray[np.float32] = np.full(8, np.nan, np.float32)

    assert clipped(ClippingDetector(), [audio(samples)]) == []


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"threshold": 0}, "threshold must be more than 0 and up to 1, not 0"),
        ({"threshold": 1.1}, "threshold must be more than 0 and up to 1, not 1.1"),
        ({"threshold": float("nan")}, "threshold must be more than 0 and up to 1, not nan"),
        ({"min_run": 0}, "min_run must be 1 or more, not 0"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ClippingDetector(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="ClippingDetector needs audio frames, not str"):
        drive(ClippingDetector(), ["a"])
