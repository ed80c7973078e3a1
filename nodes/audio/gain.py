"""Louder or quieter, in the sample format that came."""

from __future__ import annotations

import math
from typing import ClassVar

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node
from streamflow.nodes.audio.sound import (
    allocate_samples,
    check_audio,
    pack_samples,
    unit_samples,
)
from streamflow.ports import Audio, Ports


class Gain(Node):
    """Multiplies samples by ``factor`` times 10 ** (db / 20).

    Integer samples saturate at full scale; float samples may go beyond.

    Args:
        db: gain in decibels; -6 is about half.
        factor: gain as a factor, on top of ``db``; negative inverts the polarity.

    Raises:
        ValueError: a parameter is not finite.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio()}

    def __init__(self, db: float = 0.0, factor: float = 1.0) -> None:
        for name, value in (("db", db), ("factor", factor)):
            if not math.isfinite(value):
                raise ValueError(f"{name} must be finite, not {value}")
        self.factor = factor * 10 ** (db / 20)

    def initialize(self, ctx: NodeContext) -> None:
        """Take the memory that frames live in."""
        self._allocate = ctx.allocate

    def process(self, frame: AudioFrame) -> AudioFrame:
        """Return the frame amplified; itself if the gain is 1."""
        check_audio(self, frame)
        if self.factor == 1:
            return frame
        memory, channels = allocate_samples(
            self._allocate, frame.format, frame.layout, frame.samples_per_channel
        )
        pack_samples(unit_samples(frame) * self.factor, channels)
        return AudioFrame(
            memory,
            frame.format,
            layout=frame.layout,
            rate=frame.rate,
            pts=frame.pts,
            time_base=frame.time_base,
            metadata=frame.metadata,
        )
