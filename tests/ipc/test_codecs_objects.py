from __future__ import annotations

import enum
import gc
import struct
import subprocess
import sys
import threading
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import IpcError, PicklingError, RingCorrupt
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.ipc.codecs import Kind, byvalue, objects
from streamflow.ipc.codecs.payload import LENT, REFERENCE, SMALL
from streamflow.ipc.memory import find
from streamflow.ipc.shared import SharedPool
from streamflow.packet import Packet
from tests.support.crossing import (
    BASES,
    GENERATOR,
    METADATA,
    TIMES,
    VALUES,
    Array,
    Crossing,
    address,
    arrays,
    noise,
    picture,
    pictures,
    pooled,
    same_frames,
    sounds,
)

arrow = cast("Any", pa)  # it ships no types
ROOT = Path(__file__).parents[2]


@dataclass
class Detection:
    label: str
    box: tuple[int, int]
    mask: Any = None


class Mood(enum.Enum):
    GOOD = 1


class Twisted(enum.Flag):
    LEFT = enum.auto()
    RIGHT = enum.auto()


@settings(max_examples=60)
@given(value=VALUES)
def test_an_object_is_the_same_on_the_other_side(value: Any) -> None:
    assert Crossing()([value]) == [value]


@settings(max_examples=40)
@given(value=VALUES, pts=TIMES, time_base=BASES, metadata=METADATA)
def test_a_packet_is_the_same_on_the_other_side(
    value: Any, pts: int | None, time_base: Fraction | None, metadata: dict[str, Any]
) -> None:
    packet = Packet(value, pts, time_base, metadata)

    assert Crossing()(packet) == packet


@settings(max_examples=15)
@given(
    frames=st.lists(pictures(150) | sounds(3000), min_size=1, max_size=2),
    references=st.booleans(),
    copy=st.booleans(),
)
def test_frames_within_objects_are_the_same_on_the_other_side(
    frames: list[Any], references: bool, copy: bool
) -> None:
    crossing = Crossing(references=references, pool=SharedPool())

    made = crossing({"all": frames, "first": Packet(frames[0])}, copy=copy)

    assert all(map(same_frames, made["all"], frames))
    assert made["first"].value is made["all"][0]
    assert not any(array.flags.writeable for frame in made["all"] for array in arrays(frame))


@pytest.mark.parametrize(
    "value",
    [
        Detection("cat", (1, 2)),
        Mood.GOOD,
        Twisted.LEFT | Twisted.RIGHT,
        {1, 2},
        bytearray(b"abc"),
        Fraction(1, 3),
        MappingProxyType({"a": 1}),
        {"deep": [{"er": (None, MappingProxyType({"b": 2}))}]},
        range(5),
        ...,
        ValueError,
        NotImplemented,
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_many_kinds_cross(value: Any) -> None:
    made = Crossing()(value)

    assert made == value
    assert type(made) is type(value)


def test_an_object_that_contains_itself_crosses() -> None:
    ring: list[Any] = [1]
    ring.append(ring)

    made = Crossing()(ring)

    assert made[1] is made


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.complex128, "U3", "M8[us]"])
@pytest.mark.parametrize("count", [0, 3, 10_000, 100_000])
def test_arrays_cross(count: int, dtype: Any) -> None:
    array = np.zeros(count, np.uint8).astype(dtype)

    made = Crossing()({"a": array})["a"]

    assert np.array_equal(made, array)
    assert made.dtype == array.dtype


@pytest.mark.parametrize(
    "array",
    [
        noise((300, 300)).T,
        noise((300, 300))[::2, ::3],
        noise((300, 300))[::-1],
        np.asfortranarray(noise((300, 300))),
        np.array([{"any": "thing"}, None], object),
    ],
    ids=["turned", "thinned", "flipped", "columns", "objects"],
)
def test_arrays_that_lie_in_memory_in_any_way_cross(array: Any) -> None:
    assert np.array_equal(Crossing()([array])[0], array)


