from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.nodes import AudioLevel
from streamflow.nodes.audio.level import FLOOR
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import audio, drive, sounds


def level(frame: AudioFrame) -> dict[str, Any]:
    """The level of one frame."""
    (packet,) = drive(AudioLevel(), [frame], "level")
    value: dict[str, Any] = packet.value
    return value


@pytest.mark.parametrize("format", ["fltp", "flt", "s16", "s16p", "s32", "s32p"])
def test_a_full_scale_sine_has_minus_3_dbfs_rms_and_0_dbfs_peak(format: str) -> None:
    (frame,) = sounds(1, samples=48_000, frequency=1_000, volume=1.0, format=format)

    value = level(frame)

    assert value["rms"] == pytest.approx(-3.01, abs=0.01)
    assert value["peak"] == pytest.approx(0, abs=0.01)
    assert value["duration"] == 1.0


def test_silence_is_the_floor() -> None:
    value = level(audio(np.zeros(100)))

    assert (value["rms"], value["peak"]) == (FLOOR, FLOOR)


def test_channels_are_told_apart() -> None:
    samples = np.stack([np.full(10, 0.1), np.zeros(10)]).astype(np.float32)

    value = level(AudioFrame(samples, layout="stereo"))

    assert value["channel_peak"] == [pytest.approx(-20), FLOOR]
    assert value["channel_rms"] == [pytest.approx(-20), FLOOR]
    assert value["peak"] == pytest.approx(-20)
    assert value["rms"] == pytest.approx(-23.01, abs=0.01)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50))
def test_the_formula_holds(samples: list[float]) -> None:
    value = level(audio(samples))

    rms = math.sqrt(sum(x * x for x in samples) / len(samples))
    for name, amplitude in (("rms", rms), ("peak", max(map(abs, samples)))):
        expected = max(FLOOR, 20 * math.log10(amplitude)) if amplitude else FLOOR
        assert value[name] == pytest.approx(expected, abs=1e-3)


def test_frames_pass_as_they_came_behind_their_level() -> None:
    frames = sounds(2)

    with NodeRunner(AudioLevel()) as runner:
        pairs = runner.run(frames)

    assert [port for port, _ in pairs] == ["level", "out"] * 2
    assert [value for port, value in pairs if port == "out"] == frames


def test_a_window_gathers_frames_and_the_rest_comes_at_the_end() -> None:
    frames = sounds(10)  # 20 ms each

    packets = drive(AudioLevel(window=0.06), frames, "level")

    assert [packet.pts for packet in packets] == [0, 2880, 5760, 8640]
    assert [packet.value["duration"] for packet in packets] == [0.06, 0.06, 0.06, 0.02]
    assert packets[0].time_base == Fraction(1, 48_000)


def test_a_change_of_layout_closes_the_window() -> None:
    packets = drive(AudioLevel(window=1), [*sounds(1), *sounds(1, layout="mono")], "level")

    assert [len(packet.value["channel_rms"]) for packet in packets] == [2, 1]


def test_empty_frames_have_no_level() -> None:
    assert drive(AudioLevel(), [audio([])], "level") == []


def test_metadata_goes_with_the_level() -> None:
    frame = sounds(1)[0].replace(metadata={"a": 1})

    assert drive(AudioLevel(), [frame], "level")[0].metadata == {"a": 1}


def test_a_window_is_more_than_nothing() -> None:
    with pytest.raises(ValueError, match="window must be more than 0 seconds, not 0"):
        AudioLevel(0)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="AudioLevel needs audio frames, not list"):
        drive(AudioLevel(), [[]])
