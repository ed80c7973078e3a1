"""One reading of a file: opened, sought, demultiplexed and decoded, whatever is wrong with it.

What cannot be decoded is counted and passed over. An error is only what keeps
every frame away, or breaks reading off for another reason than damaged data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from streamflow.errors import MediaError
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.nodes.media import diagnose
from streamflow.nodes.media.describe import container_facts, is_picture
from streamflow.nodes.media.track import AudioTrack, Mark, VideoTrack

Charge: TypeAlias = Callable[[int, str | None], None]
"""Told how many bytes were copied, and for which port."""

AnyTrack: TypeAlias = VideoTrack | AudioTrack

MICRO = 1_000_000
PREROLL = MICRO
"""How long before the start to seek: containers seek by dts, which runs ahead of pts."""


class Wish(NamedTuple):
    """A stream that was asked for: ``video`` or ``audio``, its number there, its port."""

    kind: str
    number: int
    port: str


class Opening(NamedTuple):
    """How to open a file, and which part of it is wanted, in seconds from its start."""

    path: str
    format: str | None = None
    options: dict[str, str] | None = None
    timeout: float | None = None
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    prompt: bool = False
    """Whether frames are wanted as soon as they can be had, rather than cheaply."""


class Damage(NamedTuple):
    """What was wrong with a file.

    Attributes:
        undecodable: packets that gave no frame.
        damaged: frames that were decoded, but not as they were encoded.
        missing: packets that the file's index promises and that are not there.
    """

    undecodable: int = 0
    damaged: int = 0
    missing: int = 0

    def __add__(self, other: tuple[int, ...]) -> Damage:  # type: ignore[override]
        """The sum of each; a plain tuple would be appended."""
        return Damage(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Reader:
    """A file that is open.

    Args:
        opening: which file, and how.
        wishes: the streams to read.
        charge: told of each conversion that copies.

    Attributes:
        facts: what the container says of itself.
        tracks: the streams that were found.
        missing: the ports whose stream the file does not have.
        span: where the part to be read begins and ends, in seconds of the
            container's time; the end is None if it is the file's.

    Raises:
        MediaError: the file cannot be opened, or a stream of it not be decoded.
    """

    def __init__(self, opening: Opening, wishes: Sequence[Wish], charge: Charge) -> None:
        self.path = opening.path
        self.container = open_input(opening)
        self.tracks: list[AnyTrack] = []
        self.missing: list[str] = []
        self._undecodable = self._damaged = self._missing = 0
        self._error: Exception | None = None
        try:
            self.facts = container_facts(self.container)
            origin = Fraction(self.container.start_time or 0, MICRO)
            begin = origin + opening.start
            length = opening.duration
            self.span = begin, None if length is None else begin + length
            threads = ThreadType.SLICE if opening.prompt else ThreadType.AUTO
            for wish in wishes:
                stream = find_stream(self.container, self.path, wish)
                if stream is None:
                    self.missing.append(wish.port)
                    continue
                stream.thread_type = threads
                make: Any = VideoTrack if wish.kind == "video" else AudioTrack
                first = begin if opening.start else None
                self.tracks.append(make(stream, wish.port, first, self.span[1], charge))
            if opening.start:
                self._seek(begin)
        except BaseException:
            self.container.close()
            raise

    @property
    def damage(self) -> Damage:
        """What was wrong so far."""
        return Damage(self._undecodable, self._damaged, self._missing)

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def go_on(self, marks: Mapping[str, Mark]) -> None:
        """Pass over what was emitted until marks, by port; sought where that is exact.

        Decoders of sound remember: they are to hear all of it, as before. And a pts
        that is made up counts from the start. Such files are read from there.
        """
        for track in self.tracks:
            if track.port in marks:
                track.go_on(marks[track.port])
        if all(_can_be_sought(track, marks) for track in self.tracks):
            self._seek(min(marks[track.port].last * track.time_base for track in self.tracks))

    def frames(self) -> Iterator[tuple[AnyTrack, VideoFrame | AudioFrame]]:
        """Frames with their tracks, interleaved as the file has them.

        Raises:
            MediaError: nothing could be decoded, or reading broke off.
        """
        active: dict[int, Any] = {track.stream.index: track for track in self.tracks}
        for packet in self._packets(active):
            track = active[packet.stream_index]
            for due in track.due(packet):
                for frame in self._decode(track, due):
                    yield track, frame
            if track.done:
                del active[packet.stream_index]
                if not active:
                    return
        for track in active.values():
            for due in (*track.rest(), None):
                for frame in self._decode(track, due):
                    yield track, frame
        self._conclude()

    def _seek(self, begin: Fraction) -> None:
        try:
            self.container.seek(max(0, int(begin * MICRO) - PREROLL))
        except FFmpegError:
            # A stream that cannot seek is read from where it stands; the
            # tracks drop what lies before the start.
            return

    def _packets(self, active: dict[int, Any]) -> Iterator[av.Packet[Any]]:
        """Packets of the active tracks; none once the data makes no sense any more."""
        streams = [track.stream for track in self.tracks]
        if not streams:
            return
        try:
            for packet in self.container.demux(streams):
                # An empty packet tells a decoder that the stream is over.
                if packet.size and packet.stream_index in active:
                    active[packet.stream_index].packets += 1
                    self._missing |= packet.is_corrupt
                    yield packet
        except InvalidDataError as error:
            self._error, self._missing = error, 1
        except FFmpegError as error:
            raise diagnose.unreadable(self.path, error) from error

    def _decode(
        self, track: Any, packet: av.Packet[Any] | None
    ) -> Iterator[VideoFrame | AudioFrame]:
        """Frames that a packet completes; None for those still held back at the end."""
        try:
            frames: Sequence[Any] = track.stream.decode(packet)
            track.decoded += len(frames)
            for frame in frames:
                # Behind a seek decoders lack what pictures refer to: that is no damage.
                self._damaged += frame.is_corrupt and not track.behind
                made = track.accept(frame)
                if made is not None:
                    yield made
        # Damage may also be a frame whose format nothing can convert.
        except FFmpegError as error:
            self._undecodable += not track.behind
            self._error = error

    def _conclude(self) -> None:
        # Set by a packet that was cut off: the index knows how many were to follow.
        if self._missing:
            short = [track.stream.frames - track.packets for track in self.tracks]
            self._missing = max(1, sum(max(0, count) for count in short))
        if self._error is not None and not any(track.decoded for track in self.tracks):
            reason = f"nothing in it could be decoded: {diagnose.in_words(self._error)}"
            raise MediaError(self.path, reason) from self._error


def _can_be_sought(track: AnyTrack, marks: Mapping[str, Mark]) -> bool:
    mark = marks.get(track.port)
    return mark is not None and mark.exact and isinstance(track, VideoTrack)


def open_input(opening: Opening) -> InputContainer:
    """Open a file, device or address for reading.

    Raises:
        MediaError: it cannot be opened.
    """
    path = opening.path
    # "a:b.mp4" is a file, unless nobody says otherwise: libav would read a protocol.
    plain = opening.format is None and diagnose.place_of(path) is not diagnose.Place.NOTHING
    if not path:
        raise MediaError(path, "the path is empty")
    try:
        return av.open(
            f"file:{path}" if plain else path,
            "r",
            format=opening.format,
            options=opening.options or {},
            timeout=opening.timeout,
            metadata_errors="replace",
        )
    except (FFmpegError, OSError, ValueError) as error:
        raise diagnose.unreadable(path, error) from error


def find_stream(container: InputContainer, path: str, wish: Wish) -> Any:
    """The stream that was asked for; None if the file has none of its kind.

    Cover pictures are no video.

    Raises:
        MediaError: there are some, but not as many; or nothing here decodes it.
    """
    found: list[Any] = (
        [stream for stream in container.streams.video if not is_picture(stream)]
        if wish.kind == "video"
        else list(container.streams.audio)
    )
    if not found and wish.number == 0:
        return None
    if wish.number >= len(found):
        count = f"{len(found) or 'no'} {wish.kind} stream{'s' * (len(found) != 1)}"
        raise MediaError(path, f"it has {count}, so there is no {wish.kind} stream {wish.number}")
    stream = found[wish.number]
    if stream.codec_context is None:
        raise MediaError(path, f"nothing here decodes {wish.kind} stream {wish.number}")
    return stream
