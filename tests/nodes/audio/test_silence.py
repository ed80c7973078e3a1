from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.frames import AudioFrame
from streamflow.nodes import SilenceDetector, TestAudio
from streamflow.testing.runner import NodeRunner
from tests.nodes.audio.measured import measured
from tests.nodes.drive import audio, drive, sounds

RATE = 1_000

# Stretches of a sound: how many samples, and how loud.
stretches = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.001, -0.003, 0.004, -0.5])), max_size=12
)


def sound(stretches: list[tuple[int, float]]) -> npt.NDArray[np.float32]:
    """Samples of these stretches."""
    parts = [np.full(count, level, np.float32) for count, level in stretches]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def cut(samples: npt.NDArray[np.float32], size: int, pts: int = 0) -> list[AudioFrame]:
    """Mono frames of so many samples."""
    starts = range(0, len(samples), size)
    return [audio(samples[start : start + size], RATE, pts + start) for start in starts]


def events(node: SilenceDetector, frames: list[AudioFrame]) -> list[tuple[str, int]]:
    """What a detector finds: start or end, and where."""
    return [(packet.value["event"], packet.pts) for packet in drive(node, frames, "silence")]


def by_definition(samples: npt.NDArray[np.float32], needed: int) -> list[tuple[str, int]]:
    """The same, sample by sample."""
    found: list[tuple[str, int]] = []
    run = 0
    for place, heard in enumerate([*(np.abs(samples) >= 10 ** (-50 / 20)), True]):
        if not heard:
            run += 1
            continue
        if run >= needed:
            found += [("start", place - run), ("end", place)]
        run = 0
    return found


@given(stretches=stretches, size=st.integers(1, 70))
@settings(max_examples=40)
def test_silences_are_found_to_the_sample_however_the_sound_is_cut(
    stretches: list[tuple[int, float]], size: int
) -> None:
    samples = sound(stretches)

    found = events(SilenceDetector(-50, 0.02), cut(samples, size))

    assert found == by_definition(samples, 20)


@given(stretches=stretches.filter(bool))
@settings(max_examples=25)
def test_silences_are_those_that_ffmpeg_detects(stretches: list[tuple[int, float]]) -> None:
    # A sound at the end, because FFmpeg tells of a last end only in its log; and
    # frames so short that each has one start and one end at most.
    frames = cut(sound([*stretches, (1, 0.5)]), 10)

    found = events(SilenceDetector(-50, 0.02), frames)

    told = measured(frames, "silencedetect", "noise=-50dB:d=0.02")
    starts = [
        round(float(data["silence_start"]) * RATE) for data in told if "silence_start" in data
    ]
    ends = [round(float(data["silence_end"]) * RATE) for data in told if "silence_end" in data]
    assert [place for event, place in found if event == "start"] == starts
    assert [place for event, place in found if event == "end"] == ends


def test_several_silences_lie_in_one_frame() -> None:
    samples = sound([(5, 0.5), (30, 0.0), (1, 0.5), (19, 0.0), (1, 0.5), (20, 0.0), (5, 0.5)])

    found = events(SilenceDetector(-50, 0.02), cut(samples, len(samples)))

    assert found == [("start", 5), ("end", 35), ("start", 56), ("end", 76)]


def test_a_silence_begins_and_ends_with_its_duration() -> None:
    frames = cut(sound([(100, 0.5), (700, 0.0), (100, 0.5)]), 100, pts=5_000)

    start, end = drive(SilenceDetector(), frames, "silence")

    assert (start.value, start.pts, start.time_base) == (
        {"event": "start"},
        5_100,
        Fraction(1, RATE),
    )
    assert (end.value, end.pts) == ({"event": "end", "duration": 0.7}, 5_800)
    assert start.time == 5.1


def test_frames_pass_as_they_came_behind_what_was_found_in_them() -> None:
    frames = cut(sound([(100, 0.0), (100, 0.5)]), 100)

    with NodeRunner(SilenceDetector(min_duration=0.1)) as runner:
        pairs = runner.run(frames)

    assert [port for port, _ in pairs] == ["silence", "out", "silence", "out"]
    assert all(a is b for a, b in zip(runner.outputs(), frames, strict=True))


def test_all_channels_must_be_silent() -> None:
    silent, loud = np.zeros(500, np.float32), np.ones(500, np.float32)

    one = AudioFrame(np.stack([silent, loud]), layout="stereo", rate=RATE, pts=0)
    both = AudioFrame(np.stack([silent, silent]), layout="stereo", rate=RATE, pts=500)

    assert events(SilenceDetector(min_duration=0.2), [one, both]) == [("start", 500), ("end", 1000)]


