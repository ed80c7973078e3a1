from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import RingCorrupt
from streamflow.ipc.codecs import Kind
from tests.support.crossing import Crossing

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
)


@settings(max_examples=60)
@given(value=PLAIN)
def test_a_plain_value_is_the_same_on_the_other_side_even_of_a_stranger(value: Any) -> None:
    crossing = Crossing(trusted=False)

    made = crossing(value)

    assert made == value
    assert type(made) is type(value)
    assert not crossing.lent


@settings(max_examples=30)
@given(value=st.integers(-(2**2000), 2**2000))
def test_integers_of_any_size_cross(value: int) -> None:
    assert Crossing()(value) == value


def test_what_is_no_number_stays_none() -> None:
    assert math.isnan(Crossing()(math.nan))


def test_half_a_surrogate_pair_crosses() -> None:
    assert Crossing()("\ud800x") == "\ud800x"


@pytest.mark.parametrize("value", [b"", b"x" * 4096, "", 0, True, 2.5, None])
def test_plain_values_travel_in_batches(value: Any) -> None:
    assert Crossing().in_batch(value) == value


def test_large_bytes_are_written_once_and_copied_out() -> None:
    crossing = Crossing()
    value = bytes(range(256)) * 1000

    assert crossing(value) == value
    assert crossing.encoded.small is None
    assert not crossing.lent


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.TEXT, b"\xff"),
        (Kind.FLOAT, b"1234567"),
        (Kind.NONE, b"x"),
        (Kind.TRUE, b"x"),
    ],
)
def test_what_is_no_such_value_is_refused(kind: Kind, payload: bytes) -> None:
    with pytest.raises(RingCorrupt, match=f"a payload is no {kind.name.lower()}"):
        Crossing().decoder.decode_bytes(kind, 0, 0, 0, payload)


class Shout(str):
    __slots__ = ()


def test_children_of_plain_types_stay_what_they_are() -> None:
    made = Crossing()(Shout("hey"))

    assert type(made) is Shout
    assert made == "hey"
