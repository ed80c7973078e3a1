from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import RingCorrupt
from streamflow.frames import AudioFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import NO_METADATA
from streamflow.ipc.codecs import Kind, audio
from streamflow.ipc.codecs.payload import SMALL
from streamflow.ipc.memory import find
from streamflow.ipc.shared import SharedPool
from tests.support.crossing import Crossing, address, same_frames, sounds


def sound(
    count: int = 960, format: str = "s16", layout: str = "stereo", **fields: Any
) -> AudioFrame:
    channels = CHANNELS[layout]
    shape = (channels, count) if format.endswith("p") else (count, channels)
    samples = np.arange(channels * count).reshape(shape).astype(SAMPLE_FORMATS[format])
    return AudioFrame(samples, format, layout=layout, **fields)


@settings(max_examples=50)
@given(frame=sounds())
def test_a_sound_is_the_same_on_the_other_side(frame: AudioFrame) -> None:
    made = Crossing()(frame)

    assert same_frames(made, frame)
    assert not made.samples.flags.writeable


@settings(max_examples=15)
@given(frame=sounds(longest=6_000), copy=st.booleans())
def test_a_long_sound_is_the_same_on_the_other_side(frame: AudioFrame, copy: bool) -> None:
    made = Crossing(references=True, pool=SharedPool())(frame, copy=copy)

    assert same_frames(made, frame)
    assert not made.samples.flags.writeable


@pytest.mark.parametrize("layout", CHANNELS)
@pytest.mark.parametrize("format", SAMPLE_FORMATS)
@pytest.mark.parametrize("count", [0, 1, 5000])
def test_every_format_and_layout_crosses(format: str, layout: str, count: int) -> None:
    frame = sound(count, format, layout, pts=count, rate=44_100)

    for crossing in (Crossing(), Crossing(references=True, pool=SharedPool())):
        assert same_frames(crossing(frame), frame)


def test_a_packet_of_sound_travels_in_a_batch_and_holds_no_lease() -> None:
    crossing = Crossing()
    frame = sound(960, pts=-3, metadata={"take": (1, 2)})

    assert same_frames(crossing.in_batch(frame), frame)
    assert same_frames(crossing(frame), frame)
    assert not crossing.lent
    assert crossing.encoded.length <= SMALL
    assert crossing.encoded.copied == frame.nbytes


def test_a_long_sound_is_read_where_it_stands_in_the_slot() -> None:
    crossing = Crossing()
    made = crossing(sound(5000))
    part = made.samples[100:200]

    slot = np.frombuffer(crossing.slot.memory, np.uint8)
    del made

    assert address(slot) <= address(part) < address(slot) + slot.nbytes
    assert crossing.lent
    del part
    assert not crossing.lent


def test_a_sound_in_shared_memory_crosses_without_a_copy() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)
    memory = pool.allocate((2, 40_000), np.float32)
    memory[...] = 0.5
    # Every other sample of the second half, the channels swapped.
    frame = AudioFrame(memory[::-1, 20_000::2], layout="stereo", pts=1)

    made = crossing(frame)

    assert same_frames(made, frame)
    assert made.samples.strides == frame.samples.strides
    assert address(made.samples) == address(frame.samples)
    assert crossing.encoded.copied == 0


def test_a_long_sound_in_private_memory_is_shared_first() -> None:
    pool = SharedPool()
    crossing = Crossing(references=True, pool=pool)

    made = crossing(sound(50_000))

    assert crossing.encoded.copied == 0
    assert find(made.samples) is not None


@pytest.mark.parametrize(
    ("format", "layout"), [("fltp", "stereo"), ("s16", "mono"), ("s16p", "5.1")]
)
def test_sounds_of_libav_cross(format: str, layout: str) -> None:
    source = av.AudioFrame(format, layout, 5000)
    for plane in source.planes[: CHANNELS[layout] if format.endswith("p") else 1]:
        plane.update(bytes(plane.buffer_size))
    source.sample_rate, source.pts, source.time_base = 48_000, 7, Fraction(1, 48_000)

    for crossing in (Crossing(), Crossing(references=True, pool=SharedPool())):
        made = crossing(AudioFrame.from_av(source))

        assert same_frames(made, AudioFrame.from_av(source))


def test_a_frame_without_a_time_base_crosses() -> None:
    frame = sound().replace(time_base=None)

    assert Crossing()(frame).time_base is None


def test_no_metadata_cost_nothing() -> None:
    assert Crossing()(sound()).metadata is NO_METADATA


@pytest.mark.parametrize("rate", [2**64, 10**30])
def test_a_rate_beyond_64_bits_crosses(rate: int) -> None:
    frame = sound(rate=rate)

    assert same_frames(Crossing()(frame), frame)


@pytest.mark.parametrize("count", [2**32 - 1, 961])
def test_a_sound_that_is_longer_than_its_slot_is_refused(count: int) -> None:
    crossing = Crossing()
    lease = crossing.write(sound(960))
    struct.pack_into("<I", crossing.slot.body, 52, count)

    with pytest.raises(RingCorrupt, match="a payload is no audio"):
        crossing.read(lease)


@pytest.mark.parametrize(("offset", "word"), [(8, 2**40), (16, 2**63 - 1), (24, -(2**63))])
def test_a_reference_beyond_its_memory_is_refused(offset: int, word: int) -> None:
    crossing = Crossing(references=True, pool=SharedPool())
    lease = crossing.write(sound(50_000))
    struct.pack_into("<q", crossing.slot.body, audio.BODY + offset, word)

    with pytest.raises(RingCorrupt, match="refers to bytes"):
        crossing.read(lease)


def test_a_rate_of_nothing_is_refused() -> None:
    crossing = Crossing()
    lease = crossing.write(sound(960))
    struct.pack_into("<Q", crossing.slot.body, 8, 0)

    with pytest.raises(RingCorrupt, match="rate must be 1 Hz or more, not 0"):
        crossing.read(lease)


def test_what_kind_of_payload_it_is_says_the_ring() -> None:
    with pytest.raises(RingCorrupt, match="there are no payloads of kind 99"):
        Crossing().decoder.decode_bytes(99, 0, 0, 0, b"")
    assert Crossing().decoder.decode_bytes(Kind.NONE, 0, 0, 0, b"") is None


def test_a_reader_that_knows_many_rates_forgets_them_again() -> None:
    crossing = Crossing()

    for rate in range(1, 3 * audio.KNOWN):
        assert crossing(sound(4, rate=rate)).rate == rate

    reader: Any = crossing.decoder._readers[Kind.AUDIO]
    assert len(reader.__self__._known) <= audio.KNOWN