def test_large_arrays_are_read_where_they_stand_in_the_slot() -> None:
    crossing = Crossing()
    made = crossing({"mask": noise((400, 300)), "label": "cat"})["mask"]

    slot = np.frombuffer(crossing.slot.memory, np.uint8)
    assert address(slot) <= address(made) < address(slot) + slot.nbytes
    assert (address(made) - address(slot)) % 64 == 0
    assert not made.flags.writeable
    assert crossing.encoded.copied == made.nbytes
    part = made[5:6]
    del made
    assert crossing.lent
    del part
    assert not crossing.lent


@pytest.mark.parametrize("count", [100, REFERENCE + 1, LENT - 1])
@pytest.mark.parametrize("writable", [True, False])
def test_smaller_arrays_hold_no_lease_and_may_be_written_if_they_could_be(
    count: int, writable: bool
) -> None:
    array = noise((count,))
    array.flags.writeable = writable
    crossing = Crossing()

    made = crossing([array])[0]

    assert np.array_equal(made, array)
    assert made.flags.writeable is writable
    assert not crossing.lent


def test_a_small_object_travels_in_a_batch() -> None:
    value = {"label": "cat", "score": 0.5, "box": (1, 2, 3, 4), "vector": np.arange(20)}

    made = Crossing().in_batch(value)

    assert made.pop("vector").tolist() == list(range(20))
    assert made == {"label": "cat", "score": 0.5, "box": (1, 2, 3, 4)}


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

    made = crossing(Detection("cat", (1, 2), array[100:200]))

    assert np.array_equal(made.mask, array[100:200])
    assert address(made.mask) == address(array[100])
    assert not made.mask.flags.writeable
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


def test_tables_within_objects_cross() -> None:
    batch = arrow.record_batch({"x": list(range(20_000))})

    made = Crossing()({"batch": batch, "table": arrow.table(batch)})

    assert made["batch"].equals(batch)
    assert made["table"].equals(arrow.table(batch))


# -- what cannot travel


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        (GENERATOR, "generator", "cannot pickle 'generator' object"),
        (memoryview(b"abc"), "memoryview", "cannot pickle memoryview objects"),
        ({"lock": threading.Lock()}, "dict", "cannot pickle '_thread.lock' object"),
        ([sys.__stdout__], "list", "cannot pickle '_io."),
    ],
)
def test_what_cannot_travel_is_named_with_the_reason(value: Any, name: str, reason: str) -> None:
    with pytest.raises(PicklingError) as caught:
        Crossing()(value)

    assert caught.value.path == name
    assert reason in caught.value.reason


def test_what_is_too_deep_to_be_pickled_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(PicklingError, match="list cannot travel"):
        Crossing()(deep)


def test_an_encoder_goes_on_after_what_cannot_travel() -> None:
    crossing = Crossing()
    with pytest.raises(PicklingError):
        crossing([1, noise((LENT,)), GENERATOR])

    assert crossing([2, {"three": 3}]) == [2, {"three": 3}]
    assert crossing.encoded.copied == 0


def test_an_object_that_cannot_be_made_here_is_no_corruption() -> None:
    with pytest.raises(PicklingError, match="the receiver cannot read it: ValueError: not me"):
        Crossing()(Unmakeable())


class Unmakeable:
    def __reduce__(self) -> tuple[Any, ...]:
        return refuse, ()


def refuse() -> None:
    raise ValueError("not me")


def test_types_registered_with_copyreg_cross_even_late() -> None:
    import copyreg

    crossing = Crossing()
    crossing([1])
    copyreg.pickle(Late, lambda late: (Late, (late.value + 1,)))

    try:
        assert crossing([Late(1)])[0].value == 2
    finally:
        del copyreg.dispatch_table[Late]


class Late:
    def __init__(self, value: int) -> None:
        self.value = value


# -- trust, and what is not what was written


def test_strangers_may_not_have_us_unpickle() -> None:
    with pytest.raises(IpcError, match="an object came as a pickle, which can run any code"):
        Crossing(trusted=False)([1])


