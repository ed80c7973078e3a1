"""Timelines: what an encoder is given has pts that only rise, and sound without holes.

Small steps back and small overlaps are smoothed out; holes in sound are filled
with silence; a large jump back, or an absurd one ahead in sound, is taken for a
clock that began anew, and the stream goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from streamflow.frames import AudioFrame

RESTART = 1
"""Seconds that pts may step back before that counts as a new beginning."""

TOLERANCE = Fraction(1, 40)
"""Seconds that sound may be off before samples are added or dropped: a part of any
picture's time, more than the rounding of any container."""

LONGEST_SILENCE = 600
"""Seconds of missing sound that are filled; more than that is no gap but a broken pts."""


class VideoTimeline:
    """Ticks that rise from frame to frame.

    Args:
        time_base: the encoder's.
        step: ticks from one frame to the next where a pts is missing.

    >>> timeline = VideoTimeline(Fraction(1, 90_000), step=3_000)
    >>> [timeline.place(pts, Fraction(1, 1_000)) for pts in (0, 33, 33, None)]
    [0, 2970, 2971, 5971]
    """

    def __init__(self, time_base: Fraction, step: int) -> None:
        self.time_base, self.step = time_base, step
        self._last: int | None = None
        self._offset = 0

    def place(self, pts: int | None, time_base: Fraction | None) -> int:
        """Ticks for a frame with this pts."""
        last = self._last
        if pts is None or time_base is None:
            ticks = 0 if last is None else last + self.step
        elif time_base == self.time_base:
            ticks = pts + self._offset
        else:
            ticks = round(pts * time_base / self.time_base) + self._offset
        if last is not None and ticks <= last:
            if (last - ticks) * self.time_base > RESTART:
                self._offset += last + self.step - ticks
                ticks = last + self.step
            else:
                ticks = last + 1
        self._last = ticks
        return ticks


class AudioTimeline:
    """Samples without a hole or an overlap, from the first frame on.

    Args:
        rate: samples per second, of every frame.
        begin: where to go on, in seconds; None to begin where the first frame does.

    >>> timeline, samples = AudioTimeline(1_000), np.ones((1, 100), np.float32)
    >>> frames = [AudioFrame(samples, rate=1_000, pts=pts) for pts in (0, 150)]
    >>> [made.samples_per_channel for frame in frames for made in timeline.place(frame)]
    [100, 50, 100]
    """

    def __init__(self, rate: int, begin: Fraction | None = None) -> None:
        self.rate = rate
        self._next = None if begin is None else round(begin * rate)
        self._offset = 0
        self._tolerance = int(TOLERANCE * rate)

    @property
    def end(self) -> Fraction | None:
        """Seconds at which the next sample is due."""
        return None if self._next is None else Fraction(self._next, self.rate)

    def place(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """The frame with a pts in samples; silence before it, or a part of it, as needed."""
        base = frame.time_base
        if frame.pts is None or base is None:
            at = self._next or 0
        else:
            at = round(frame.pts * base.numerator * self.rate / base.denominator) + self._offset
        due = self._next if self._next is not None else at
        late = at - due
        if late > LONGEST_SILENCE * self.rate or late < -RESTART * self.rate:
            self._offset -= late
        elif late > self._tolerance:
            yield from self._silence(frame, due, late)
            due = at
        elif late < -self._tolerance:
            frame = self._without(frame, -late)
        self._next = due + frame.samples_per_channel
        if frame.samples_per_channel:
            yield frame.replace(pts=due, time_base=Fraction(1, self.rate))

    def _silence(self, like: AudioFrame, at: int, count: int) -> Iterator[AudioFrame]:
        # A second at a time: a long gap must not become a large array.
        for start in range(0, count, self.rate):
            length = min(self.rate, count - start)
            shape = (like.channels, length) if like.planar else (length, like.channels)
            yield AudioFrame(
                np.zeros(shape, like.samples.dtype),
                like.format,
                layout=like.layout,
                rate=self.rate,
                pts=at + start,
            )

    def _without(self, frame: AudioFrame, count: int) -> AudioFrame:
        kept = frame.samples[:, count:] if frame.planar else frame.samples[count:]
        return AudioFrame(kept, frame.format, layout=frame.layout, rate=self.rate)
