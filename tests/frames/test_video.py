from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from av.filter import Graph
from av.video.format import VideoFormat
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import VideoFrame
from streamflow.frames.memory import lent
from streamflow.frames.video import PIXEL_FORMATS, plane_shapes
from streamflow.ipc.pool import Pool

Array = npt.NDArray[Any]
arrow = cast("Any", pa)  # it ships no types
FORMATS = list(PIXEL_FORMATS)
PACKED = ["rgb24", "bgr24", "gray8", "rgba"]


def picture(format: str, width: int = 6, height: int = 4, **fields: Any) -> VideoFrame:
    """A frame whose samples are all different, as far as a byte goes."""
    planes = tuple(
        (np.arange(np.prod(shape)) * 7 % 256).astype(np.uint8).reshape(shape)
        for shape in plane_shapes(format, width, height)
    )
    return VideoFrame(planes, format, **fields)


def same(left: VideoFrame, right: VideoFrame) -> bool:
    return left.format == right.format and all(
        np.array_equal(a, b) for a, b in zip(left.planes, right.planes, strict=True)
    )


sizes = st.integers(1, 40)


@given(format=st.sampled_from(FORMATS), width=sizes, height=sizes)
def test_a_frame_survives_libav_at_any_size(format: str, width: int, height: int) -> None:
    frame = picture(format, width, height, pts=3, time_base=Fraction(1, 25), color_range=1)

    back = VideoFrame.from_av(frame.to_av())

    assert same(frame, back)
    assert (back.width, back.height, back.nbytes) == (width, height, frame.nbytes)
    assert (back.pts, back.time_base, back.color_range) == (3, Fraction(1, 25), 1)


@given(format=st.sampled_from(FORMATS), width=sizes, height=sizes)
def test_bytes_are_those_of_the_planes(format: str, width: int, height: int) -> None:
    frame = picture(format, width, height)

    assert frame.nbytes == sum(plane.size for plane in frame.planes)
    assert VideoFrame.from_av(frame.to_av()).nbytes == frame.nbytes


@given(format=st.sampled_from(FORMATS), width=sizes.map(lambda n: 2 * n), height=sizes)
def test_a_frame_survives_being_one_array(format: str, width: int, height: int) -> None:
    frame = picture(format, width, 2 * height)

    back = VideoFrame.from_ndarray(frame.to_ndarray(), format)

    assert same(frame, back)


@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_an_array_is_laid_out_as_pyav_lays_it_out(data: st.DataObject, format: str) -> None:
    width, height = (data.draw(sizes) * 2 for _ in range(2))
    frame = picture(format, width, height)

    assert np.array_equal(frame.to_ndarray(), frame.to_av().to_ndarray())


@pytest.mark.parametrize("format", FORMATS)
def test_nobody_can_write_into_a_frame(format: str) -> None:
    frame = picture(format)

    for plane in (*frame.planes, *VideoFrame.from_av(frame.to_av()).planes):
        with pytest.raises(ValueError, match="read-only"):
            plane[0] = 1


def test_wrapping_copies_nothing() -> None:
    array = np.zeros((4, 6, 3), np.uint8)

    frame = VideoFrame.from_ndarray(array)

    assert np.shares_memory(frame.planes[0], array)
    assert np.shares_memory(frame.to_ndarray(), array)
    assert np.shares_memory(np.asarray(frame), array)
    assert array.flags.writeable


def test_a_frame_of_libav_is_viewed_where_it_lies() -> None:
    decoded = av.VideoFrame(64, 48, "yuv420p")

    frame = VideoFrame.from_av(decoded)

    first = np.frombuffer(memoryview(decoded.planes[0]), np.uint8)
    assert np.shares_memory(frame.planes[0], first)
    assert [plane.shape for plane in frame.planes] == [(48, 64), (24, 32), (24, 32)]