@pytest.mark.parametrize("format", ["flt", "s16", "s16p", "s32", "s32p"])
def test_every_format_is_heard(format: str) -> None:
    loud = sounds(2, samples=RATE, rate=RATE, frequency=250, volume=0.01, format=format)

    found = [
        events(SilenceDetector(threshold, 0.5), loud)
        for threshold in (20 * np.log10(0.012), 20 * np.log10(0.008))
    ]

    assert found == [[("start", 0), ("end", 2_000)], []]


def test_a_silence_in_the_beginning_of_a_run_does_not_come_from_the_run_before() -> None:
    node = SilenceDetector(min_duration=0.2)
    with NodeRunner(node) as runner:
        runner.run(cut(np.zeros(150, np.float32), 50), limit=3)

    assert events(node, cut(np.zeros(150, np.float32), 50)) == []


def test_a_change_of_rate_ends_a_silence() -> None:
    frames = [audio(np.zeros(500), 1_000, 0), audio(np.zeros(4_000), 8_000, 4_000)]

    packets = drive(SilenceDetector(min_duration=0.5), frames, "silence")

    assert [(p.value["event"], p.time) for p in packets] == [
        ("start", 0.0),
        ("end", 0.5),
        ("start", 0.5),
        ("end", 1.0),
    ]


def test_other_time_bases_are_counted_in_samples() -> None:
    frames = [audio(np.zeros(480), 48_000, 10 * n, time_base=Fraction(1, 1_000)) for n in range(2)]

    assert events(SilenceDetector(min_duration=0.02), frames) == [("start", 0), ("end", 960)]


def test_frames_without_pts_have_silences_without() -> None:
    packets = drive(SilenceDetector(), [audio(np.zeros(600), RATE, None)], "silence")

    assert [(p.pts, p.value.get("duration")) for p in packets] == [(None, None), (None, 0.6)]


def test_what_is_not_a_number_is_no_silence() -> None:
    samples = np.zeros(600, np.float32)
    samples[300] = np.nan

    assert events(SilenceDetector(), [audio(samples, RATE)]) == []


@given(stretches=stretches, data=st.data())
@settings(max_examples=25)
def test_a_state_carries_on_where_it_was_taken(
    stretches: list[tuple[int, float]], data: st.DataObject
) -> None:
    frames = cut(sound(stretches), 16)
    place = data.draw(st.integers(0, len(frames)))
    first, second = SilenceDetector(-50, 0.02), SilenceDetector(-50, 0.02)

    emitted = [item for frame in frames[:place] for item in first.process(frame)]
    second.set_state(first.get_state())
    emitted += [item for frame in frames[place:] for item in second.process(frame)]
    emitted += second.flush()

    packets = [item.value for item in emitted if isinstance(item, sf.Out)]
    found = [(packet.value["event"], packet.pts) for packet in packets]
    assert found == events(SilenceDetector(-50, 0.02), frames)


def test_empty_frames_change_nothing() -> None:
    frames = [audio(np.zeros(300), RATE), audio([], RATE, 300), audio(np.zeros(300), RATE, 300)]

    assert events(SilenceDetector(), frames) == [("start", 0), ("end", 600)]


def test_it_stands_in_a_pipeline() -> None:
    pipeline = sf.Pipeline("quiet")
    detector = pipeline.add(SilenceDetector(min_duration=0.1), id="detector")
    pipeline.add(TestAudio(frames=10, volume=0.0)) >> detector
    detector["silence"] >> pipeline.add(sf.node(lambda packet: packet.value), id="found")

    report = pipeline.run(collect=True)

    assert [item for item in report.results if isinstance(item, dict)] == [
        {"event": "start"},
        {"event": "end", "duration": 0.2},
    ]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"threshold": 3}, "threshold must be 0 dBFS or less, not 3"),
        ({"threshold": float("nan")}, "threshold must be 0 dBFS or less, not nan"),
        ({"threshold": float("-inf")}, "threshold must be 0 dBFS or less, not -inf"),
        ({"min_duration": 0}, "min_duration must be more than 0 seconds, not 0"),
        ({"min_duration": float("inf")}, "min_duration must be more than 0 seconds, not inf"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SilenceDetector(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="SilenceDetector needs audio frames, not int"):
        drive(SilenceDetector(), [1])
