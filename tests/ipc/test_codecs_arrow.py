from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import RingCorrupt
from streamflow.ipc.codecs import Kind
from streamflow.ipc.codecs.arrow import MOST_SCHEMAS
from streamflow.ipc.codecs.payload import LENT, SMALL
from tests.support.crossing import Crossing, address

arrow = cast("Any", pa)  # it ships no types

TYPES = {
    "integers": (arrow.int64(), st.integers(-(2**63), 2**63 - 1)),
    "floats": (arrow.float32(), st.floats(width=32, allow_nan=False)),
    "texts": (arrow.string(), st.text(max_size=5)),
    "bytes": (arrow.binary(), st.binary(max_size=5)),
    "truths": (arrow.bool_(), st.booleans()),
    "lists": (arrow.list_(arrow.int16()), st.lists(st.integers(-9, 9), max_size=3)),
    "structs": (
        arrow.struct([("a", arrow.int8())]),
        st.fixed_dictionaries({"a": st.integers(-9, 9)}),
    ),
    "words": (arrow.dictionary(arrow.int8(), arrow.string()), st.sampled_from(["a", "b", "c"])),
    "nothing": (arrow.null(), st.none()),
}


@st.composite
def batches(draw: st.DrawFn) -> Any:
    """Batches with columns of some types, whole or cut out of larger ones."""
    rows = draw(st.integers(0, 12))
    columns = {}
    for name in draw(st.lists(st.sampled_from(list(TYPES)), unique=True, max_size=4)):
        kind, values = TYPES[name]
        items = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns[name] = arrow.array(items, kind)
    batch = (
        arrow.record_batch(columns) if columns else arrow.record_batch({"x": arrow.array([], "i1")})
    )
    start = draw(st.integers(0, batch.num_rows))
    return batch.slice(start, draw(st.integers(0, batch.num_rows)))


def detections(rows: int = 10) -> Any:
    return arrow.record_batch(
        {
            "pts": arrow.array(np.arange(rows)),
            "score": arrow.array(np.ones(rows, np.float32)),
            "label": arrow.array(["cat"] * rows, arrow.string()),
        }
    )


@settings(max_examples=30)
@given(several=st.lists(batches(), min_size=1, max_size=4), trusted=st.booleans())
def test_batches_are_the_same_on_the_other_side(several: list[Any], trusted: bool) -> None:
    crossing = Crossing(trusted=trusted)

    for batch in several:
        made = crossing(batch)
        assert made.equals(batch)
        assert made.schema.equals(batch.schema, check_metadata=True)


@settings(max_examples=25)
@given(batch=batches(), trusted=st.booleans(), copy=st.booleans())
def test_tables_are_the_same_on_the_other_side(batch: Any, trusted: bool, copy: bool) -> None:
    table = arrow.Table.from_batches([batch, batch])

    made = Crossing(trusted=trusted)(table, copy=copy)

    assert made.equals(table)
    assert isinstance(made, arrow.Table)


def test_a_schema_is_announced_once() -> None:
    crossing = Crossing()

    for rows in (10, 3, 0, 200):
        assert crossing(detections(rows)).equals(detections(rows))

    assert len(crossing.schemas) == 1


def test_a_schema_may_change_in_mid_stream() -> None:
    crossing = Crossing()
    other = arrow.record_batch({"x": [1.5]})
    named = detections().replace_schema_metadata({"model": "b"})

    for batch in (detections(), other, named, detections(), other):
        made = crossing(batch)
        assert made.schema.equals(batch.schema, check_metadata=True)
        assert made.equals(batch)

    assert len(crossing.schemas) == 3


def test_more_schemas_than_are_announced_cross_all_the_same() -> None:
    crossing = Crossing()

    for index in range(MOST_SCHEMAS + 5):
        batch = arrow.record_batch({f"column {index}": [index]})
        assert crossing(batch).equals(batch)

    assert len(crossing.schemas) == MOST_SCHEMAS


WORDS = arrow.dictionary(arrow.int8(), arrow.string())


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (WORDS, ["a", "b", "a"]),
        (arrow.list_(WORDS), [["a"], ["b", "c"]]),
        (arrow.struct([("word", WORDS)]), [{"word": "a"}, {"word": "b"}]),
    ],
    ids=["words", "lists", "structs"],
)
def test_dictionaries_may_change_in_mid_stream(kind: Any, values: list[Any]) -> None:
    crossing = Crossing(trusted=False)

    for some in (values, values[1:], values[:1], values):
        batch = arrow.record_batch({"words": arrow.array(some, kind)})
        assert crossing(batch).equals(batch)

    assert crossing.schemas == []


