"""Longer frames: short ones are joined until they last long enough."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node
from streamflow.nodes.audio.sound import allocate_samples, caps_of, check_audio, sample_index
from streamflow.ports import Audio, Ports


class AudioBufferAccumulator(Node):
    """Joins frames until they last ``min_duration``, and emits them as one.

    No sample is lost or changed. What lasts longer than ``max_duration`` is
    cut there; the last frame, and the last before a change of format, layout
    or rate, may be shorter than ``min_duration``. A frame's pts is that of its
    first sample, in units of 1 / rate; one that lasts long enough passes as it
    is. For frames of a fixed number of samples, use `Chunk`.

    Args:
        min_duration: seconds that a frame has at least, more than 0.
        max_duration: seconds that it has at most, ``min_duration`` or more.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio()}

    def __init__(self, min_duration: float = 0.25, max_duration: float = 30.0) -> None:
        if not 0 < min_duration < math.inf:
            raise ValueError(f"min_duration must be more than 0 seconds, not {min_duration}")
        if not min_duration <= max_duration < math.inf:
            raise ValueError(
                f"max_duration must be min_duration ({min_duration}) or more, not {max_duration}"
            )
        self.min_duration, self.max_duration = min_duration, max_duration
        self._frames: list[AudioFrame] = []
        self._held = 0

    def initialize(self, ctx: NodeContext) -> None:
        """Take the memory that frames live in."""
        self._ctx = ctx
        self.set_state([])

    def process(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Yield the frames that last long enough.

        Raises:
            TypeError: the item is no audio frame.
        """
        check_audio(self, frame)
        if self._frames and caps_of(frame) != caps_of(self._frames[0]):
            yield from self.flush()
        if not frame.samples_per_channel:
            return
        self._frames.append(frame)
        self._held += frame.samples_per_channel
        least = max(1, math.ceil(self.min_duration * frame.rate))
        if self._held >= least:
            most = max(least, math.floor(self.max_duration * frame.rate))
            yield from self._release(least, most)

    def _release(self, least: int, most: int) -> Iterator[AudioFrame]:
        whole = self._join()
        start, total = 0, self._held
        cuts: list[AudioFrame] = []
        while total - start >= least:
            end = min(start + most, total)
            cuts.append(_cut(whole, start, end))
            start = end
        self.set_state([_cut(whole, start, total)] if start < total else [])
        yield from cuts

    def _join(self) -> AudioFrame:
        first = self._frames[0]
        if len(self._frames) == 1:
            return first
        memory, channels = allocate_samples(
            self._ctx.allocate, first.format, first.layout, self._held
        )
        np.concatenate([frame.to_ndarray() for frame in self._frames], 1, out=channels)
        self._ctx.count_copy(memory.nbytes)
        return AudioFrame(
            memory,
            first.format,
            layout=first.layout,
            rate=first.rate,
            pts=sample_index(first),
            metadata=first.metadata,
        )

    def flush(self) -> Iterator[AudioFrame]:
        """Yield what is left."""
        if self._frames:
            whole = self._join()
            self.set_state([])
            yield whole

    def cleanup(self) -> None:
        """Let the frames go."""
        self.set_state([])

    def get_state(self) -> list[AudioFrame]:
        """The frames gathered so far."""
        return list(self._frames)

    def set_state(self, state: list[AudioFrame]) -> None:
        """Go on with these frames."""
        self._frames = list(state)
        self._held = sum(frame.samples_per_channel for frame in state)


def _cut(frame: AudioFrame, start: int, end: int) -> AudioFrame:
    """A stretch of a frame, over the same samples; the frame itself if it is all of it."""
    if end - start == frame.samples_per_channel:
        return frame
    index = sample_index(frame)
    made = AudioFrame(
        frame.samples[:, start:end] if frame.planar else frame.samples[start:end],
        frame.format,
        layout=frame.layout,
        rate=frame.rate,
        pts=None if index is None else index + start,
        metadata=frame.metadata,
    )
    made.shared = frame.shared
    return made
