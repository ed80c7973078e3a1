"""Video frames: a header of 64 bytes, then the planes, or where they lie.

Header: format, colour, size and time base in the first 40 bytes, which readers
know by heart after the first frame; pts and flags. Planes begin at multiples of
64 bytes; their rows are packed. A reference has three strides for each plane,
which are known by heart too, then for each the number of a memory and the
offset in it. Metadata stand at the end.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from fractions import Fraction
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.frames import VideoFrame
from streamflow.frames.video import NO_METADATA, PIXEL_FORMATS, plane_shapes
from streamflow.ipc.backend import Lease
from streamflow.ipc.codecs import mappings
from streamflow.ipc.codecs.context import Extents, Incoming, Outgoing
from streamflow.ipc.codecs.payload import REFERENCE, Data, Encoded, Kind, Part, align, referring

Array = npt.NDArray[Any]

KIND: Final = Kind.VIDEO
HAS_PTS, HAS_METADATA, IS_REFERENCE = 1, 2, 4
WRITE: Final = struct.Struct("<BxxxiiIIqq4xqI12x")
"""Format, colorspace, range, width, height, time base (0 for None), pts, flags."""
READ: Final = struct.Struct("<40sqI12x")
CAPS: Final = struct.Struct("<BxxxiiIIqq4x")
BODY: Final = WRITE.size
REFERENCES: Final = tuple(struct.Struct(f"<{24 * planes}s{2 * planes}Q") for planes in range(4))
"""Strides; memory and offset of each plane. By the number of planes."""
STRIDES: Final = {2: struct.Struct("<2q8x"), 3: struct.Struct("<3q")}
"""Strides of a plane, by its dimensions."""

FORMATS: Final[tuple[str, ...]] = tuple(PIXEL_FORMATS)
CODES: Final = {format: code for code, format in enumerate(FORMATS)}
U8: Final = np.dtype(np.uint8)
KNOWN: Final = 64
"""Headers that a reader knows by heart."""


def encode(frame: VideoFrame, out: Outgoing) -> Encoded:
    """Make a frame ready to travel.

    Raises:
        struct.error: a number is too large for the header.
        PicklingError: its metadata cannot travel.
    """
    planes, places = frame.planes, None
    if sum(plane.nbytes for plane in planes) > REFERENCE:
        places = out.locate(planes)
        if places is None:
            planes = out.share(frame).planes
            places = out.locate(planes)
    pts, base = frame.pts, frame.time_base
    flags = HAS_PTS if pts is not None else 0
    extra = b""
    if frame.metadata:
        flags |= HAS_METADATA
        extra = mappings.pack(frame.metadata)
    if places is not None:
        flags |= IS_REFERENCE
    head = WRITE.pack(
        CODES[frame.format],
        frame.colorspace,
        frame.color_range,
        frame.width,
        frame.height,
        *((base.numerator, base.denominator) if base is not None else (0, 0)),
        pts or 0,
        flags,
    )
    if places is None:
        return _written(head, planes, extra, pts or 0)
    strides = b"".join([STRIDES[plane.ndim].pack(*plane.strides) for plane in planes])
    where = REFERENCES[len(planes)].pack(strides, *chain.from_iterable(places))
    payload = head + where + extra
    return referring(KIND, len(payload), ((0, payload),), pts or 0, keep=planes)


def _written(head: bytes, planes: tuple[Array, ...], extra: bytes, pts: int) -> Encoded:
    parts: list[Part] = [(0, head)]
    end, copied = BODY, 0
    for plane in planes:
        start = align(end)
        parts.append((start, plane))
        end = start + plane.nbytes
        copied += plane.nbytes
    if extra:
        parts.append((end, extra))
    return Encoded(KIND, end + len(extra), parts, pts, copied)


class _Caps(NamedTuple):
    """What the first part of a header says.

    Attributes:
        shapes: of the planes.
        offsets: of the planes, where they follow the header.
        end: where they end.
        extents: of planes elsewhere, by their packed strides.
    """

    format: str
    colorspace: int
    color_range: int
    width: int
    height: int
    time_base: Fraction | None
    shapes: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]
    end: int
    extents: dict[bytes, Extents]


class VideoReader:
    """Makes frames of payloads."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._known: dict[bytes, _Caps] = {}

    def read(self, data: Data, lease: Lease | None, *, copy: bool) -> VideoFrame:
        """The frame of a payload, over the payload or over what it refers to.

        Raises:
            RingCorrupt: the payload refers to bytes that are not there.
            Exception: of any type, if it is no frame.
        """
        words, pts, flags = READ.unpack_from(data)
        caps = self._known.get(words) or self._learn(words)
        if flags & IS_REFERENCE:
            planes, end = self._refer(caps, data, lease, copy=copy)
        else:
            layout = zip(caps.shapes, caps.offsets, strict=True)
            planes = tuple([np.ndarray(shape, U8, data, offset) for shape, offset in layout])
            end = caps.end
        metadata: Mapping[str, Any] = NO_METADATA
        if flags & HAS_METADATA:
            trusted = self._incoming.trusted
            metadata = mappings.unpack(data[end:], trusted=trusted)
        # The constructor would check what has been checked.
        frame = VideoFrame.__new__(VideoFrame)
        frame._planes, frame._av, frame.shared = planes, None, False
        frame.format, frame.width, frame.height = caps.format, caps.width, caps.height
        frame.pts = pts if flags & HAS_PTS else None
        frame.time_base, frame.metadata = caps.time_base, metadata
        frame.colorspace, frame.color_range = caps.colorspace, caps.color_range
        return frame

    def _learn(self, words: bytes) -> _Caps:
        code, colorspace, color_range, width, height, numerator, denominator = CAPS.unpack(words)
        format = FORMATS[int(code)]
        shapes = plane_shapes(format, width, height)
        offsets: list[int] = []
        end = BODY
        for shape in shapes:
            offsets.append(align(end))
            end = offsets[-1] + math.prod(shape)
        base = Fraction(numerator, denominator) if denominator else None
        if len(self._known) >= KNOWN:
            self._known.clear()
        caps = _Caps(
            format, colorspace, color_range, width, height, base, shapes, tuple(offsets), end, {}
        )
        self._known[words] = caps
        return caps

    def _refer(
        self, caps: _Caps, data: Data, lease: Lease | None, *, copy: bool
    ) -> tuple[tuple[Array, ...], int]:
        reference = REFERENCES[len(caps.shapes)]
        strides, *places = reference.unpack_from(data, BODY)
        extents = caps.extents.get(strides) or _learn_strides(caps, strides)
        numbers, offsets = places[::2], places[1::2]
        planes = self._incoming.arrays(numbers, offsets, extents, U8, lease, copy=copy)
        return planes, BODY + reference.size


def _learn_strides(caps: _Caps, packed: bytes) -> Extents:
    padded = STRIDES[3].iter_unpack(packed)
    strides = [each[: len(shape)] for shape, each in zip(caps.shapes, padded, strict=True)]
    if len(caps.extents) >= KNOWN:
        caps.extents.clear()
    extents = caps.extents[packed] = Extents.of(caps.shapes, strides, U8.itemsize)
    return extents