class Labelled(pa.ExtensionType):  # type: ignore[misc]  # it ships no types
    """Words by another name."""

    def __init__(self) -> None:
        super().__init__(WORDS, "tests.labelled")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> Labelled:
        return cls()


def test_dictionaries_within_extension_types_cross() -> None:
    words = arrow.array(["a", "b"], WORDS)
    batch = arrow.record_batch({"x": arrow.ExtensionArray.from_storage(Labelled(), words)})

    made = Crossing()(batch)

    assert made.column("x").to_pylist() == ["a", "b"]


def test_a_small_batch_travels_with_others_and_holds_no_lease() -> None:
    crossing = Crossing()
    crossing(detections())

    assert not crossing.lent
    assert crossing.encoded.length <= SMALL
    assert crossing.in_batch(detections()).equals(detections())


def test_a_small_stream_travels_with_others_too() -> None:
    words = arrow.record_batch({"words": arrow.array(["a", "b"], WORDS)})

    assert Crossing().in_batch(words).equals(words)
    assert Crossing().in_batch(arrow.table(detections())).equals(arrow.table(detections()))


@pytest.mark.parametrize("rows", [2_000, 20_000])
def test_columns_are_read_where_they_stand_in_the_slot(rows: int) -> None:
    crossing = Crossing()
    made = crossing(detections(rows))
    column = made.column("pts").to_numpy()

    slot = np.frombuffer(crossing.slot.memory, np.uint8)
    del made
    assert address(slot) <= address(column) < address(slot) + slot.nbytes
    assert address(column) % 8 == address(slot) % 8
    assert crossing.lent
    del column
    assert not crossing.lent


def test_the_columns_of_a_table_are_read_where_they_stand_too() -> None:
    crossing = Crossing()
    made = crossing(arrow.Table.from_batches([detections(20_000)] * 2))

    assert made.num_rows == 40_000
    assert crossing.lent
    del made
    assert not crossing.lent


def test_what_is_copied_out_holds_nothing() -> None:
    crossing = Crossing()

    made = crossing(detections(20_000), copy=True)

    assert not crossing.lent
    assert made.equals(detections(20_000))


def test_a_large_batch_is_copied_once() -> None:
    crossing = Crossing()
    batch = detections(20_000)

    crossing(batch)

    assert batch.nbytes > LENT
    assert batch.nbytes <= crossing.encoded.copied <= batch.nbytes * 1.1 + 2000
    assert crossing.encoded.small is None


def test_a_short_slice_of_a_large_batch_is_short() -> None:
    crossing = Crossing()
    part = detections(100_000).slice(500, 300)

    assert crossing(part).equals(part)
    assert crossing.encoded.length < 30_000


def test_other_things_of_pyarrow_cross_as_objects() -> None:
    crossing = Crossing()

    assert crossing(arrow.array([1, 2])).equals(arrow.array([1, 2]))
    assert crossing.encoded.kind == Kind.OBJECT


def test_a_schema_that_was_not_announced_is_refused() -> None:
    crossing = Crossing()
    lease = crossing.write(detections())
    crossing.schemas.clear()

    with pytest.raises(RingCorrupt, match="names schema 1, which was not announced"):
        crossing.read(lease)


def test_a_schema_that_is_none_is_refused() -> None:
    crossing = Crossing()
    lease = crossing.write(detections())
    crossing.schemas[0] = b"no schema at all"

    with pytest.raises(RingCorrupt, match="a payload is no arrow"):
        crossing.read(lease)


def test_offsets_that_lead_out_of_a_column_are_refused_from_strangers() -> None:
    crossing = Crossing(trusted=False)
    batch = arrow.record_batch({"label": arrow.array(["aaaa", "bbbb"])})
    lease = crossing.write(batch)
    at = crossing.slot.body.index((4).to_bytes(4, "little") + (8).to_bytes(4, "little"))
    crossing.slot.body[at : at + 4] = (10**9).to_bytes(4, "little")

    with pytest.raises(RingCorrupt, match="a payload is no arrow"):
        crossing.read(lease)


@pytest.mark.parametrize("name", [b"naming", b"inner"])
def test_names_that_are_no_text_are_refused_from_strangers(name: bytes) -> None:
    crossing = Crossing(trusted=False)
    lease = crossing.write(arrow.table({"naming": [[{"inner": 1}]]}))
    at = crossing.slot.body.index(name)
    crossing.slot.body[at] = 0xEA

    with pytest.raises(RingCorrupt, match="a payload is no arrow"):
        crossing.read(lease)
