"""Frames of a fixed number of samples, cut across the frames that come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node
from streamflow.nodes.audio.sound import (
    Array,
    allocate_samples,
    caps_of,
    check_audio,
    sample_index,
)
from streamflow.ports import Audio, Ports


class Chunk(Node):
    """Emits frames of exactly ``samples`` samples; the last one may be shorter.

    No sample is lost or changed, and each frame's pts is that of its first
    sample, in units of 1 / rate. A chunk that lies within one frame is a view
    of it; one that spans several is gathered, and the copy counted. Where
    format, layout or rate change, the rest so far comes out as it is.

    Args:
        samples: samples per frame.
        overlap: samples that a frame has in common with the one before.
        pad: fill the last frame up with silence.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio()}

    def __init__(self, samples: int, overlap: int = 0, *, pad: bool = False) -> None:
        if samples < 1:
            raise ValueError(f"samples must be 1 or more, not {samples}")
        if not 0 <= overlap < samples:
            raise ValueError(f"overlap must be from 0 to {samples - 1}, not {overlap}")
        self.samples, self.overlap, self.pad = samples, overlap, pad
        self._forget()

    def _forget(self) -> None:
        self._frames: deque[AudioFrame] = deque()
        self._skip = 0  # samples of the first frame that are done with
        self._held = 0  # samples that are not
        self._old = 0  # how many of these the last chunk had too

    def initialize(self, ctx: NodeContext) -> None:
        """Take the memory that frames live in."""
        self._ctx = ctx

    def process(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Yield the chunks that are full."""
        check_audio(self, frame)
        if self._frames and caps_of(frame) != caps_of(self._frames[0]):
            yield from self.flush()
        self._frames.append(frame)
        self._held += frame.samples_per_channel
        while self._held >= self.samples:
            yield self._take(self.samples, self.samples)
            self._drop(self.samples - self.overlap)
            self._old = self.overlap

    def flush(self) -> Iterator[AudioFrame]:
        """Yield what is left."""
        if self._held > self._old:
            yield self._take(self._held, self.samples if self.pad else self._held)
        self._forget()

    def cleanup(self) -> None:
        """Let the rest go."""
        self._forget()

    def get_state(self) -> tuple[list[AudioFrame], int, int, int]:
        """The frames that are not done with, and how far they are."""
        return list(self._frames), self._skip, self._held, self._old

    def set_state(self, state: tuple[list[AudioFrame], int, int, int]) -> None:
        """Go on with these frames."""
        frames, self._skip, self._held, self._old = state
        self._frames = deque(frames)

    def _take(self, count: int, length: int) -> AudioFrame:
        first = self._frames[0]
        start, end = self._skip, self._skip + count
        if end <= first.samples_per_channel and length == count:
            samples = first.samples
            view = samples[:, start:end] if first.planar else samples[start:end]
            return self._wrap(view, shared=first.shared or self.overlap > 0)
        memory, channels = allocate_samples(self._ctx.allocate, first.format, first.layout, length)
        parts = np.concatenate([frame.to_ndarray() for frame in self._frames], 1)
        channels[:, :count] = parts[:, start:end]
        channels[:, count:] = 0
        self._ctx.count_copy(memory.nbytes)
        return self._wrap(memory, shared=False)

    def _wrap(self, samples: Array, *, shared: bool) -> AudioFrame:
        first = self._frames[0]
        index = sample_index(first)
        made = AudioFrame(
            samples,
            first.format,
            layout=first.layout,
            rate=first.rate,
            pts=None if index is None else index + self._skip,
            metadata=first.metadata,
        )
        made.shared = shared
        return made

    def _drop(self, count: int) -> None:
        self._held -= count
        self._skip += count
        while self._frames and self._skip >= self._frames[0].samples_per_channel:
            self._skip -= self._frames.popleft().samples_per_channel
