"""Constant frame rates: each tick of the new rate shows the picture nearest to it, or the last."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.picture import check_rate, check_video
from streamflow.ports import Ports, Video


class FrameRate(Node):
    """Drops and repeats pictures so that they come at a constant rate.

    Frame n of the output has a pts one more than the frame before, in a time
    base of 1 / rate. Of the pictures within half a frame of its time it shows
    the nearest; where there is none, the last one before. The duration stays,
    within one frame; the last picture lasts as long as the one before it.
    Pictures that go back in time are dropped. Repeated pictures share their
    planes. Arithmetic is exact: nothing drifts.

    Args:
        rate: frames per second: a number, or a fraction such as ``"30000/1001"``.

    Raises:
        ValueError: the rate is not more than 0.
    """

    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(self, rate: Fraction | float | str) -> None:
        self.rate = check_rate(rate)
        self._forget()

    def _forget(self) -> None:
        self._held: VideoFrame | None = None  # the last picture
        self._best: VideoFrame | None = None  # the nearest to the next tick
        self._distance = Fraction(0)
        self._first = self._next = 0
        self._last = self._interval = Fraction(0)

    def process(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yield what is due before this picture, and hold it.

        Raises:
            ValueError: the frame has no pts.
        """
        check_video(self, frame)
        if frame.pts is None or frame.time_base is None:
            raise ValueError("FrameRate needs frames with a pts and a time base")
        time = frame.pts * frame.time_base
        tick = self._tick(time)
        if self._held is None:
            self._first = self._next = tick
        elif time < self._last:
            return
        else:
            yield from self._repeat(self._held, tick)
            self._interval = time - self._last
        distance = abs(time * self.rate - tick)
        if self._best is None or distance < self._distance:
            self._best, self._distance = frame, distance
        self._held, self._last = frame, time

    def flush(self) -> Iterator[VideoFrame]:
        """Yield the last picture as often as it is due; something comes of any picture."""
        if self._held is not None:
            end = self._tick(self._last + self._interval)
            yield from self._repeat(self._held, max(end, self._first + 1))
        self._forget()

    def cleanup(self) -> None:
        """Let the last picture go."""
        self._forget()

    def get_state(self) -> tuple[Any, ...]:
        """The pictures that it holds, and the time they are at."""
        return (
            *(self._held, self._best, self._distance),
            *(self._first, self._next, self._last, self._interval),
        )

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Go on with these pictures."""
        self._held, self._best, self._distance, *rest = state
        self._first, self._next, self._last, self._interval = rest

    def _tick(self, time: Fraction) -> int:
        return math.floor(time * self.rate + Fraction(1, 2))

    def _repeat(self, held: VideoFrame, end: int) -> Iterator[VideoFrame]:
        several = end - self._next > 1
        while self._next < end:
            shown, self._best = self._best or held, None
            made = shown.replace(pts=self._next, time_base=1 / self.rate)
            # Repetitions are over the same planes, so that none may be written.
            made.shared = shown.shared or several
            self._next += 1
            yield made
