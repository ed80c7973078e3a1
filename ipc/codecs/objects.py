"""Objects: a pickle, then its large buffers, or where they lie.

Header: checksum of all that follows up to the buffers, number of buffers, bytes
of the pickle, and whether numbers stand for classes in it. For each buffer:
where it begins, bytes, the memory it lies in (0 for this payload) and whether it
may be written. Buffers begin at multiples of 64 bytes.

A pickle is never loaded unless it is, bit for bit, what was written.
"""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Mapping, Sequence
from operator import add
from typing import Any, Final, TypeAlias, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from streamflow.errors import RingCorrupt
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.ipc.backend import Lease
from streamflow.ipc.codecs import pickles
from streamflow.ipc.codecs.context import Extents, Incoming, Outgoing
from streamflow.ipc.codecs.payload import (
    LENT,
    REFERENCE,
    SMALL,
    Data,
    Encoded,
    Kind,
    Part,
    align,
    check_trust,
    referring,
)
from streamflow.ipc.memory import find
from streamflow.ipc.shared import arrays_of

Array = npt.NDArray[Any]
Frame: TypeAlias = VideoFrame | AudioFrame
Layout: TypeAlias = Sequence[tuple[int, tuple[int, ...], tuple[int, ...]]]
"""Offset, shape and strides of arrays in one buffer."""

KIND: Final = Kind.OBJECT
HEAD: Final = struct.Struct("<IIQI4x")
"""Checksum, buffers, bytes of the pickle, flags."""
CHECKSUM: Final = struct.Struct("<I")
REST: Final = struct.Struct("<IQI4x")
"""The head behind its checksum, which is of it too."""
BUFFER: Final = struct.Struct("<QQII")
"""Begin, bytes, 1 + number of a memory or 0, whether it may be written."""
HAS_CLASSES: Final = 1
U8: Final = np.dtype(np.uint8)


class ObjectWriter:
    """Makes objects ready to travel."""

    def __init__(self, out: Outgoing) -> None:
        self._out = out
        self._classes: WeakKeyDictionary[type, int] = WeakKeyDictionary()
        reducers = {**pickles.REDUCERS, VideoFrame: self._reduce, AudioFrame: self._reduce}
        self._pickler = pickles.Pickler(reducers, self._number_of, aside=True)
        # Of the object in hand: whether it names classes, and what it refers to.
        self._flags = 0
        self._kept: list[Any] = []

    def encode(self, value: Any) -> Encoded:
        """Make an object ready to travel.

        Raises:
            PicklingError: something in it cannot be pickled.
        """
        pickler = self._pickler
        self._flags = 0
        try:
            data = pickler.dump(value)
            if pickler.buffers or len(data) > SMALL:
                return self._in_parts(data, pickler.buffers)
        finally:
            pickler.buffers, self._kept = [], []
        body = REST.pack(0, len(data), self._flags) + data
        payload = CHECKSUM.pack(zlib.crc32(body)) + body
        return Encoded(KIND, len(payload), ((0, payload),))

    def _in_parts(self, data: bytes, buffers: list[memoryview]) -> Encoded:
        end = CHECKSUM.size + REST.size + len(buffers) * BUFFER.size + len(data)
        copied, keep = 0, None
        entries: list[bytes] = []
        parts: list[Part] = []
        for raw in buffers:
            array = np.frombuffer(raw, np.uint8)
            places = self._out.locate((array,))
            if places is not None:
                ((number, begin),) = places
                number, keep = number + 1, (buffers, self._kept)
            else:
                number, begin = 0, align(end)
                parts.append((begin, array))
                end = begin + raw.nbytes
                copied += raw.nbytes
            entries.append(BUFFER.pack(begin, raw.nbytes, number, not raw.readonly))
        head = b"".join((REST.pack(len(buffers), len(data), self._flags), *entries))
        head = CHECKSUM.pack(zlib.crc32(data, zlib.crc32(head))) + head
        parts += [(0, head), (len(head), data)]
        if keep is None:
            return Encoded(KIND, end, parts, 0, copied)
        return referring(KIND, end, parts, copied=copied, keep=keep)

    def _number_of(self, kind: type) -> int:
        from streamflow.ipc.codecs import byvalue

        self._flags |= HAS_CLASSES
        number = self._classes.get(kind)
        if number is None:
            number = self._classes[kind] = self._out.announce_schema(byvalue.define(kind))
        return number

    def _reduce(self, frame: Frame) -> tuple[Any, ...]:
        """Take a frame apart so that, if its memory is shared, it is referred to as a whole."""
        if frame.nbytes > REFERENCE:
            frame = self._out.share(cast("Any", frame))
            whole = self._span(frame)
            if whole is not None:
                return whole
        return frame.__reduce_ex__(5)

    def _span(self, frame: Frame) -> tuple[Any, ...] | None:
        arrays = arrays_of(frame)
        if not self._out.locate(arrays):
            return None
        memories, starts = zip(*filter(None, map(find, arrays)), strict=True)
        if len(set(memories)) > 1:
            return None
        extents = Extents.of(
            [array.shape for array in arrays],
            [array.strides for array in arrays],
            arrays[0].itemsize,
        )
        low, high = min(map(add, starts, extents.lows)), max(map(add, starts, extents.highs))
        layout = [
            (start - low, array.shape, array.strides)
            for start, array in zip(starts, arrays, strict=True)
        ]
        # The root below keeps the memory mapped; the arrays keep it lent.
        self._kept.append(arrays)
        root = memories[0].array(low, high - low)
        fields = {**frame._fields(), "metadata": dict(frame.metadata)}
        buffer = pickle.PickleBuffer(root)
        return over, (type(frame), buffer, arrays[0].dtype.str, layout, frame.format, fields)


