"""Tracks: one stream of a file on its way to one port, with a pts on every frame.

Frames before the start or from the end on are dropped; audio is cut to the
sample. A missing pts continues the previous frame. The pts that leaves is the
container's, moved on by a whole number of ticks for each loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from types import MappingProxyType
from typing import Any, NamedTuple

import av

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.video import NO_METADATA
from streamflow.nodes.media import house

FAR = 1 << 62
"""A pts that no frame reaches."""

MILLION = 1_000_000


def exact(seconds: float) -> Fraction:
    """The decimal that was meant: 0.1 is a tenth, not the float beside it."""
    return Fraction(seconds).limit_denominator(MILLION)


class Mark(NamedTuple):
    """How far a track has come.

    Attributes:
        begin: pts of the first frame emitted, without the shift.
        last: pts of the newest.
        emitted: how many frames there were.
        exact: whether every pts was the file's own, so that it tells the frame.
    """

    begin: int
    last: int
    emitted: int
    exact: bool


class Track:
    """What video and audio tracks share.

    Args:
        stream: libav's stream.
        port: where its frames go.
        first: seconds of the container's time before which frames are dropped.
        end: seconds from which on they are dropped; None for none.
        charge: told how many bytes each conversion copied.

    Attributes:
        shift: ticks added to every pts.
        done: whether the end has been reached.
        packets, decoded, emitted: how many packets were read, frames decoded,
            and frames emitted.
        exact: whether every pts was the file's own.
        behind: whether frames are passed over that an earlier run has emitted.
    """

    def __init__(
        self,
        stream: av.VideoStream | av.AudioStream,
        port: str,
        first: Fraction | None,
        end: Fraction | None,
        charge: Callable[[int, str | None], None],
    ) -> None:
        self.stream, self.port = stream, port
        self.time_base = stream.time_base or Fraction(1, MILLION)
        self.first = -FAR if first is None else ceil(first / self.time_base)
        self.end = FAR if end is None else ceil(end / self.time_base)
        self.done = False
        self.packets = self.decoded = self.emitted = 0
        self.shift = 0
        self.exact, self.behind = True, False
        self._passed, self._to_pass = -FAR, 0
        self._charge = charge
        self._begin: int | None = None
        self._next = self._finish = stream.start_time or 0

    @property
    def begin(self) -> Fraction | None:
        """Seconds of the first frame emitted, without the shift; None if there was none."""
        return None if self._begin is None else self._begin * self.time_base

    @property
    def position(self) -> Fraction:
        """Seconds of the end of the newest frame emitted, without the shift."""
        return self._finish * self.time_base

    def _pts_of(self, frame: av.VideoFrame | av.AudioFrame, duration: int) -> int:
        """The frame's pts, made up where it has none, and the next one foreseen."""
        pts = frame.pts if frame.pts is not None else frame.dts
        self.exact = self.exact and frame.pts is not None
        if pts is None:
            pts = self._next
        self._next = pts + duration
        return pts

    def go_on(self, mark: Mark) -> None:
        """Pass over what was emitted until a mark."""
        self._begin, self.emitted, self.behind = mark.begin, mark.emitted, True
        if mark.exact:
            self._passed = mark.last
        else:
            self._to_pass = mark.emitted

    def due(self, packet: av.Packet[Any]) -> Sequence[av.Packet[Any]]:
        """What is to be decoded now that a packet has come: the packet itself."""
        return (packet,)

    def rest(self) -> Sequence[av.Packet[Any]]:
        """What is still to be decoded at the end: nothing."""
        return ()

    def _passes_over(self, pts: int) -> bool:
        """Whether an earlier run has emitted the frame of this pts."""
        if self._to_pass:
            self._to_pass -= 1
        elif pts > self._passed:
            self.behind = False
            return False
        self._finish = min(self._next, self.end)
        return True

    def _mark(self, pts: int) -> None:
        if self._begin is None:
            self._begin = pts
        self._finish = min(self._next, self.end)
        self.emitted += 1


