"""MediaSource: a file or network stream as frames with the container's own pts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any, ClassVar

from streamflow.context import NodeContext
from streamflow.errors import MediaError
from streamflow.node import Node, Out
from streamflow.nodes.media.reader import AnyTrack, Damage, Opening, Reader, Wish
from streamflow.nodes.media.track import exact
from streamflow.ports import Audio, Data, Ports, Value, Video

LOOKAHEAD = 32
"""Frames read before the first is emitted under a live clock. Decoders hold video back
longer than audio; by then both have come."""


class MediaSource(Node):
    """Reads any container and codec that libav knows, from a file, a device or the network.

    Ports: ``video`` emits a `VideoFrame` for each picture, ``audio`` an
    `AudioFrame` for each stretch of sound, ``metadata`` one dict before the
    first frame and one after the last. Streams that no edge asks for are not
    decoded. A connected port whose stream the file lacks ends without an item
    and with a warning; only if it lacks all of them is that an error. Cover
    pictures are not taken for video.

    Every frame has its stream's time base and the container's pts; where that
    has none, the previous frame is continued. Under a live clock each frame
    waits until it is due. Frames wrap libav's memory. Formats that a frame
    cannot hold are converted and charged as copies: video to ``yuv420p``, to
    ``gray8`` if it has no colour, to ``rgba`` if it has alpha; audio to ``fltp``.

    Frames of a video that is to be shown turned have ``metadata["rotation"]``, in
    degrees counter-clockwise; `MediaSink` writes it on.

    Damaged and truncated files give what can be decoded; the rest is counted in
    `damage`, in the last dict of ``metadata`` and in one warning.

    Args:
        path: file name, address, or what the ``format`` takes in its place.
        video: which of the video streams; several of them go to the ports
            ``video``, ``video_1``, ``video_2`` …, in the order given. None for no port.
        audio: the same for audio.
        start: seconds into the file at which to begin: no picture before it is
            emitted, and sound is cut there to the sample.
        duration: seconds to read; None for all that follows.
        loop: how often to read the part; 0 for ever. The pts go on through all
            loops, and all streams move on by the same time.
        format: name of libav's demuxer, such as ``rawvideo`` or ``lavfi``, where
            the data does not tell.
        options: libav's options for protocol, demuxer and decoders.
        timeout: seconds after which an address that does not answer is an error.

    Raises:
        ValueError: a parameter is out of range.
        MediaError: from `initialize`, if the file cannot be read; later, if
            nothing can be decoded or reading breaks off.
    """

    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"video": Video(), "audio": Audio(), "metadata": Value(dict)}
    blocking = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        video: int | Sequence[int] | None = 0,
        audio: int | Sequence[int] | None = 0,
        start: float | None = None,
        duration: float | None = None,
        loop: int = 1,
        format: str | None = None,
        options: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        check_range("start", start, 0)
        check_range("loop", loop, 0)
        if duration is not None and duration <= 0:
            raise ValueError(f"duration must be more than 0, not {duration}")
        if timeout is not None and timeout <= 0:
            raise ValueError(f"timeout must be more than 0, not {timeout}")
        self.path = os.fspath(path)
        self.loop = loop
        self._opening = Opening(
            self.path,
            format,
            {name: str(value) for name, value in (options or {}).items()},
            timeout,
            exact(start or 0),
            None if duration is None else exact(duration),
        )
        self._wishes = [*wishes("video", video), *wishes("audio", audio)]
        ports: dict[str, Data] = {
            wish.port: Video() if wish.kind == "video" else Audio() for wish in self._wishes
        }
        # A ClassVar of the base: these ports are this instance's alone.
        self.outputs = {**ports, "metadata": Value(dict)}  # type: ignore[misc]
        self._reader: Reader | None = None
        self._reset()

    def _reset(self) -> None:
        self.damage = Damage()
        self._emitted: dict[str, int] = {}
        self._loops = 0
        self._newest: AnyTrack | None = None
        self._length: float | None = None

    @property
    def decode_errors(self) -> int:
        """Packets that could not be decoded, so far."""
        current = self._reader.damage.undecodable if self._reader else 0
        return self.damage.undecodable + current

    def initialize(self, ctx: NodeContext) -> None:
        """Open the file.

        Raises:
            MediaError: it cannot be read, or has none of the streams asked for.
        """
        self._reset()
        self._ctx = ctx
        wanted = ctx.connected
        self._wanted = [w for w in self._wishes if wanted is None or w.port in wanted]
        self._opening = self._opening._replace(prompt=ctx.clock.live)
        self._reader = Reader(self._opening, self._wanted, ctx.count_copy)
        if self._wanted and not self._reader.tracks:
            kinds = " or ".join(dict.fromkeys(wish.kind for wish in self._wanted))
            raise MediaError(self.path, f"it has no {kinds} stream")
        for port in self._reader.missing:
            ctx.logger.warning("%s has no stream for port %r, which ends at once", self.path, port)
        self._length = self._seconds_to_read(self._reader)

    def process(self) -> Iterator[Out]:
        """Emit every frame to its stream's port."""
        facts = self._open_reader().facts | {"path": self.path}
        if self._wants("metadata"):
            yield Out("metadata", facts | {"complete": False})
        yield from self._paced() if self._ctx.clock.live else self._frames()
        self._report()
        if self._wants("metadata"):
            yield Out("metadata", facts | {"complete": True} | self._outcome())

    def cleanup(self) -> None:
        """Close the file."""
        self._close_reader()

    def progress(self) -> float | None:
        """How much has been emitted, from 0 to 1; None if nobody knows, or it goes on for ever."""
        if not self.loop or not self._length:
            return None
        reader, newest = self._reader, self._newest
        done = 0.0
        if reader is not None and newest is not None:
            done = float(newest.position - reader.span[0]) / self._length
        return min(1.0, (self._loops + max(0.0, done)) / self.loop)

    def _frames(self) -> Iterator[Out]:
        shift = Fraction(0)
        while True:
            reader = self._open_reader()
            for track in reader.tracks:
                track.shift = round(shift / track.time_base)
            for track, frame in reader.frames():
                self._newest = track
                yield Out(track.port, frame)
            length = played(reader)
            self._close_reader()
            self._loops += 1
            # A part without a frame would be repeated for ever, to no end.
            if self._loops == self.loop or not length:
                return
            shift += length

    def _paced(self) -> Iterator[Out]:
        clock = self._ctx.clock
        # What has an end is a file: it can be read ahead of the clock.
        ahead = LOOKAHEAD if self._length else 0
        origin: float | None = None
        for time, out in in_order(self._frames(), ahead):
            if origin is None:
                origin = time - clock.time()
            if not clock.wait_until(time - origin):
                return
            yield out

    def _wants(self, port: str) -> bool:
        return self._ctx.connected is None or port in self._ctx.connected

    def _open_reader(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self._opening, self._wanted, self._ctx.count_copy)
        return self._reader

    def _close_reader(self) -> None:
        reader, self._reader, self._newest = self._reader, None, None
        if reader is None:
            return
        self.damage += reader.damage
        for track in reader.tracks:
            self._emitted[track.port] = self._emitted.get(track.port, 0) + track.emitted
        reader.close()

    def _seconds_to_read(self, reader: Reader) -> float | None:
        whole = reader.facts["duration"]
        rest = None if whole is None else max(0.0, whole - float(self._opening.start))
        wanted = self._opening.duration
        if wanted is None:
            return rest
        return float(wanted) if rest is None else min(rest, float(wanted))

    def _outcome(self) -> dict[str, Any]:
        return {
            "emitted": dict(self._emitted),
            "corrupt": self.damage.undecodable + self.damage.damaged,
            **self.damage._asdict(),
        }

    def _report(self) -> None:
        if any(self.damage):
            self._ctx.logger.warning(
                "%s is damaged: %d packets could not be decoded, %d frames show damage, "
                "%d packets are missing",
                self.path,
                *self.damage,
            )


