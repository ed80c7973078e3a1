"""Codecs: values become payloads, and payloads values again.

Reading copies nothing but what is small: pixels, samples, columns and large
arrays are views of the slot, or of the memory that the payload refers to, and
the slot's lease lasts while one of them lives. Nothing here does input or output.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from streamflow.errors import RingCorrupt, StreamflowError
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.ipc.backend import Lease
from streamflow.ipc.codecs import audio, plain, video
from streamflow.ipc.codecs.audio import AudioReader
from streamflow.ipc.codecs.context import Incoming, Outgoing
from streamflow.ipc.codecs.objects import ObjectReader, ObjectWriter
from streamflow.ipc.codecs.payload import SMALL, Data, Encoded, Kind
from streamflow.ipc.codecs.video import VideoReader
from streamflow.ipc.memory import Memory
from streamflow.ipc.shared import SharedPool

__all__ = ["Decoder", "Encoded", "Encoder", "Kind"]


class Encoder:
    """Makes values ready to travel; for one thread at a time.

    Args:
        announce_schema: makes a schema known to all who read, and numbers it.
        announce_memory: makes a memory known to all who read, and numbers it; then
            frames and arrays in shared memory are referred to. None: all is
            written into slots.
        pool: where frames are shared that do not lie in shared memory yet. None:
            they are written into slots.
    """

    def __init__(
        self,
        *,
        announce_schema: Callable[[bytes], int],
        announce_memory: Callable[[Memory], int] | None = None,
        pool: SharedPool | None = None,
    ) -> None:
        self._out = Outgoing(announce_schema, announce_memory, pool)
        self._objects = ObjectWriter(self._out)
        self._encoders: dict[type[Any], Callable[[Any], Encoded]] = {
            **plain.ENCODERS,
            VideoFrame: self._video,
            AudioFrame: self._audio,
        }

    def encode(self, value: object) -> Encoded:
        """Make a value ready to travel.

        Raises:
            PicklingError: something in it cannot travel.
        """
        encoder = self._encoders.get(type(value)) or self._encoder_of(type(value))
        return encoder(value)

    def _encoder_of(self, kind: type[Any]) -> Callable[[Any], Encoded]:
        if kind.__module__ != "pyarrow.lib" or kind.__name__ not in ("RecordBatch", "Table"):
            return self._objects.encode
        import pyarrow as pa

        from streamflow.ipc.codecs import arrow

        writer = arrow.ArrowWriter(self._out)
        self._encoders[pa.RecordBatch] = writer.encode_batch
        self._encoders[pa.Table] = writer.encode_table
        return self._encoders[kind]

    def _video(self, frame: VideoFrame) -> Encoded:
        try:
            return video.encode(frame, self._out)
        except (struct.error, AttributeError):  # a pts beyond 64 bits and the like
            return self._objects.encode(frame)

    def _audio(self, frame: AudioFrame) -> Encoded:
        try:
            return audio.encode(frame, self._out)
        except (struct.error, AttributeError):
            return self._objects.encode(frame)


class Decoder:
    """Makes values of payloads; for one thread at a time.

    Args:
        schema: the schema of a number; LookupError if there is none.
        memory: the memory of a number; LookupError if there is none.
        trusted: whether pickles are read: they can run any code.
    """

    def __init__(
        self, *, schema: Callable[[int], bytes], memory: Callable[[int], Memory], trusted: bool
    ) -> None:
        self._incoming = incoming = Incoming(schema, memory, trusted=trusted)
        self._readers: dict[int, Callable[..., Any]] = {
            Kind.VIDEO: VideoReader(incoming).read,
            Kind.AUDIO: AudioReader(incoming).read,
            Kind.OBJECT: ObjectReader(incoming).read,
        }

    def decode(self, lease: Lease, *, copy: bool = False) -> Any:
        """The value of an item; the lease lasts as long as something looks at its memory.

        Args:
            lease: of the item.
            copy: copy everything out, so that nothing keeps the lease.

        Raises:
            RingCorrupt: this is not what a well-behaved sender writes.
            IpcError: it is a pickle, and the sender is not trusted.
            PicklingError: an object cannot be made here.
        """
        data: Data = lease.array().data
        if copy or len(data) <= SMALL:
            data = bytes(data)
        return self._read(lease.kind, data, lease, copy=copy)

    def decode_bytes(self, kind: int, flags: int, schema: int, pts: int, payload: bytes) -> Any:
        """The value of a payload that was copied out; raises what `decode` raises."""
        return self._read(kind, payload, None, copy=False)

    def _read(self, kind: int, data: Data, lease: Lease | None, *, copy: bool) -> Any:
        try:
            plainly = plain.READERS.get(kind)
            if plainly is not None:
                return plainly(bytes(data))
            reader = self._readers.get(kind) or self._reader_of(kind)
            return reader(data, lease, copy=copy)
        except StreamflowError:
            raise
        except Exception as error:
            name = Kind(kind).name.lower()
            raise RingCorrupt(f"a payload is no {name}: {error}") from error

    def _reader_of(self, kind: int) -> Callable[..., Any]:
        if kind != Kind.ARROW:
            raise RingCorrupt(f"there are no payloads of kind {kind}")
        from streamflow.ipc.codecs import arrow

        reader = self._readers[kind] = arrow.ArrowReader(self._incoming).read
        return reader
