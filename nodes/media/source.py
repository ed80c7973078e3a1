"""MediaSource: a file or network stream as frames with the container's own pts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

from streamflow.context import NodeContext
from streamflow.errors import MediaError
from streamflow.node import Node, Out
from streamflow.nodes.media.reader import AnyTrack, Damage, Opening, Reader, Wish
from streamflow.nodes.media.track import Mark, exact
from streamflow.ports import Audio, Data, Ports, Value, Video

T = TypeVar("T")

LOOKAHEAD = 32
"""Frames read before the first is emitted under a live clock. Decoders hold video back
longer than audio; by then both have come."""


class Lap(NamedTuple):
    """One reading of the part: its number, the shift of its pts, and what was so far.

    Attributes:
        number: from 0.
        shift: seconds by which its pts are moved on.
        emitted: frames of all laps before it, by port.
        damage: of all laps before it.
    """

    number: int = 0
    shift: Fraction = Fraction(0)
    emitted: Mapping[str, int] = MappingProxyType({})
    damage: Damage = Damage()


class Read(NamedTuple):
    """A frame that was read: in which lap, of which track, with which pts before the shift."""

    lap: Lap
    track: AnyTrack
    pts: int
    out: Out


class Place(NamedTuple):
    """Where a source stands.

    Attributes:
        begun: whether the first metadata has been emitted.
        complete: whether the last has.
        lap: number, shift, emitted and damage of the lap it is in.
        marks: how far its tracks have come in this lap, by port.
    """

    begun: bool = False
    complete: bool = False
    lap: tuple[int, Fraction, dict[str, int], Damage] = (0, Fraction(0), {}, Damage())
    marks: Mapping[str, Mark] = MappingProxyType({})


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

    Of a file it goes on from a checkpoint at the very frame: it seeks to a key frame before it.

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
        self._begun = self._complete = False
        self._lap = Lap()
        self._marks: dict[str, Mark] = {}
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
        if self._wants("metadata") and not self._begun:
            self._begun = True
            yield Out("metadata", facts | {"complete": False})
        for read in self._paced() if self._ctx.clock.live else self._frames():
            self._note(read)
            yield read.out
        if self._complete:
            return
        self._report()
        if self._wants("metadata"):
            self._complete = True
            yield Out("metadata", facts | {"complete": True} | self._outcome())

    def _note(self, read: Read) -> None:
        """Note that a frame is emitted: it is read earlier, under a live clock."""
        port = read.track.port
        if read.lap is not self._lap:
            self._lap, self._marks = read.lap, {}
        before = self._marks.get(port)
        begin, emitted = (read.pts, 0) if before is None else (before.begin, before.emitted)
        self._marks[port] = Mark(begin, read.pts, emitted + 1, read.track.exact)

    def get_state(self) -> Place:
        """Where it stands."""
        number, shift, emitted, damage = self._lap
        lap = number, shift, dict(emitted), damage
        return Place(self._begun, self._complete, lap, dict(self._marks))

    def set_state(self, state: Place) -> None:
        """Go on behind the newest frame of each port.

        Raises:
            MediaError: the file cannot be read.
        """
        self._begun, self._complete = state.begun, state.complete
        self._lap, self._marks = Lap(*state.lap), dict(state.marks)
        self._loops, self.damage = self._lap.number, self._lap.damage
        self._emitted = dict(self._lap.emitted)
        self._open_reader().go_on(self._marks)

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

    def _frames(self) -> Iterator[Read]:
        lap = self._lap
        while True:
            reader = self._open_reader()
            for track in reader.tracks:
                track.shift = round(lap.shift / track.time_base)
            for track, frame in reader.frames():
                self._newest = track
                yield Read(lap, track, (frame.pts or 0) - track.shift, Out(track.port, frame))
            length = played(reader)
            self._close_reader()
            self._loops += 1
            # A part without a frame would be repeated for ever, to no end.
            if self._loops == self.loop or not length:
                return
            emitted = dict(self._emitted)
            lap = Lap(self._loops, lap.shift + length, emitted, self.damage)

    def _paced(self) -> Iterator[Read]:
        clock = self._ctx.clock
        # What has an end is a file: it can be read ahead of the clock.
        ahead = LOOKAHEAD if self._length else 0
        origin: float | None = None
        for time, read in in_order(self._frames(), ahead, lambda read: read.out.value.time):
            if origin is None:
                origin = time - clock.time()
            if not clock.wait_until(time - origin):
                return
            yield read

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


def in_order(
    items: Iterator[T], ahead: int, time_of: Callable[[T], float]
) -> Iterator[tuple[float, T]]:
    """Items with their times, sorted as far as ``ahead`` items allow.

    >>> list(in_order(iter("acbd"), 1, "abcd".index))
    [(0, 'a'), (1, 'b'), (2, 'c'), (3, 'd')]
    """
    heap: list[tuple[float, int, T]] = []
    for number, item in enumerate(items):
        heappush(heap, (time_of(item), number, item))
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
