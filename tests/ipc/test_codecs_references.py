"""Frames that lie in shared memory: they stay there, and where they lie crosses."""

from __future__ import annotations

import gc
import os
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import IpcError, RingCorrupt
from streamflow.frames import VideoFrame
from streamflow.frames.memory import lent
from streamflow.frames.video import PIXEL_FORMATS, plane_shapes
from streamflow.ipc.backend import rings
from streamflow.ipc.codecs import Kind, video
from streamflow.ipc.codecs.payload import REFERENCE, SMALL
from streamflow.ipc.memory import attach, find, of
from streamflow.ipc.shared import SharedPool
from tests.support.crossing import (
    STYLES,
    Array,
    Crossing,
    address,
    picture,
    pictures,
    pooled,
    same_frames,
)
from tests.support.rings import join


@settings(max_examples=25)
@given(frame=pictures(), copy=st.booleans())
def test_a_picture_that_is_referred_to_is_the_same_on_the_other_side(
    frame: VideoFrame, copy: bool
) -> None:
    crossing = Crossing(references=True, pool=SharedPool())

    made = crossing(frame, copy=copy)

    assert same_frames(made, frame)
    assert not any(plane.flags.writeable for plane in made.planes)


@pytest.mark.parametrize("format", PIXEL_FORMATS)
@pytest.mark.parametrize("style", STYLES)
def test_planes_that_lie_in_shared_memory_in_any_way_are_referred_to(
    style: Any, format: str
) -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    planes: list[Array] = []
    for plane in picture(201, 151, format).planes:
        laid = style(plane)
        base = laid if laid.base is None else laid.base
        memory = pool.allocate(base.shape)
        memory[...] = base
        offset = address(laid) - address(base)
        planes.append(np.ndarray(laid.shape, np.uint8, memory.reshape(-1), offset, laid.strides))
    frame = VideoFrame(tuple(planes), format)

    made = crossing(frame)

    assert same_frames(made, frame)
    assert [plane.strides for plane in made.planes] == [plane.strides for plane in planes]
    assert [address(plane) for plane in made.planes] == [address(plane) for plane in planes]
    assert crossing.encoded.copied == 0


def test_a_reference_holds_the_lease_too() -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    made = crossing(picture(200, 100))
    pixels = memoryview(made.planes[2][4:6])

    del made
    held = crossing.lent
    del pixels

    assert held
    assert not crossing.lent


def test_planes_in_several_memories_hold_the_lease_each() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    planes = tuple(pool.allocate(shape) for shape in plane_shapes("yuv420p", 400, 300))
    made = crossing(VideoFrame(planes))
    last = made.planes[2]

    del made
    held = crossing.lent
    del last

    assert len(crossing.memories) > 1
    assert held
    assert not crossing.lent


def test_what_is_copied_out_holds_nothing() -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    frame = picture(200, 100)

    made = crossing(frame, copy=True)

    assert not crossing.lent
    assert same_frames(made, frame)
    assert not made.planes[0].flags.writeable


def test_a_reference_is_no_part_of_a_batch() -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    crossing(picture(200, 100))

    assert crossing.encoded.small is None
    assert crossing.encoded.length > SMALL


def test_a_picture_in_shared_memory_crosses_without_a_copy() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    frame = pooled(pool, picture(640, 360))

    made = crossing(frame.replace(pts=8))

    assert crossing.encoded.copied == 0
    assert crossing.encoded.length < 5_000
    assert [address(plane) for plane in made.planes] == [address(plane) for plane in frame.planes]


def test_a_picture_in_private_memory_is_shared_first() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    frame = picture(640, 360)

    made = crossing(frame)

    assert crossing.encoded.copied == 0
    assert pool.statistics().lent >= frame.nbytes
    assert find(made.planes[0]) is not None


def test_what_a_reference_points_to_is_kept_until_its_slot_comes_back() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    encoded = crossing.encoder.encode(pooled(pool, picture(640, 360)))
    gc.collect()

    kept = pool.statistics().lent
    del encoded

    assert kept > 0
    assert pool.statistics().lent == 0


def test_without_a_pool_only_what_is_shared_is_referred_to() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True)
    frame = picture(640, 360)

    private = crossing(frame)
    copied = crossing.encoded.copied
    shared = crossing(pooled(pool, frame))

    assert same_frames(private, frame)
    assert same_frames(shared, frame)
    assert copied == frame.nbytes
    assert crossing.encoded.copied == 0


