"""Audio frames: a header of 64 bytes, then the samples, or where they lie.

Header: format, layout, rate and time base in the first 40 bytes, which readers
know by heart after the first frame; pts, flags and number of samples. A
reference has the number of a memory, an offset and two strides. Metadata stand
at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.frames import AudioFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import NO_METADATA
from streamflow.ipc.backend import Lease
from streamflow.ipc.codecs import mappings
from streamflow.ipc.codecs.context import Extents, Incoming, Outgoing
from streamflow.ipc.codecs.payload import REFERENCE, SMALL, Data, Encoded, Kind, Part, referring

Array = npt.NDArray[Any]

KIND: Final = Kind.AUDIO
HAS_PTS, HAS_METADATA, IS_REFERENCE = 1, 2, 4
WRITE: Final = struct.Struct("<BB6xQqq8xqII8x")
"""Format, layout, rate, time base (0 for None), pts, flags, samples in each channel."""
READ: Final = struct.Struct("<40sqII8x")
CAPS: Final = struct.Struct("<BB6xQqq8x")
BODY: Final = WRITE.size
PLACE: Final = struct.Struct("<QQqq")
"""Memory, offset, strides."""

FORMATS: Final[tuple[str, ...]] = tuple(SAMPLE_FORMATS)
FORMAT_CODES: Final = {format: code for code, format in enumerate(FORMATS)}
LAYOUTS: Final[tuple[str, ...]] = tuple(CHANNELS)
LAYOUT_CODES: Final = {layout: code for code, layout in enumerate(LAYOUTS)}
KNOWN: Final = 64
"""Headers that a reader knows by heart."""


def encode(frame: AudioFrame, out: Outgoing) -> Encoded:
    """Make a frame ready to travel.

    Raises:
        struct.error: a number is too large for the header.
        PicklingError: its metadata cannot travel.
    """
    samples, place = frame.samples, None
    if samples.nbytes > REFERENCE:
        place = out.locate((samples,))
        if place is None:
            samples = out.share(frame).samples
            place = out.locate((samples,))
    pts, base = frame.pts, frame.time_base
    flags = HAS_PTS if pts is not None else 0
    extra = b""
    if frame.metadata:
        flags |= HAS_METADATA
        extra = mappings.pack(frame.metadata)
    if place is not None:
        flags |= IS_REFERENCE
    head = WRITE.pack(
        FORMAT_CODES[frame.format],
        LAYOUT_CODES[frame.layout],
        frame.rate,
        *((base.numerator, base.denominator) if base is not None else (0, 0)),
        pts or 0,
        flags,
        frame.samples_per_channel,
    )
    if place is None:
        return _written(head, samples, extra, pts or 0)
    where = PLACE.pack(*place[0], *samples.strides)
    payload = head + where + extra
    return referring(KIND, len(payload), ((0, payload),), pts or 0, keep=samples)


def _written(head: bytes, samples: Array, extra: bytes, pts: int) -> Encoded:
    size = samples.nbytes
    length = BODY + size + len(extra)
    if length <= SMALL:
        # It will go with others of its kind: one piece, at once.
        whole = b"".join((head, samples.tobytes(), extra))
        return Encoded(KIND, length, ((0, whole),), pts, size)
    parts: list[Part] = [(0, head), (BODY, samples)]
    if extra:
        parts.append((BODY + size, extra))
    return Encoded(KIND, length, parts, pts, size)


class _Caps(NamedTuple):
    """What the first part of a header says."""

    format: str
    layout: str
    rate: int
    time_base: Fraction | None
    dtype: np.dtype[Any]
    channels: int
    planar: bool


class AudioReader:
    """Makes frames of payloads."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._known: dict[bytes, _Caps] = {}

    def read(self, data: Data, lease: Lease | None, *, copy: bool) -> AudioFrame:
        """The frame of a payload, over the payload or over what it refers to.

        Raises:
            RingCorrupt: the payload refers to bytes that are not there.
            Exception: of any type, if it is no frame.
        """
        words, pts, flags, count = READ.unpack_from(data)
        caps = self._known.get(words) or self._learn(words)
        shape = (caps.channels, count) if caps.planar else (count, caps.channels)
        if flags & IS_REFERENCE:
            number, offset, *strides = PLACE.unpack_from(data, BODY)
            extents = Extents.of((shape,), (tuple(strides),), caps.dtype.itemsize)
            (samples,) = self._incoming.arrays(
                (number,), (offset,), extents, caps.dtype, lease, copy=copy
            )
            end = BODY + PLACE.size
        else:
            samples = np.ndarray(shape, caps.dtype, data, BODY)
            end = BODY + samples.nbytes
        metadata: Mapping[str, Any] = NO_METADATA
        if flags & HAS_METADATA:
            trusted = self._incoming.trusted
            metadata = mappings.unpack(data[end:], trusted=trusted)
        # The constructor would check what has been checked.
        frame = AudioFrame.__new__(AudioFrame)
        frame._samples, frame._origin, frame._length = samples, None, count
        frame.format, frame.layout, frame.rate = caps.format, caps.layout, caps.rate
        frame.pts = pts if flags & HAS_PTS else None
        frame.time_base, frame.metadata, frame.shared = caps.time_base, metadata, False
        return frame

    def _learn(self, words: bytes) -> _Caps:
        code, layout_code, rate, numerator, denominator = CAPS.unpack(words)
        format = FORMATS[int(code)]
        layout = LAYOUTS[int(layout_code)]
        if rate < 1:
            raise ValueError(f"rate must be 1 Hz or more, not {rate}")
        base = Fraction(numerator, denominator) if denominator else None
        caps = _Caps(
            format,
            layout,
            rate,
            base,
            np.dtype(SAMPLE_FORMATS[format]),
            CHANNELS[layout],
            format.endswith("p"),
        )
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[words] = caps
        return caps
