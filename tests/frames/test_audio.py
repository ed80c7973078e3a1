from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.ipc.pool import Pool

Array = npt.NDArray[Any]
arrow = cast("Any", pa)  # it ships no types
FORMATS, LAYOUTS = list(SAMPLE_FORMATS), list(CHANNELS)


def sound(format: str = "fltp", layout: str = "stereo", n: int = 10, **fields: Any) -> AudioFrame:
    """A frame whose samples are all different."""
    channels = CHANNELS[layout]
    steps = np.arange(channels * n).reshape(channels, n)
    samples = (steps / (channels * n) if "flt" in format else steps * 3).astype(
        SAMPLE_FORMATS[format]
    )
    ordered = samples if format.endswith("p") else samples.T.copy()
    return AudioFrame(ordered, format, layout=layout, **fields)


@given(
    format=st.sampled_from(FORMATS),
    layout=st.sampled_from(LAYOUTS),
    n=st.integers(1, 300),
    rate=st.sampled_from([8_000, 44_100, 48_000]),
)
def test_sound_survives_libav(format: str, layout: str, n: int, rate: int) -> None:
    frame = sound(format, layout, n, rate=rate, pts=5)

    back = AudioFrame.from_av(frame.to_av())

    assert np.array_equal(back.samples, frame.samples)
    assert (back.format, back.layout, back.rate) == (format, layout, rate)
    assert (back.pts, back.time_base) == (5, Fraction(1, rate))


@given(format=st.sampled_from(FORMATS), layout=st.sampled_from(LAYOUTS), n=st.integers(0, 50))
def test_channels_come_first_whatever_the_format(format: str, layout: str, n: int) -> None:
    frame = sound(format, layout, n)

    array = frame.to_ndarray()

    assert array.shape == (CHANNELS[layout], n)
    assert np.shares_memory(array, frame.samples) or n == 0
    assert (frame.channels, frame.samples_per_channel) == (CHANNELS[layout], n)


@given(
    samples=st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=50),
    through=st.sampled_from(["flt", "s32", "fltp", "s32p"]),
)
def test_16_bit_samples_survive_every_wider_format(samples: list[int], through: str) -> None:
    frame = AudioFrame(np.array([samples], np.int16), "s16p")

    wide = AudioFrame(frame.to_ndarray(through), through.removesuffix("p") + "p")

    assert np.array_equal(wide.to_ndarray("s16"), frame.samples)


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50))
def test_what_is_too_loud_is_clipped(samples: list[float]) -> None:
    frame = AudioFrame(np.array([samples], np.float32))

    made = frame.to_ndarray("s16").astype(np.int64)

    wanted = np.clip(np.array([samples]) * 32_768, -32_768, 32_767)
    assert np.abs(made - wanted).max() <= 0.5


def test_full_scale_is_full_scale() -> None:
    frame = AudioFrame(np.array([[-1.0, 0.0, 1.0]], np.float32))

    assert frame.to_ndarray("s16").tolist() == [[-32_768, 0, 32_767]]
    assert frame.to_ndarray("s32").tolist() == [[-(2**31), 0, 2**31 - 1]]


def test_libavs_samples_are_viewed_where_they_lie_in_one_piece() -> None:
    decoded = av.AudioFrame("s16", "stereo", 100)
    decoded.sample_rate = 48_000

    frame = AudioFrame.from_av(decoded)

    assert np.shares_memory(frame.samples, np.frombuffer(memoryview(decoded.planes[0]), np.int16))


def test_wrapping_copies_nothing() -> None:
    array = np.zeros((2, 10), np.float32)

    frame = AudioFrame.from_ndarray(array, "fltp")

    assert np.shares_memory(frame.samples, array)
    assert np.shares_memory(np.asarray(frame), array)


def test_packed_samples_may_come_as_pyav_gives_them() -> None:
    frame = sound("s16", "stereo", 10)

    again = AudioFrame.from_ndarray(frame.to_av().to_ndarray(), "s16", "stereo")

    assert np.array_equal(again.samples, frame.samples)


def test_nobody_can_write_into_a_frame() -> None:
    with pytest.raises(ValueError, match="read-only"):
        sound().samples[0] = 1


def test_a_writable_frame_is_a_copy_of_memory_that_others_own() -> None:
    frame = sound()

    mine = frame.writable()
    mine.samples[:] = 0

    assert frame.samples.any()
    assert not mine.samples.any()


def test_memory_that_the_library_lent_is_written_in_place_unless_it_is_shared() -> None:
    array = Pool().allocate((2, 10), np.float32)
    frame = AudioFrame(array, layout="stereo")

    alone = frame.writable()
    frame.shared = True
    beside = frame.writable()

    assert np.shares_memory(alone.samples, array)
    assert not np.shares_memory(beside.samples, array)


def test_a_frame_changes_only_in_what_is_said_about_it() -> None:
    frame = sound(pts=1)

    new = frame.replace(pts=2, time_base=Fraction(1, 90_000))

    assert (frame.pts, new.pts, new.time_base) == (1, 2, Fraction(1, 90_000))
    assert new.samples is frame.samples


def test_the_rate_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="a frame has no replaceable field rate"):
        sound().replace(rate=44_100)


def test_time_and_duration_are_in_seconds() -> None:
    frame = sound(n=480, pts=24_000)

    assert (frame.time, frame.duration, frame.nbytes) == (0.5, 0.01, 480 * 2 * 4)


def test_others_read_the_samples_without_asking() -> None:
    frame = sound("s16")

    assert np.array_equal(np.from_dlpack(frame), frame.samples)
    assert arrow.array(frame).to_pylist() == frame.samples.reshape(-1).tolist()
    assert frame.__dlpack_device__()[0] == 1
    assert not np.shares_memory(np.array(frame, copy=True), frame.samples)
    assert np.array(frame, np.float64).dtype == np.float64


def test_a_frame_is_short_to_print() -> None:
    assert repr(sound(pts=4)) == "<AudioFrame 10 samples 48000 Hz fltp stereo pts=4>"


def zeros(*shape: int, dtype: Any = np.float32) -> Array:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AudioFrame(zeros(1, 4), "u8"), "unknown sample format 'u8'; an AudioFrame holds"),
        (lambda: AudioFrame(zeros(1, 4), layout="9.1"), "unknown channel layout '9.1'"),
        (lambda: AudioFrame(zeros(1, 4), rate=0), "rate must be 1 Hz or more, not 0"),
        (lambda: AudioFrame(zeros(4)), r"fltp mono needs samples \(channels, n\) with 1 channels"),
        (
            lambda: AudioFrame(zeros(2, 4), "flt", layout="stereo"),
            r"samples \(n, channels\) with 2",
        ),
        (lambda: AudioFrame(zeros(1, 4), "s16p"), "s16p needs int16, not float32"),
        (
            lambda: AudioFrame.from_ndarray(zeros(1, 5, dtype=np.int16), "s16", "stereo"),
            r"s16 stereo needs samples \(n, channels\) with 2 channels, not \(1, 5\)",
        ),
        (lambda: AudioFrame.from_av(av.AudioFrame("u8", "mono", 4)), "cannot hold u8 mono"),
        (lambda: sound().to_ndarray("u8"), "unknown sample format 'u8'"),
    ],
)
def test_what_is_no_sound_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
