"""Arrays and frames in shared memory, within objects: they stay there too."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.ipc.codecs.payload import LENT
from streamflow.ipc.memory import find
from streamflow.ipc.shared import SharedPool
from tests.support.crossing import (
    Array,
    Crossing,
    address,
    noise,
    picture,
    pooled,
    same_frames,
)


def test_what_is_copied_out_holds_nothing() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    value: list[Any] = [picture(640, 360), noise((LENT,)), pool.allocate((LENT,))]

    made = crossing(value, copy=True)

    assert not crossing.lent
    assert same_frames(made[0], value[0])
    assert all(map(np.array_equal, made[1:], value[1:]))


def test_an_array_of_shared_memory_is_referred_to() -> None:
    pool = SharedPool()
    array = pool.allocate((300, 400), np.float32)
    array[...] = 0.5
    crossing = Crossing(references=True, pool=pool)

    made = crossing({"label": "cat", "mask": array[100:200]})["mask"]

    assert np.array_equal(made, array[100:200])
    assert address(made) == address(array[100])
    assert not made.flags.writeable
    assert crossing.encoded.copied == 0
    assert crossing.encoded.small is None


def test_a_tuple_of_frames_in_shared_memory_crosses_without_a_copy() -> None:
    """What a merge emits."""
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    frame = pooled(pool, picture(640, 360))
    crop = frame.with_planes(
        (frame.planes[0][10:210, 20:220], *(p[5:105, 10:110] for p in frame.planes[1:]))
    )
    samples = pool.allocate((2, 9000), np.float32)
    samples[...] = 1
    sound = AudioFrame(samples[:, ::-2], layout="stereo")

    made = crossing((crop, sound))

    assert all(map(same_frames, made, (crop, sound)))
    assert crossing.encoded.copied == 0
    assert address(made[0].planes[0]) == address(crop.planes[0])
    assert address(made[1].samples) == address(sound.samples)


def test_a_tuple_of_frames_in_private_memory_is_copied_once_for_a_fan_out() -> None:
    pool = SharedPool()
    crossings = [Crossing(references=True, pool=pool) for _ in range(3)]
    value = (picture(640, 360), picture(64, 48))

    made = [crossing(value) for crossing in crossings]

    assert len({address(one[0].planes[0]) for one in made}) == 1
    assert [crossing.encoded.copied for crossing in crossings] == [0, 0, 0]
    assert all(same_frames(one[1], value[1]) for one in made)


def test_a_frame_whose_planes_lie_in_several_memories_crosses() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    planes: list[Array] = []
    for plane in picture(640, 360).planes:
        memory = pool.allocate(plane.shape)
        memory[...] = plane
        planes.append(memory)

    made = crossing([VideoFrame(tuple(planes))])[0]

    assert same_frames(made, picture(640, 360))
    assert crossing.encoded.copied == 0
    assert all(find(plane) for plane in made.planes)


def test_what_an_object_refers_to_is_kept_until_its_slot_comes_back() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    value = [pooled(pool, picture(640, 360))]
    encoded = crossing.encoder.encode(value)
    value.clear()
    gc.collect()

    kept = pool.statistics().lent
    del encoded

    assert kept > 0
    assert pool.statistics().lent == 0


def test_an_encoder_keeps_nothing_of_what_it_has_encoded() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)

    crossing.encoder.encode([pooled(pool, picture(640, 360)), pool.allocate((LENT,))])

    assert pool.statistics().lent == 0
