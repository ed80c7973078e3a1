"""Test pictures: a pattern, a bar that moves, and a counter that says which picture it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction
from typing import ClassVar, Final

import numpy as np

from streamflow.context import NodeContext
from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.counter import CounterPainter
from streamflow.nodes.video.patterns import draw_pattern
from streamflow.nodes.video.picture import (
    Planes,
    allocate_planes,
    check_format,
    check_rate,
    levels_of,
)
from streamflow.ports import Ports, Video

SWEEP: Final = 60
"""Frames in which the bar crosses the picture."""


class TestVideo(Node):
    """Emits test pictures at a constant rate.

    Frame n has pts n in a time base of 1 / rate, and its number burned in;
    `streamflow.nodes.video.counter.read_counter` reads it back. Under a live
    clock each frame waits for its time.

    Args:
        width: in pixels; with a counter 64 or more.
        height: in pixels; with a counter 48 or more.
        rate: frames per second: a number, or a fraction such as ``"30000/1001"``.
        frames: how many to emit; None for no end.
        duration: seconds to emit for, instead of ``frames``.
        pattern: ``bars``, ``gradient``, ``checkerboard``, ``noise`` or ``solid``.
        counter: whether to burn the frame's number in.
        format: pixel format.

    Raises:
        ValueError: a parameter is out of its range.
    """

    __test__ = False  # not one of pytest's
    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(
        self,
        width: int = 640,
        height: int = 360,
        rate: Fraction | float | str = 30,
        frames: int | None = None,
        duration: float | None = None,
        pattern: str = "bars",
        *,
        counter: bool = True,
        format: str = "yuv420p",
    ) -> None:
        self.rate = check_rate(rate)
        self.frames = count_frames(frames, duration, self.rate)
        self.width, self.height, self.format = width, height, check_format(format)
        drawn = VideoFrame(draw_pattern(pattern, width, height))
        self._painter = CounterPainter(format, width, height) if counter else None
        self._background = self._prepare(drawn.reformat(format=format))
        self._white = levels_of(format)[1]
        self._emitted = self._first = 0
        # A port says what is known: here, the format.
        self.outputs = {"out": Video(format)}  # type: ignore[misc]

    def _prepare(self, drawn: VideoFrame) -> Planes:
        planes = tuple(plane.copy() for plane in drawn.planes)
        if self._painter is not None:
            self._painter.clear_chroma(planes)
        return planes

    def initialize(self, ctx: NodeContext) -> None:
        """Take the clock, and the memory that frames live in."""
        self._clock, self._allocate = ctx.clock, ctx.allocate
        self._emitted = self._first = 0

    def get_state(self) -> int:
        """Number of the next frame."""
        return self._emitted

    def set_state(self, state: int) -> None:
        """Go on with the frame of this number, which is due at once."""
        self._emitted = self._first = state

    async def process(self) -> AsyncIterator[VideoFrame]:
        """Yield frame after frame."""
        live, period = self._clock.live, 1 / self.rate
        while self.frames is None or self._emitted < self.frames:
            if live:
                await self._clock.sleep_until(float((self._emitted - self._first) * period))
            frame = self._draw(self._emitted, period)
            self._emitted += 1
            yield frame

    def _draw(self, number: int, period: Fraction) -> VideoFrame:
        planes = allocate_planes(self._allocate, self.format, self.width, self.height)
        for plane, background in zip(planes, self._background, strict=True):
            np.copyto(plane, background)
        self._paint_bar(planes, number)
        if self._painter is not None:
            self._painter.paint(planes, number)
        return VideoFrame(planes, self.format, pts=number, time_base=period)

    def _paint_bar(self, planes: Planes, number: int) -> None:
        left = number % SWEEP * self.width // SWEEP
        right = left + max(2, self.width // 64)
        planes[0][:, left:right] = self._white
        for chroma in planes[1:]:
            chroma[:, left // 2 : (right + 1) // 2] = 128

    def progress(self) -> float | None:
        """How many of the frames have been emitted, from 0 to 1."""
        return self._emitted / self.frames if self.frames else None


def count_frames(frames: int | None, duration: float | None, rate: Fraction) -> int | None:
    """How many frames to emit; None for no end.

    >>> count_frames(None, 10.0, Fraction(30_000, 1001))
    300
    """
    if frames is not None and duration is not None:
        raise ValueError("give frames or duration, not both")
    if frames is not None and frames < 0:
        raise ValueError(f"frames must be 0 or more, not {frames}")
    if duration is None:
        return frames
    if duration < 0:
        raise ValueError(f"duration must be 0 seconds or more, not {duration}")
    return round(Fraction(duration) * rate)