@settings(max_examples=60)
@given(at=st.integers(0), bit=st.integers(0, 7))
def test_no_pickle_is_loaded_that_is_not_what_was_written(at: int, bit: int) -> None:
    crossing = Crossing()
    lease = crossing.write([noise((REFERENCE + 1,)), "text"])
    end = crossing.encoded.length - REFERENCE - 1 - 64
    crossing.slot.body[at % end] ^= 1 << bit

    with pytest.raises(RingCorrupt, match="an object is not what was written"):
        crossing.read(lease)


@pytest.mark.parametrize("entry", [(0, 2**63), (2**63, 1), (2**64 - 1, 2**64 - 1)])
def test_a_buffer_beyond_the_payload_is_refused(entry: tuple[int, int]) -> None:
    crossing = Crossing()
    data = crossing.encoder.encode([1]).small
    assert data is not None
    pickled = data[objects.HEAD.size :]
    body = objects.REST.pack(1, len(pickled), 0) + objects.BUFFER.pack(*entry, 0, 0) + pickled
    payload = struct.pack("<I", zlib.crc32(body)) + body

    with pytest.raises(RingCorrupt, match="has a buffer up to"):
        crossing.decoder.decode_bytes(Kind.OBJECT, 0, 0, 0, payload)


# -- classes that nobody can import


def test_an_object_of_a_class_within_a_function_crosses() -> None:
    @dataclass
    class Inner:
        frame: VideoFrame
        names: tuple[str, ...] = ()

    crossing = Crossing(references=True, pool=SharedPool())
    made = crossing([Inner(picture(640, 360), ("a",))])[0]

    assert type(made) is Inner
    assert made.names == ("a",)
    assert same_frames(made.frame, picture(640, 360))
    assert crossing.encoded.copied == 0


def test_such_a_class_is_announced_once() -> None:
    class Inner:
        pass

    crossing = Crossing()
    for _ in range(3):
        crossing([Inner()])

    assert len(crossing.schemas) == 1
    assert crossing.encoded.length < 200


def test_functions_cross() -> None:
    step = 5

    def more(x: int) -> int:
        return x + step

    assert Crossing()({"more": more})["more"](2) == 7


def test_metadata_with_such_a_class_cross() -> None:
    @dataclass
    class Inner:
        x: int

    made = Crossing()(picture(metadata={"inner": Inner(3)}))

    assert made.metadata == {"inner": Inner(3)}


def test_a_class_of_the_program_itself_reaches_another_program() -> None:
    """What stands in `__main__` there is something else."""
    program = """
import sys
from dataclasses import dataclass
from tests.support.crossing import Crossing

@dataclass
class Reading:
    value: int

    def doubled(self):
        return Reading(self.value * 2)

crossing = Crossing()
for value in ([Reading(21)], Reading(1)):
    payload = crossing.encoder.encode(value).small
    print(payload.hex())
print(*[schema.hex() for schema in crossing.schemas])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *payloads, schemas = done.stdout.split("\n")[:-1]
    crossing = Crossing()
    crossing.schemas += map(bytes.fromhex, schemas.split())

    listed, single = (
        crossing.decoder.decode_bytes(Kind.OBJECT, 0, 0, 0, bytes.fromhex(payload))
        for payload in payloads
    )

    assert listed[0].doubled().value == 42
    assert type(single) is type(listed[0])
    assert len(crossing.schemas) == 1


def test_a_class_that_nobody_announced_is_refused() -> None:
    class Inner:
        pass

    crossing = Crossing()
    lease = crossing.write([Inner()])
    crossing.schemas.clear()

    with pytest.raises(RingCorrupt, match="names schema 1, which was not announced"):
        crossing.read(lease)


def test_what_stands_for_a_class_means_nothing_elsewhere() -> None:
    with pytest.raises(Exception, match="class 3 is known to the link that it came by only"):
        byvalue.announced(3)


@pytest.mark.parametrize("kind", [int, Detection, type(None), Fraction, Mood])
def test_classes_that_have_a_place_are_importable(kind: type) -> None:
    assert byvalue.importable(kind)


def test_the_limits_stand_in_their_order() -> None:
    assert SMALL < REFERENCE < LENT