def over(
    kind: type[Frame],
    buffer: Any,
    dtype: str,
    layout: Layout,
    format: str,
    fields: Mapping[str, Any],
) -> Frame:
    """A frame over memory that another process wrote."""
    arrays = tuple(
        np.ndarray(shape, dtype, buffer, offset, strides) for offset, shape, strides in layout
    )
    if issubclass(kind, VideoFrame):
        return kind(arrays, format, **fields)
    # The constructor would make a time base up where there is none.
    return kind(arrays[0], format, **fields).replace(time_base=fields["time_base"])


class ObjectReader:
    """Makes objects of payloads."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._classes: dict[int, type] = {}

    def read(self, data: Data, lease: Lease | None, *, copy: bool) -> Any:
        """The object of a payload; its large buffers are views.

        Raises:
            IpcError: the sender is not trusted.
            RingCorrupt: the payload is not what was written.
            PicklingError: it is, and the object cannot be made here.
        """
        check_trust("an object", trusted=self._incoming.trusted)
        checksum, count, size, flags = HEAD.unpack_from(data)
        whole = memoryview(data)
        start = HEAD.size + count * BUFFER.size
        end = start + size
        if end > len(whole) or zlib.crc32(whole[CHECKSUM.size : end]) != checksum:
            raise RingCorrupt("an object is not what was written")
        if not count and not flags:
            return pickles.load(whole[start:end])
        buffers = [
            self._buffer(whole, entry, lease, copy=copy)
            for entry in BUFFER.iter_unpack(whole[HEAD.size : start])
        ]
        if not flags & HAS_CLASSES:
            return pickles.load(whole[start:end], buffers)
        from streamflow.ipc.codecs import byvalue

        return byvalue.load(bytes(whole[start:end]), buffers, self._class_of)

    def _buffer(
        self, whole: memoryview, entry: tuple[int, ...], lease: Lease | None, *, copy: bool
    ) -> Any:
        begin, size, memory, writable = entry
        if memory:
            extents = Extents(((size,),), ((1,),), (0,), (size,))
            (array,) = self._incoming.arrays((memory - 1,), (begin,), extents, U8, lease, copy=copy)
            return array
        part = whole[begin : begin + size]
        if len(part) != size:
            raise RingCorrupt(f"an object of {len(whole)} bytes has a buffer up to {begin + size}")
        if size >= LENT:
            return part
        return bytearray(part) if writable else bytes(part)

    def _class_of(self, number: int) -> type:
        kind = self._classes.get(number)
        if kind is None:
            kind = self._classes[number] = pickles.load(self._incoming.schema(number))
        return kind
