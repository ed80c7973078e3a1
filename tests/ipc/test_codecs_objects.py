from __future__ import annotations

import enum
import pickle
import struct
import sys
import threading
import zlib
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import IpcError, PicklingError, RingCorrupt
from streamflow.ipc.codecs import Encoder, Kind, objects
from streamflow.ipc.codecs.payload import LENT, REFERENCE, SMALL
from streamflow.ipc.memory import Memory
from streamflow.ipc.shared import SharedPool
from streamflow.packet import Packet
from tests.support.crossing import (
    BASES,
    GENERATOR,
    METADATA,
    TIMES,
    VALUES,
    Crossing,
    address,
    arrays,
    noise,
    picture,
    pictures,
    same_frames,
    sounds,
)

arrow = cast("Any", pa)  # it ships no types


@dataclass
class Detection:
    label: str
    box: tuple[int, int]
    mask: Any = None


class Mood(enum.Enum):
    GOOD = 1


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
        ([sys.__stdout__], "list", "TextIOWrapper"),
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


def test_the_limits_stand_in_their_order() -> None:
    assert SMALL < REFERENCE < LENT


class Scattered:
    """Offers memory that is not in one piece."""

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return bytes, (pickle.PickleBuffer(noise((300, 300))[::2, ::2].data),)


def test_memory_that_is_not_in_one_piece_cannot_be_pickled_as_such() -> None:
    with pytest.raises(PicklingError, match="non-contiguous"):
        Crossing()(Scattered())


def test_a_reducer_of_ours_that_refuses_is_heard() -> None:
    def refuse(memory: Memory) -> int:
        raise IpcError("too many memories")

    pool = SharedPool()
    encoder = Encoder(announce_schema=lambda _: 1, announce_memory=refuse, pool=pool)

    with pytest.raises(IpcError, match="too many memories"):
        encoder.encode([picture(640, 360)])