def wishes(kind: str, streams: int | Sequence[int] | None) -> list[Wish]:
    """The streams asked for, with their ports.

    >>> [wish.port for wish in wishes("audio", (0, 2))]
    ['audio', 'audio_1']
    """
    numbers = [] if streams is None else [streams] if isinstance(streams, int) else list(streams)
    for number in numbers:
        check_range(kind, number, 0)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{kind} must name each stream once, not {numbers}")
    return [Wish(kind, n, kind if i == 0 else f"{kind}_{i}") for i, n in enumerate(numbers)]


def check_range(name: str, value: float | None, least: int) -> None:
    """Refuse a parameter below ``least``."""
    if value is not None and value < least:
        raise ValueError(f"{name} must be {least} or more, not {value}")


def in_order(outs: Iterator[Out], ahead: int) -> Iterator[tuple[float, Out]]:
    """Frames with their times, sorted as far as ``ahead`` frames allow.

    >>> from streamflow.packet import Packet
    >>> late = [Out("a", Packet(None, pts, Fraction(1))) for pts in (0, 2, 1, 3)]
    >>> [time for time, _ in in_order(iter(late), 1)]
    [0.0, 1.0, 2.0, 3.0]
    """
    heap: list[tuple[float, int, Out]] = []
    for number, out in enumerate(outs):
        heappush(heap, (out.value.time, number, out))
        if len(heap) > ahead:
            time, _, first = heappop(heap)
            yield time, first
    while heap:
        time, _, first = heappop(heap)
        yield time, first


def played(reader: Reader) -> Fraction:
    """Seconds from the first frame emitted to the end of the last one, over all streams."""
    spans = [(t.begin, t.position) for t in reader.tracks if t.begin is not None]
    if not spans:
        return Fraction(0)
    return max(end for _, end in spans) - min(begin for begin, _ in spans)