def test_libav_is_given_the_same_memory() -> None:
    frame = picture("yuv420p", 64, 48)

    wrapped = frame.to_av()

    assert np.shares_memory(np.frombuffer(memoryview(wrapped.planes[0]), np.uint8), frame.planes[0])


def test_libav_gets_a_fresh_frame_each_time() -> None:
    frame = picture("yuv420p", pts=25, time_base=Fraction(1, 25))

    first = frame.to_av()
    first.pts, first.time_base = 90_000, Fraction(1, 90_000)

    assert (frame.to_av().pts, frame.to_av().time_base) == (25, Fraction(1, 25))


@pytest.mark.parametrize(
    "flip", [np.s_[::-1], np.s_[::2], np.s_[1:3]], ids=["upside", "half", "cut"]
)
def test_planes_with_a_stride_of_their_own_survive_libav(flip: Any) -> None:
    planes = tuple(plane[flip] for plane in picture("gray8", 6, 4).planes)
    frame = VideoFrame(planes, "gray8")

    assert same(frame, VideoFrame.from_av(frame.to_av()))


def test_a_picture_that_stands_on_its_head_in_libav_is_read_right_way_up() -> None:
    graph = Graph()
    frame = picture("gray8", 32, 8, time_base=Fraction(1, 25))
    source = graph.add_buffer(
        width=32, height=8, format=VideoFormat("gray"), time_base=Fraction(1, 25)
    )
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(frame.to_av())

    flipped = VideoFrame.from_av(graph.pull())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - it is video

    assert np.array_equal(flipped.planes[0], frame.planes[0][::-1])
    assert same(flipped, VideoFrame.from_av(flipped.to_av()))


def test_a_frame_changes_only_in_what_is_said_about_it() -> None:
    frame = picture("gray8", pts=1)

    new = frame.replace(pts=2, metadata={"label": "cat"})

    assert (frame.pts, new.pts, new.metadata["label"]) == (1, 2, "cat")
    assert new.planes[0] is frame.planes[0]


def test_planes_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="a frame has no replaceable field planes, width"):
        picture("gray8").replace(width=3, planes=())


def test_a_writable_frame_is_a_copy_of_memory_that_others_own() -> None:
    array = np.zeros((4, 6), np.uint8)
    frame = VideoFrame.from_ndarray(array, "gray8")

    mine = frame.writable()
    mine.planes[0][:] = 9

    assert array.sum() == 0
    assert mine.planes[0].sum() == 9 * 24


def test_memory_that_the_library_lent_is_written_in_place() -> None:
    array = Pool().allocate((4, 6))
    frame = VideoFrame((array,), "gray8")

    mine = frame.writable()
    mine.planes[0][:] = 9

    assert np.shares_memory(mine.planes[0], array)
    assert (array == 9).all()
    assert lent(mine.planes[0])
    assert not frame.planes[0].flags.writeable


def test_memory_that_another_branch_was_given_is_copied() -> None:
    array = Pool().allocate((4, 6))
    frame = VideoFrame((array,), "gray8")
    frame.shared = True

    assert not np.shares_memory(frame.writable().planes[0], array)


def test_a_writable_frame_of_libav_is_no_view_of_libavs_memory() -> None:
    frame = VideoFrame.from_av(picture("yuv420p", 64, 48).to_av())

    mine = frame.writable()
    mine.planes[0][:] = 0

    assert frame.planes[0].any()
    assert not VideoFrame.from_av(mine.to_av()).planes[0].any()


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_grey_stays_grey_in_every_format(source: str, target: str) -> None:
    grey = VideoFrame.from_ndarray(np.full((8, 16, 3), 128, np.uint8), "rgb24", pts=7)

    made = grey.reformat(format=source).reformat(format=target).reformat(format="rgb24")

    # libswscale's fast paths are off by a few levels.
    assert np.abs(made.to_ndarray().astype(int) - 128).max() <= 6
    assert made.pts == 7


