"""Tables: the schema is announced once, then each batch is one bare IPC message.

Large batches, tables, and batches with dictionaries are whole IPC streams. The
last 8 bytes of a payload say which it is. The columns that are read are views
of the slot.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final, cast

import pyarrow as pa

from streamflow.ipc.backend import Lease
from streamflow.ipc.codecs.context import Incoming, Outgoing
from streamflow.ipc.codecs.payload import LENT, Data, Encoded, Kind

arrow = cast("Any", pa)  # it ships no types

KIND: Final = Kind.ARROW
TAIL: Final = struct.Struct("<II")
"""Number of the schema, or 0 for a stream; whether it is a table."""
IS_TABLE: Final = 1
MOST_SCHEMAS: Final = 64
"""Schemas that a writer announces; further ones stand in streams."""
FEW_ROWS: Final = 256
"""Rows that are not worth a look at how many bytes they have."""


class ArrowWriter:
    """Makes batches and tables ready to travel."""

    def __init__(self, out: Outgoing) -> None:
        self._out = out
        self._tails: list[tuple[Any, bytes | None]] = []

    def encode_batch(self, batch: Any) -> Encoded:
        """Make a RecordBatch ready to travel."""
        if batch.num_rows > FEW_ROWS and batch.get_total_buffer_size() >= LENT:
            return _Stream(batch, 0)
        tail = self._tail(batch.schema)
        if tail is None:
            return _Stream(batch, 0)
        payload = b"".join((batch.serialize(), tail))
        length = len(payload)
        return Encoded(KIND, length, ((0, payload),), 0, length - TAIL.size)

    def encode_table(self, table: Any) -> Encoded:
        """Make a Table ready to travel."""
        return _Stream(table, IS_TABLE)

    def _tail(self, schema: Any) -> bytes | None:
        """What stands behind a message of this schema; None if it needs a stream."""
        for known, tail in self._tails:
            if known.equals(schema, True):
                return tail
        if len(self._tails) == MOST_SCHEMAS:
            return None
        tail = None
        if not any(_has_dictionary(field.type) for field in schema):
            number = self._out.announce_schema(schema.serialize().to_pybytes())
            tail = TAIL.pack(number, 0)
        self._tails.append((schema, tail))
        return tail


class _Stream(Encoded):
    """A whole IPC stream; it is written straight into the slot."""

    __slots__ = ("_value",)

    def __init__(self, value: Any, flags: int) -> None:
        self._value = value
        counter = arrow.MockOutputStream()
        self._stream_to(counter)
        size: int = counter.size()
        tail = TAIL.pack(0, flags)
        super().__init__(KIND, size + TAIL.size, ((size, tail),), 0, size)

    def write(self, into: memoryview) -> None:
        super().write(into)
        whole = arrow.py_buffer(into[: self.length - TAIL.size])
        with arrow.FixedSizeBufferWriter(whole) as slot:
            self._stream_to(slot)

    def _stream_to(self, sink: Any) -> None:
        with arrow.ipc.new_stream(sink, self._value.schema) as stream:
            stream.write(self._value)


class ArrowReader:
    """Makes batches and tables of payloads."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._schemas: dict[int, Any] = {}

    def read(self, data: Data, lease: Lease | None, *, copy: bool) -> Any:
        """The batch or table of a payload, over the payload.

        Raises:
            RingCorrupt: its schema was not announced.
            Exception: of any type, if it is none.
        """
        number, flags = TAIL.unpack_from(data, len(data) - TAIL.size)
        if number:
            schema = self._schemas.get(number) or self._learn(number)
            made = arrow.ipc.read_record_batch(data, schema)
        else:
            with arrow.ipc.open_stream(data[: -TAIL.size]) as stream:
                made = stream.read_all() if flags & IS_TABLE else stream.read_next_batch()
        if self._incoming.trusted:
            made.validate()
        else:
            # A stranger may say anything, of any column; to look costs time. Who is trusted
            # could have us run code, and needs no false offsets for that.
            made.validate(full=True)
            _check_names(made.schema)
        return made

    def _learn(self, number: int) -> Any:
        data = arrow.py_buffer(self._incoming.schema(number))
        schema = arrow.ipc.read_schema(data)
        _check_names(schema)
        self._schemas[number] = schema
        return schema


def _check_names(fields: Iterable[Any]) -> None:
    """Read all names: one that is no UTF-8 would fail whoever asks for it later."""
    for field in fields:
        _ = field.name
        kind = field.type
        if arrow.types.is_dictionary(kind):
            kind = kind.value_type
        _check_names(kind.field(index) for index in range(kind.num_fields))


def _has_dictionary(kind: Any) -> bool:
    """Whether values of a type need dictionaries, which a bare message does not bring."""
    if arrow.types.is_dictionary(kind):
        return True
    storage = getattr(kind, "storage_type", None)  # of an extension type
    if storage is not None:
        return _has_dictionary(storage)
    return any(_has_dictionary(kind.field(index).type) for index in range(kind.num_fields))