def test_without_references_a_shared_picture_is_written_into_the_slot() -> None:
    pool = SharedPool()
    crossing = Crossing(pool=pool)
    frame = pooled(pool, picture(640, 360))

    assert same_frames(crossing(frame), frame)
    assert crossing.encoded.copied == frame.nbytes


def test_a_small_picture_is_written_into_the_slot_wherever_it_lies() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    frame = pooled(pool, picture(100, 100))

    crossing(frame)

    assert frame.nbytes <= REFERENCE
    assert crossing.encoded.copied == frame.nbytes


def test_the_crop_of_a_received_picture_goes_on_without_a_copy() -> None:
    """A to B to C: what B got in a slot of A's ring is sent on, cropped, by reference."""
    ring = rings()
    producer = ring.Producer(12, 1 << 20)
    consumer = join(ring, producer)
    of(consumer.segment())
    first, second = Crossing(), Crossing(references=True, pool=SharedPool())
    encoded = first.encoder.encode(picture(640, 360))
    slot = producer.reserve()
    encoded.write(producer.memory(slot))
    producer.commit(slot, encoded.length, kind=encoded.kind)
    lease = consumer.take()
    assert lease is not None
    got = first.decoder.decode(lease)
    del lease

    crop = got.with_planes(
        (got.planes[0][10:110, 20:120], *(p[5:55, 10:60] for p in got.planes[1:]))
    )
    onward = second.encoder.encode(crop)
    del got, crop
    held = producer.holds(slot)
    del onward

    assert held
    assert not producer.holds(slot)


def test_a_forwarded_crop_shows_what_it_should() -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    frame = picture(640, 360)
    got = crossing(frame)

    flipped = got.with_planes(tuple(plane[::-1, ::-1] for plane in got.planes))
    made = crossing(flipped)

    assert same_frames(made, flipped)
    assert crossing.encoded.copied == 0
    assert address(made.planes[0]) == address(got.planes[0]) + got.planes[0].nbytes - 1


def test_our_own_memory_that_comes_back_may_not_be_written() -> None:
    pool = SharedPool()
    frame = pooled(pool, picture(640, 360))

    made = Crossing(references=True, pool=pool)(frame)

    assert lent(frame.planes[0])
    assert not lent(made.planes[0])
    assert not made.planes[0].flags.writeable


def crossed(frame: VideoFrame) -> tuple[Crossing, bytearray]:
    crossing = Crossing(references=True, pool=SharedPool())
    crossing.write(frame)
    return crossing, crossing.slot.body


def read(crossing: Crossing, body: bytearray) -> Any:
    crossing.slot.body[:] = body
    return crossing.read(crossing.slot.lease(len(body), Kind.VIDEO))


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("offset", [2**64 - 1, 2**40, 100_000_000])
def test_a_reference_beyond_its_memory_is_refused(plane: int, offset: int) -> None:
    crossing, body = crossed(picture(640, 360))
    struct.pack_into("<Q", body, video.BODY + 3 * 24 + 16 * plane + 8, offset)

    with pytest.raises(RingCorrupt, match="refers to bytes"):
        read(crossing, body)


@pytest.mark.parametrize("stride", [2**63 - 1, -(2**63), 10_000_000, -1_000_000])
@pytest.mark.parametrize("axis", [0, 1])
def test_strides_that_lead_out_of_the_memory_are_refused(axis: int, stride: int) -> None:
    crossing, body = crossed(picture(640, 360))
    struct.pack_into("<q", body, video.BODY + 8 * axis, stride)

    with pytest.raises(RingCorrupt, match="refers to bytes"):
        read(crossing, body)


def test_a_memory_that_nobody_announced_is_refused() -> None:
    crossing, body = crossed(picture(640, 360))
    struct.pack_into("<Q", body, video.BODY + 3 * 24, 77)

    with pytest.raises(RingCorrupt, match="names memory 77, which was not announced"):
        read(crossing, body)


def test_a_reference_without_its_lease_is_refused() -> None:
    crossing, body = crossed(picture(640, 360))

    with pytest.raises(IpcError, match="cannot be read without a lease"):
        crossing.decoder.decode_bytes(Kind.VIDEO, 0, 0, 0, bytes(body))


def test_memory_that_another_process_wrote_is_read_where_it_is_mapped() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    frame = pooled(pool, picture(640, 360))
    lease = crossing.write(frame)
    (ours,) = crossing.memories
    theirs = attach(os.dup(ours.fd), b"by another name!")
    crossing.memories[:] = [theirs]

    made = crossing.read(lease)
    theirs.close()

    assert same_frames(made, frame)
    assert find(made.planes[0]) == (theirs, address(frame.planes[0]) - ours.start)
    assert not made.planes[0].flags.writeable