def test_a_picture_is_scaled() -> None:
    frame = picture("yuv420p", 64, 48, pts=1, time_base=Fraction(1, 25), metadata={"a": 1})

    made = frame.reformat(32, 24, interpolation="bicubic")

    assert (made.width, made.height, made.format) == (32, 24, "yuv420p")
    assert (made.pts, made.time_base, made.metadata) == (1, Fraction(1, 25), {"a": 1})


def test_a_picture_that_is_right_already_is_itself() -> None:
    frame = picture("yuv420p", 64, 48)

    assert frame.reformat(64, 48, "yuv420p") is frame


def test_yuv_of_full_range_is_told_apart() -> None:
    frame = VideoFrame.from_av(av.VideoFrame(16, 16, "yuvj420p"))

    assert (frame.format, frame.color_range) == ("yuv420p", 2)


@pytest.mark.parametrize("format", PACKED)
def test_a_frame_of_one_plane_is_a_buffer_for_others(format: str) -> None:
    frame = picture(format)

    assert np.array_equal(np.from_dlpack(frame), frame.planes[0])
    assert arrow.array(frame).to_pylist() == frame.planes[0].reshape(-1).tolist()
    assert frame.__dlpack_device__()[0] == 1


def test_a_frame_of_several_planes_is_not_one_buffer() -> None:
    with pytest.raises(BufferError, match="yuv420p has 3: use planes"):
        np.from_dlpack(picture("yuv420p"))


def test_numpy_gets_a_view_or_a_copy_as_it_asks() -> None:
    frame = picture("rgb24")

    copy, wide = np.array(frame), np.asarray(frame, np.float32)

    assert not np.shares_memory(copy, frame.planes[0])
    assert copy.flags.writeable
    assert wide.dtype == np.float32
    assert np.array_equal(copy, wide)


def test_a_dtype_that_needs_a_copy_is_refused_where_none_is_allowed() -> None:
    # Since Python 3.12 NumPy sees the frame's buffer, and refuses in its own words.
    with pytest.raises(ValueError, match="copy"):
        np.asarray(picture("rgb24"), np.float32, copy=False)


def test_time_is_pts_in_seconds() -> None:
    assert picture("gray8", pts=50, time_base=Fraction(1, 25)).time == 2.0
    assert picture("gray8", pts=50).time is None


def test_a_frame_is_short_to_print() -> None:
    assert repr(picture("gray8", pts=4)) == "<VideoFrame 6x4 gray8 pts=4>"


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VideoFrame(()), "a yuv420p frame needs planes of two or three dimensions"),
        (lambda: VideoFrame((zeros(4),), "gray8"), "needs planes of two or three dimensions"),
        (lambda: VideoFrame((zeros(4, 6),), "rgb565"), "unknown pixel format 'rgb565'; a Video"),
        (lambda: VideoFrame((zeros(4, 6),)), r"6x4 yuv420p needs planes \(\(4, 6\), \(2, 3\)"),
        (lambda: VideoFrame((zeros(0, 6),), "gray8"), "width and height of 1 or more, not 6x0"),
        (lambda: VideoFrame((np.zeros((4, 6)),), "gray8"), "gray8 needs uint8 planes, not float64"),
        (lambda: VideoFrame.from_ndarray(zeros(5, 6), "yuv420p"), "even width and height"),
        (lambda: VideoFrame.from_ndarray(zeros(6, 5), "nv12"), r"nv12 needs .*, not \(6, 5\)"),
        (lambda: picture("yuv420p", 5, 4).to_ndarray(), "5x4 yuv420p does not fit one array"),
        (lambda: picture("gray8").reformat(format="rgb565"), "unknown pixel format 'rgb565'"),
        (lambda: VideoFrame.from_av(av.VideoFrame(4, 4, "yuv444p")), "cannot hold yuv444p"),
    ],
)
def test_what_is_no_picture_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
