"""What frames have for their journeys: other memory beneath the same frame, and pickles."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.frames import AudioFrame, VideoFrame
from tests.support.crossing import address, arrays, noise, picture, pictures, same_frames, sounds


def sound(count: int = 100, **fields: Any) -> AudioFrame:
    return AudioFrame(noise((count, 2)).astype(np.int16), "s16", layout="stereo", **fields)


def test_a_picture_over_other_planes_is_the_same_but_for_its_pixels() -> None:
    frame = picture(
        8, 6, pts=3, time_base=Fraction(1, 30), metadata={"a": 1}, colorspace=1, color_range=2
    )
    other = picture(4, 2, seed=5)

    made = frame.with_planes(other.planes)

    assert same_frames(
        made,
        VideoFrame(
            other.planes,
            pts=3,
            time_base=Fraction(1, 30),
            metadata={"a": 1},
            colorspace=1,
            color_range=2,
        ),
    )
    assert (made.width, made.height) == (4, 2)


def test_planes_that_do_not_fit_the_format_are_refused() -> None:
    with pytest.raises(ValueError, match="yuv420p needs planes"):
        picture().with_planes(picture(format="rgb24").planes)


def test_a_sound_over_other_samples_is_the_same_but_for_them() -> None:
    frame = sound(pts=3, rate=44_100, metadata={"a": 1})

    made = frame.with_samples(frame.samples[10:30])

    assert made.samples_per_channel == 20
    assert (made.pts, made.rate, made.metadata) == (3, 44_100, {"a": 1})
    assert frame.replace(time_base=None).with_samples(frame.samples).time_base is None


def test_samples_that_do_not_fit_the_format_are_refused() -> None:
    with pytest.raises(ValueError, match="s16 stereo needs samples"):
        sound().with_samples(np.zeros((4, 3), np.int16))


@settings(max_examples=40)
@given(frame=pictures() | sounds(), protocol=st.integers(2, 5))
def test_a_pickled_frame_is_the_same(frame: VideoFrame | AudioFrame, protocol: int) -> None:
    made = pickle.loads(pickle.dumps(frame, protocol))  # noqa: S301 - our own

    assert same_frames(made, frame)
    assert not any(array.flags.writeable for array in arrays(made))


@pytest.mark.parametrize("frame", [picture(64, 64), sound(5000)], ids=["picture", "sound"])
def test_a_frame_is_pickled_without_copying_its_memory(frame: VideoFrame | AudioFrame) -> None:
    buffers: list[pickle.PickleBuffer] = []

    data = pickle.dumps(frame, 5, buffer_callback=buffers.append)
    made = pickle.loads(data, buffers=buffers)  # noqa: S301 - our own

    assert len(data) < 1000
    assert [*map(address, arrays(made))] == [*map(address, arrays(frame))]


@pytest.mark.parametrize("frame", [picture(), sound()], ids=["picture", "sound"])
def test_frames_can_be_copied(frame: VideoFrame | AudioFrame) -> None:
    assert same_frames(copy.copy(frame), frame)
    assert same_frames(copy.deepcopy(frame), frame)
