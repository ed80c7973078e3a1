from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.nodes import ChannelBalance
from streamflow.nodes.audio.level import FLOOR
from streamflow.testing.runner import NodeRunner
from tests.nodes.audio.measured import measured
from tests.nodes.drive import audio, drive, sounds

amplitudes = st.floats(0, 1, width=32)


def frame_of(*levels: float, layout: str = "stereo", pts: int = 0) -> AudioFrame:
    """A frame whose channels have these RMS amplitudes."""
    samples = np.array([[level, -level] * 50 for level in levels], np.float32)
    return AudioFrame(samples, layout=layout, pts=pts)


def compared(frame: AudioFrame, **params: Any) -> dict[str, Any]:
    """What comes out for one frame."""
    (packet,) = drive(ChannelBalance(**params), [frame], "balance")
    value: dict[str, Any] = packet.value
    return value


@pytest.mark.parametrize(
    ("left", "right", "balance"),
    [(0.5, 0.5, 0.0), (0.5, 0.0, -1.0), (0.0, 0.5, 1.0), (0.0, 0.0, 0.0), (0.2, 0.6, 0.5)],
)
def test_balance_runs_from_left_to_right(left: float, right: float, balance: float) -> None:
    assert compared(frame_of(left, right))["balance"] == pytest.approx(balance)


@given(left=amplitudes, right=amplitudes)
@settings(max_examples=40)
def test_exchanged_channels_have_the_opposite_balance(left: float, right: float) -> None:
    one, other = compared(frame_of(left, right)), compared(frame_of(right, left))

    assert one["balance"] == -other["balance"]
    assert one["rms"] == other["rms"][::-1]
    assert one["difference"] == other["difference"] == abs(one["rms"][0] - one["rms"][1])


@pytest.mark.parametrize("format", ["fltp", "s16", "s32"])
def test_levels_are_those_that_ffmpeg_measures(format: str) -> None:
    (frame,) = sounds(1, samples=4_800, volume=0.3, format=format)

    value = compared(frame)

    (told,) = measured([frame], "astats", "metadata=1")
    levels = [float(told[f"astats.{channel}.RMS_level"]) for channel in (1, 2)]
    assert value["rms"] == pytest.approx(levels, abs=1e-3)


def test_a_difference_beyond_the_limit_is_an_imbalance() -> None:
    frame = frame_of(0.5, 0.05)  # 20 dB

    assert compared(frame)["imbalanced"] is True
    assert compared(frame, max_difference=21)["imbalanced"] is False
    assert compared(frame)["difference"] == pytest.approx(20, abs=1e-4)


def test_a_channel_is_dead_that_is_silent_while_others_are_not() -> None:
    frame = frame_of(0.5, 0.0, 0.0005, layout="3.0")

    value = compared(frame)

    assert value["dead"] == [1, 2]
    assert compared(frame, dead_level=-90)["dead"] == [1]
    assert value["rms"][1] == FLOOR


def test_where_all_is_silent_nothing_is_dead() -> None:
    value = compared(frame_of(0.0, 0.0))

    assert (value["dead"], value["imbalanced"], value["difference"]) == ([], False, 0.0)


def test_one_channel_is_in_balance() -> None:
    value = compared(audio([0.5, -0.5]))

    assert (value["balance"], value["difference"], value["dead"]) == (0.0, 0.0, [])


def test_a_window_gathers_frames_and_the_rest_comes_at_the_end() -> None:
    frames = [frame_of(0.5, 0.25, pts=100 * n) for n in range(5)]

    packets = drive(ChannelBalance(window=200 / 48_000), frames, "balance")

    assert [packet.pts for packet in packets] == [0, 200, 400]
    assert [packet.value["duration"] * 48_000 for packet in packets] == [200, 200, 100]


def test_a_state_carries_on_where_it_was_taken() -> None:
    frames = [frame_of(0.5, 0.1), frame_of(0.1, 0.5, pts=100)]
    first, second = ChannelBalance(window=1), ChannelBalance(window=1)
    list(first.process(frames[0]))

    second.set_state(first.get_state())
    list(second.process(frames[1]))

    (out,) = second.flush()
    assert out.value.pts == 0
    assert out.value.value["balance"] == pytest.approx(0, abs=1e-6)


def test_a_run_begins_with_nothing() -> None:
    node = ChannelBalance(window=1)
    list(node.process(frame_of(0.5, 0.5)))

    (packet,) = drive(node, [frame_of(0.0, 0.5, pts=100)], "balance")

    assert (packet.pts, packet.value["balance"]) == (100, 1.0)


def test_frames_pass_as_they_came_behind_their_balance() -> None:
    frames = sounds(2)

    with NodeRunner(ChannelBalance()) as runner:
        pairs = runner.run(frames)

    assert [port for port, _ in pairs] == ["balance", "out"] * 2
    assert runner.outputs() == frames


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"max_difference": -1}, "max_difference must be 0 dB or more, not -1"),
        ({"max_difference": float("nan")}, "max_difference must be 0 dB or more, not nan"),
        ({"dead_level": 1}, "dead_level must be 0 dBFS or less, not 1"),
        ({"window": 0}, "window must be more than 0 seconds, not 0"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ChannelBalance(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="ChannelBalance needs audio frames, not dict"):
        drive(ChannelBalance(), [{}])