class VideoTrack(Track):
    """A video stream; its frames pass whole."""

    def __init__(
        self,
        stream: av.VideoStream,
        port: str,
        first: Fraction | None,
        end: Fraction | None,
        charge: Callable[[int, str | None], None],
    ) -> None:
        super().__init__(stream, port, first, end, charge)
        rate = stream.average_rate or stream.guessed_rate or 25
        self._step = max(1, round(1 / (rate * self.time_base)))
        self._metadata: Mapping[str, Any] = NO_METADATA
        self._held: list[av.Packet[Any]] = []

    def due(self, packet: av.Packet[Any]) -> Sequence[av.Packet[Any]]:
        """The packet; but of what an earlier run has emitted, only what later pictures refer to.

        That is what follows the last key frame before them.
        """
        if not self.behind or self._to_pass:
            return (packet,)
        pts = packet.pts
        if pts is not None and pts <= self._passed:
            if packet.is_keyframe:
                self._held.clear()
            self._held.append(packet)
            return ()
        return (*self.rest(), packet)

    def rest(self) -> Sequence[av.Packet[Any]]:
        """What is held."""
        held, self._held = self._held, []
        return held

    def accept(self, frame: av.VideoFrame) -> VideoFrame | None:
        """Our frame over a decoded one; None if it lies outside what was asked for."""
        pts = self._pts_of(frame, frame.duration or self._step)
        if pts < self.first:
            return None
        if pts >= self.end:
            self.done = True
            return None
        if self.behind and self._passes_over(pts):
            return None
        made, copied = house.video_frame(frame)
        if copied:
            self._charge(copied, self.port)
        if frame.rotation != self._metadata.get("rotation", 0):
            self._metadata = MappingProxyType({"rotation": frame.rotation})
        made.pts, made.time_base = pts + self.shift, self.time_base
        made.metadata = self._metadata
        self._mark(pts)
        return made


class AudioTrack(Track):
    """An audio stream; its first and last frame are cut to the sample."""

    def __init__(
        self,
        stream: av.AudioStream,
        port: str,
        first: Fraction | None,
        end: Fraction | None,
        charge: Callable[[int, str | None], None],
    ) -> None:
        super().__init__(stream, port, first, end, charge)
        self._house = house.AudioHouse()

    def accept(self, frame: av.AudioFrame) -> AudioFrame | None:
        """Our frame over a decoded one; None if it lies outside what was asked for."""
        ticks = 1 / (frame.sample_rate * self.time_base)
        pts = self._pts_of(frame, round(frame.samples * ticks))
        self.done = pts >= self.end
        if self.done or self._next <= self.first or not frame.samples:
            return None
        skip, stop = 0, frame.samples
        if pts < self.first:
            skip = min(stop, ceil((self.first - pts) / ticks))
        if self._next > self.end:
            stop = min(stop, floor((self.end - pts) / ticks))
        return self._emit(frame, pts + round(skip * ticks), skip, stop)

    def _emit(self, frame: av.AudioFrame, pts: int, skip: int, stop: int) -> AudioFrame | None:
        if skip >= stop or (self.behind and self._passes_over(pts)):
            return None
        made, copied = self._house.frame(frame)
        if copied:
            self._charge(copied, self.port)
        if stop - skip < frame.samples:
            made = cut(made, skip, stop)
        made.pts, made.time_base = pts + self.shift, self.time_base
        self._mark(pts)
        return made


def cut(frame: AudioFrame, start: int, stop: int) -> AudioFrame:
    """The samples from ``start`` to ``stop`` of a frame, without a copy or a pts."""
    kept = frame.samples[:, start:stop] if frame.planar else frame.samples[start:stop]
    return AudioFrame(kept, frame.format, layout=frame.layout, rate=frame.rate)
