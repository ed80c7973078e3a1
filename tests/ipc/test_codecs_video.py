from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings

from streamflow.errors import IpcError, PicklingError, RingCorrupt
from streamflow.frames import VideoFrame
from streamflow.frames.video import NO_METADATA, PIXEL_FORMATS
from streamflow.ipc.codecs import Kind, video
from streamflow.ipc.codecs.payload import SMALL
from streamflow.ipc.shared import SharedPool
from tests.support.crossing import (
    GENERATOR,
    Crossing,
    address,
    noise,
    picture,
    pictures,
    same_frames,
)


@settings(max_examples=50)
@given(frame=pictures())
def test_a_picture_is_the_same_on_the_other_side(frame: VideoFrame) -> None:
    crossing = Crossing()

    made = crossing(frame)

    assert same_frames(made, frame)
    assert not any(plane.flags.writeable for plane in made.planes)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 1), (33, 17)])
@pytest.mark.parametrize("format", PIXEL_FORMATS)
def test_pictures_of_odd_sizes_cross(format: str, size: tuple[int, int]) -> None:
    frame = picture(*size, format)

    assert same_frames(Crossing()(frame), frame)


def test_planes_are_read_where_they_stand_in_the_slot() -> None:
    crossing = Crossing()

    made = crossing(picture(200, 100))

    slot = np.frombuffer(crossing.slot.memory, np.uint8)
    low, high = address(slot), address(slot) + slot.nbytes
    assert all(low <= address(plane) < high for plane in made.planes)
    assert all((address(plane) - low) % 64 == 0 for plane in made.planes)
    assert crossing.encoded.copied == made.nbytes


def test_the_lease_lasts_while_a_plane_or_a_part_of_one_lives() -> None:
    crossing = Crossing()
    made = crossing(picture(200, 100))
    corner = made.planes[0][3:5, 4:6]

    del made
    held = crossing.lent
    del corner

    assert held
    assert not crossing.lent


def test_a_small_picture_holds_no_lease() -> None:
    crossing = Crossing()
    made = crossing(picture(16, 16))

    assert crossing.encoded.length <= SMALL
    assert not crossing.lent
    assert same_frames(made, picture(16, 16))


def test_a_small_picture_travels_in_a_batch() -> None:
    frame = picture(16, 16, "nv12", pts=4, metadata={"a": (1,)})

    assert same_frames(Crossing().in_batch(frame), frame)


@pytest.mark.parametrize("format", ["yuv420p", "nv12", "rgb24", "gray"])
def test_pictures_of_libav_cross(format: str) -> None:
    shape = (48 * 3 // 2, 66) if format in ("yuv420p", "nv12") else (48, 66)
    pixels = noise((*shape, 3) if format == "rgb24" else shape)
    source = av.VideoFrame.from_ndarray(pixels, format=format)
    source.pts, source.time_base = 5, Fraction(1, 30)
    frame = VideoFrame.from_av(source)

    for crossing in (Crossing(), Crossing(references=True, pool=SharedPool())):
        assert same_frames(crossing(frame), VideoFrame.from_av(source))


def test_a_received_picture_goes_into_libav() -> None:
    crossing = Crossing()
    frame = picture(64, 48)

    made = VideoFrame.from_av(crossing(frame).to_av())

    assert same_frames(made.replace(time_base=None), frame.replace(time_base=None))


def test_a_received_picture_is_copied_before_it_is_written() -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    got = crossing(picture(640, 360))

    mine = got.writable()
    mine.planes[0][:] = 0

    assert same_frames(got, picture(640, 360))


def test_no_metadata_cost_nothing() -> None:
    crossing = Crossing()
    made = crossing(picture(16, 16))
    bare = crossing.encoded.length
    crossing(picture(16, 16, metadata={}))

    assert made.metadata is NO_METADATA
    assert crossing.encoded.length == bare


def test_plain_metadata_cross_to_those_who_do_not_trust_us() -> None:
    crossing = Crossing(trusted=False)

    made = crossing(picture(200, 100, metadata={"rotation": 90, "boxes": [[1, 2.5], None]}))

    assert made.metadata == {"rotation": 90, "boxes": [[1, 2.5], None]}


def test_other_metadata_do_not() -> None:
    crossing = Crossing(trusted=False)

    with pytest.raises(IpcError, match="metadata came as a pickle, which can run any code"):
        crossing(picture(metadata={"size": (1, 2)}))


def test_metadata_that_cannot_travel_are_named() -> None:
    with pytest.raises(PicklingError, match="cannot pickle 'generator' object"):
        Crossing()(picture(metadata={"more": GENERATOR}))


@pytest.mark.parametrize("pts", [2**63, -(2**63) - 1, 10**30])
def test_a_pts_beyond_64_bits_crosses(pts: int) -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    frame = picture(640, 360, pts=pts, time_base=Fraction(1, 10**30))

    made = crossing(frame)

    assert same_frames(made, frame)
    assert crossing.encoded.kind == Kind.OBJECT
    assert crossing.encoded.copied == 0


def test_the_pts_stands_in_the_descriptor_too() -> None:
    encoder = Crossing().encoder

    assert encoder.encode(picture(pts=-7)).pts == -7
    assert encoder.encode(picture()).pts == 0


def test_a_reader_that_knows_many_formats_forgets_them_again() -> None:
    crossing = Crossing()

    for width in range(1, 3 * video.KNOWN):
        frame = picture(width, 2)
        assert same_frames(crossing(frame), frame)

    reader: Any = crossing.decoder._readers[Kind.VIDEO]
    assert len(reader.__self__._known) <= video.KNOWN


# -- frames themselves


# -- lies


@pytest.mark.parametrize("width", [0, 641, 2**32 - 1])
def test_a_picture_that_is_larger_than_its_slot_is_refused(width: int) -> None:
    crossing = Crossing()
    crossing.write(picture(640, 360))
    struct.pack_into("<I", crossing.slot.body, 12, width)

    with pytest.raises(RingCorrupt, match="a payload is no video"):
        crossing.read(crossing.slot.lease(crossing.encoded.length, Kind.VIDEO))
