from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow import events
from streamflow.errors import IpcError, NodeError, NodeTimeoutError, PicklingError, RingCorrupt
from streamflow.events import Caps, End, Event, Flush, Gap, Interrupt, Start
from streamflow.ipc.codecs import mappings, pickles
from streamflow.ipc.codecs.events import CODES, decode_event, encode_event
from tests.support.crossing import GENERATOR, METADATA, Crossing

FLOATS = st.floats(allow_nan=False)
EVENTS = st.one_of(
    st.sampled_from([Start(), End(), Flush()]),
    st.builds(Gap, FLOATS, FLOATS),
    st.builds(Interrupt, st.text()),
    st.builds(Caps, METADATA),
)


@dataclass(frozen=True, slots=True)
class Lights(Event):
    """An event of somebody's own."""

    colour: tuple[int, int, int]


@settings(max_examples=50)
@given(event=EVENTS)
def test_an_event_is_the_same_on_the_other_side(event: Event) -> None:
    assert decode_event(encode_event(event), trusted=True) == event


@pytest.mark.parametrize(
    "event",
    [Start(), End(), Flush(), Gap(1.5, 2), Interrupt("bye"), Caps({"width": 640})],
    ids=lambda event: type(event).__name__,
)
def test_ordinary_events_reach_those_who_do_not_trust_us(event: Event) -> None:
    assert decode_event(encode_event(event), trusted=False) == event


def test_every_event_of_ours_has_a_form_of_its_own() -> None:
    # Markers are the runtime's own, and stay on its own lane.
    own = {Event, events.Marker}
    ours = {kind for kind in vars(events).values() if isinstance(kind, type)} - own

    assert {kind for kind in ours if issubclass(kind, Event)} <= CODES.keys()


def test_an_event_of_somebodys_own_crosses() -> None:
    event = Lights((1, 2, 3))

    assert decode_event(encode_event(event), trusted=True) == event


def test_strangers_get_no_events_that_are_pickles() -> None:
    for event in (Lights((1, 2, 3)), Caps({"size": (1, 2)})):
        with pytest.raises(IpcError, match="pickle, which can run any code"):
            decode_event(encode_event(event), trusted=False)


def test_an_event_whose_fields_are_of_other_types_crosses() -> None:
    event = Gap("soon", None)  # type: ignore[arg-type]  # somebody will do it

    assert decode_event(encode_event(event), trusted=True) == event


def test_an_event_that_cannot_travel_is_named() -> None:
    with pytest.raises(PicklingError, match="cannot pickle 'generator' object"):
        encode_event(Caps({"more": GENERATOR}))


@pytest.mark.parametrize("kind", [NodeError, NodeTimeoutError])
def test_beside_the_data_the_error_of_a_node_travels_without_its_item(
    kind: type[NodeError],
) -> None:
    error = kind("scale", "process", "ValueError", "no", "Traceback …", "a frame")
    error.item = object()

    made = decode_event(encode_event(error), trusted=False)

    assert isinstance(made, NodeError)
    assert type(made) is kind
    assert made.args == error.args
    assert str(made) == str(error)
    assert made.item is None


def test_an_error_that_is_an_item_itself_takes_its_item_along() -> None:
    error = NodeError("scale", "process", "ValueError", "no")
    error.item = [1, 2]

    made = Crossing()(error)

    assert (made.args, made.item) == (error.args, [1, 2])


@given(data=st.binary())
def test_whatever_comes_is_an_event_or_refused(data: bytes) -> None:
    try:
        event = decode_event(data, trusted=False)
    except IpcError:
        return

    assert isinstance(event, Event | NodeError)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x63", b"\x01x", b"\x04123", b"\x05\xff", b"\x07[]"]
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(RingCorrupt, match="a control message is no event"):
        decode_event(data, trusted=True)


def test_a_pickle_of_something_else_is_no_event() -> None:
    data = b"\xff" + pickles.Pickler().dump([1])

    with pytest.raises(RingCorrupt, match="is no event, but of list"):
        decode_event(data, trusted=True)


# -- mappings


@settings(max_examples=40)
@given(mapping=METADATA)
def test_a_mapping_is_the_same_on_the_other_side(mapping: dict[str, Any]) -> None:
    assert mappings.unpack(mappings.pack(mapping) + b"more", trusted=True) == mapping


@settings(max_examples=40)
@given(mapping=METADATA, at=st.integers(0), bit=st.integers(0, 7))
def test_a_damaged_mapping_is_refused(mapping: dict[str, Any], at: int, bit: int) -> None:
    data = bytearray(mappings.pack(mapping))
    data[at % len(data)] ^= 1 << bit

    with pytest.raises((RingCorrupt, IpcError)):
        mappings.unpack(bytes(data), trusted=False)


def test_bytes_that_nobody_wrote_may_have_the_right_checksum_and_are_refused() -> None:
    data = b"\xff" * 8 + bytes(4)  # zlib.crc32(b"\xff" * 4 + bytes(4)) == 0xFFFFFFFF

    with pytest.raises(RingCorrupt, match="of kind 4294967295"):
        mappings.unpack(data, trusted=True)


@pytest.mark.parametrize("value", [1, "x", [1, [None, True]], {"a": {"b": 2.5}}, 2**62])
def test_what_json_brings_back_as_it_was_is_plain(value: Any) -> None:
    assert mappings.is_plain(value)


@pytest.mark.parametrize("value", [(1,), {1: 2}, b"x", 2**64, [object()], {"a": {"b": {1}}}])
def test_what_json_would_change_is_not(value: Any) -> None:
    assert not mappings.is_plain(value)


def test_what_is_too_deep_for_json_is_pickled() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"in": deep}

    assert not mappings.is_plain(deep)
    assert mappings.unpack(mappings.pack(deep), trusted=True) == deep


def test_a_pickle_of_something_else_is_no_mapping() -> None:
    other = pickles.Pickler().dump([1, 2])
    forged = mappings.HEAD.pack(mappings.PICKLE, len(other)) + other

    with pytest.raises(RingCorrupt, match="the metadata of an item are a list"):
        mappings.unpack(mappings.CHECKSUM.pack(zlib.crc32(forged)) + forged, trusted=True)
