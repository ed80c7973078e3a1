from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import streamflow as sf
from streamflow.frames import AudioFrame
from streamflow.frames.audio import CHANNELS
from streamflow.nodes import ChannelSplit, Gain, TestAudio
from streamflow.testing import assert_zero_copy
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import audio, drive

LAYOUTS = pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
FORMATS = pytest.mark.parametrize("format", ["fltp", "flt", "s16", "s16p", "s32", "s32p"])


def counted(layout: str, format: str) -> AudioFrame:
    """A frame whose samples tell their channel and their place."""
    rows = np.arange(CHANNELS[layout])[:, None] * 100 + np.arange(10)
    samples = rows if format.endswith("p") else rows.T
    kind = np.float32 if "flt" in format else np.int16 if "16" in format else np.int32
    return AudioFrame(
        samples.astype(kind), format, layout=layout, rate=8_000, pts=7, metadata={"a": 1}
    )


@LAYOUTS
@FORMATS
def test_each_channel_leaves_by_its_own_port(layout: str, format: str) -> None:
    frame = counted(layout, format)

    with NodeRunner(ChannelSplit(CHANNELS[layout])) as runner:
        pairs = runner.run([frame])

    for number, (port, made) in enumerate(pairs):
        assert port == f"out_{number}"
        assert (made.layout, made.format, made.rate) == ("mono", format, 8_000)
        assert (made.pts, made.time_base, made.metadata) == (7, frame.time_base, {"a": 1})
        assert made.to_ndarray().tolist() == [[number * 100 + n for n in range(10)]]
        assert np.shares_memory(made.samples, frame.samples)
    assert len(pairs) == CHANNELS[layout]
    assert runner.copied == {}


def test_channels_of_a_shared_frame_are_shared() -> None:
    frame = counted("stereo", "fltp")
    frame.shared = True

    assert all(made.shared for made in drive(ChannelSplit(), [frame], "out_1"))


def test_channels_go_different_ways_without_a_copy() -> None:
    pipeline = sf.Pipeline("apart")
    split = pipeline.add(ChannelSplit(), id="split")
    pipeline.add(TestAudio(frames=3, samples=100)) >> split
    split["out_0"] >> pipeline.add(sf.node(lambda frame: ("left", frame.channels)), id="left")
    split["out_1"] >> pipeline.add(sf.node(lambda frame: ("right", frame.channels)), id="right")

    report = pipeline.run(collect=True)

    assert report.results == [("left", 1), ("right", 1)] * 3
    assert_zero_copy(report)


def test_a_channel_can_be_worked_on_like_any_sound() -> None:
    (left,) = drive(ChannelSplit(), [counted("stereo", "s16")], "out_0")

    (louder,) = drive(Gain(factor=2), [left])

    assert louder.to_ndarray().tolist() == [[2 * n for n in range(10)]]
    assert left.to_av().samples == 10


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ChannelSplit needs 2 channels, not 6 \(5.1\)"):
        drive(ChannelSplit(), [counted("5.1", "fltp")])


@pytest.mark.parametrize("channels", [0, -1, 9])
def test_a_number_of_channels_is_in_its_range(channels: int) -> None:
    with pytest.raises(ValueError, match=f"channels must be from 1 to 8, not {channels}"):
        ChannelSplit(channels)


@pytest.mark.parametrize("item", [1, audio([0.0]).samples])
def test_what_is_no_sound_is_refused_by_name(item: Any) -> None:
    with pytest.raises(TypeError, match="ChannelSplit needs audio frames, not "):
        drive(ChannelSplit(), [item])
