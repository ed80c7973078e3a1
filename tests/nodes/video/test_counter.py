from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.frames import VideoFrame
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.nodes import Flip, Scale
from streamflow.nodes.video.counter import MODULO, CounterPainter, crc8, encode, read_counter
from streamflow.nodes.video.patterns import draw_pattern
from tests.nodes.drive import drive, pictures


def painted(number: int, width: int = 64, height: int = 48, format: str = "yuv420p") -> VideoFrame:
    drawn = VideoFrame(draw_pattern("noise", width, height)).reformat(format=format)
    planes = tuple(plane.copy() for plane in drawn.planes)
    painter = CounterPainter(format, width, height)
    painter.clear_chroma(planes)
    painter.paint(planes, number)
    return VideoFrame(planes, format)


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(0, MODULO - 1),
    width=st.integers(64, 200),
    height=st.integers(48, 160),
    format=st.sampled_from(sorted(PIXEL_FORMATS)),
)
def test_every_number_is_read_back_from_every_format_and_size(
    number: int, width: int, height: int, format: str
) -> None:
    frame = painted(number, width, height, format)

    assert read_counter(frame) == number


@settings(max_examples=30, deadline=None)
@given(number=st.integers(0, MODULO - 1), width=st.sampled_from([160, 322, 640]))
def test_a_number_survives_scaling_to_half_size(number: int, width: int) -> None:
    frame = painted(number, width, width * 9 // 16)

    (half,) = drive(Scale(width=width // 2), [frame])

    assert read_counter(half) == number


@pytest.mark.parametrize("pattern", ["bars", "noise", "checkerboard"])
def test_numbers_survive_lossy_h264(pattern: str) -> None:
    frames = pictures(24, width=320, height=180, pattern=pattern)

    decoded = through_h264(frames)

    assert [read_counter(frame) for frame in decoded] == list(range(24))


def through_h264(frames: list[VideoFrame]) -> list[VideoFrame]:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"crf": "35"})
        stream.width, stream.height = frames[0].width, frames[0].height
        for frame in frames:
            container.mux(stream.encode(frame.to_av()))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        return [VideoFrame.from_av(frame) for frame in container.decode(video=0)]


def test_numbers_begin_again_after_24_bits() -> None:
    assert read_counter(painted(MODULO + 5)) == 5


def test_a_picture_without_a_counter_has_no_number() -> None:
    plain = pictures(1, counter=False, pattern="noise")[0]
    gray = VideoFrame((np.full((48, 64), 90, np.uint8),), "gray8")

    assert read_counter(plain) is None
    assert read_counter(gray) is None


def test_a_picture_that_is_too_small_has_no_number() -> None:
    assert read_counter(VideoFrame((np.zeros((8, 8), np.uint8),), "gray8")) is None


@pytest.mark.parametrize("how", [{"horizontal": True}, {"vertical": True}])
def test_a_mirrored_picture_has_no_number(how: dict[str, bool]) -> None:
    (mirrored,) = drive(Flip(**how), pictures(1))

    assert read_counter(mirrored) is None


@given(number=st.integers(0, MODULO - 1), cell=st.integers(0, 35))
def test_one_wrong_cell_is_noticed(number: int, cell: int) -> None:
    cells = encode(number)
    cells.reshape(-1)[cell] ^= 1
    rows = np.repeat(cells * np.uint8(255), 4, 0)
    picture = np.vstack([np.zeros((40, 18), np.uint8), rows])

    assert read_counter(VideoFrame((np.repeat(picture, 4, 1),), "gray8")) is None


@given(number=st.integers(0, MODULO - 1))
def test_a_cell_may_be_as_small_as_a_pixel(number: int) -> None:
    picture = np.vstack([np.zeros((10, 18), np.uint8), encode(number) * np.uint8(255)])

    assert read_counter(VideoFrame((picture,), "gray8")) == number


def test_the_checksum_is_that_of_crc_8() -> None:
    # The check value of CRC-8/SMBUS for "1" is 0x97; ours covers two leading zero bytes.
    assert crc8(ord("1")) == 0x97 ^ 0xFF


def test_a_counter_does_not_fit_in_a_small_picture() -> None:
    with pytest.raises(ValueError, match="64x48 or more, not 63x48"):
        CounterPainter("yuv420p", 63, 48)
