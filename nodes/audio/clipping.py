"""Clipped sound: samples that lie at full scale one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.frames.audio import SAMPLE_FORMATS
from streamflow.node import Node, Out
from streamflow.nodes.audio.sound import check_audio, unit_samples
from streamflow.packet import Packet
from streamflow.ports import Audio, Data, Ports


class ClippingDetector(Node):
    """Finds clipped sound as it passes; the frames leave ``out`` as they came.

    A channel clips where ``min_run`` samples or more, one after the other, lie
    at full scale, also across frames. For each frame with any, ``clipping``
    emits a `Packet` with the frame's pts and time base. Its value is a dict
    of lists with one number per channel: ``runs`` that became clipping,
    ``samples`` of them, and the ``longest`` run so far, in samples; and
    ``ratio``, the share of the frame's samples that clip. A run is counted
    where it reaches ``min_run``, with its samples of frames before.

    Args:
        threshold: amplitude that counts as full scale, more than 0 and up to 1.
        min_run: samples one after the other that clip, 1 or more.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio(), "clipping": Data()}

    def __init__(self, threshold: float = 0.999, min_run: int = 3) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be more than 0 and up to 1, not {threshold}")
        if min_run < 1:
            raise ValueError(f"min_run must be 1 or more, not {min_run}")
        self.threshold, self.min_run = threshold, min_run
        self._runs: list[int] = []

    def initialize(self, ctx: NodeContext) -> None:
        """Begin with nothing."""
        self._runs = []

    def process(self, frame: AudioFrame) -> Iterator[AudioFrame | Out]:
        """Yield what clips in the frame, if anything, and the frame.

        Raises:
            TypeError: the item is no audio frame.
        """
        check_audio(self, frame)
        if len(self._runs) != frame.channels:
            self._runs = [0] * frame.channels
        if frame.samples_per_channel:
            found = self._look(frame)
            if found is not None:
                yield Out("clipping", Packet(found, frame.pts, frame.time_base, frame.metadata))
        yield frame

    def _look(self, frame: AudioFrame) -> dict[str, Any] | None:
        full = np.abs(unit_samples(frame)) >= full_scale(frame.format, self.threshold)
        if not full.any():
            self._runs = [0] * frame.channels
            return None
        rows = [self._runs_of(row, channel) for channel, row in enumerate(full)]
        runs, samples, longest = map(list, zip(*rows, strict=True))
        if not any(samples):
            return None
        ratio = sum(samples) / full.size
        return {"runs": runs, "samples": samples, "longest": longest, "ratio": min(ratio, 1.0)}

    def _runs_of(self, full: npt.NDArray[np.bool_], channel: int) -> tuple[int, int, int]:
        """Runs that became clipping, samples that did, and the longest run, of one channel."""
        edges = np.flatnonzero(np.diff(full.view(np.int8), prepend=0, append=0))
        lengths = edges[1::2] - edges[::2]
        before, self._runs[channel] = self._runs[channel], 0
        known = 0
        if full[0]:
            lengths[0] += before
            known = before if before >= self.min_run else 0
        if full[-1]:
            self._runs[channel] = int(lengths[-1])
        clips = lengths[lengths >= self.min_run]
        if not clips.size:
            return 0, 0, 0
        return clips.size - bool(known), int(clips.sum()) - known, int(clips.max())

    def get_state(self) -> list[int]:
        """How long the run is that each channel is in."""
        return list(self._runs)

    def set_state(self, state: list[int]) -> None:
        """Go on in these runs."""
        self._runs = list(state)


def full_scale(format: str, threshold: float) -> float:
    """The amplitude from which on a sample of a format is at full scale.

    Positive integers do not reach 1: the largest 16-bit sample is 32767 / 32768.

    >>> full_scale("s16", 1.0), full_scale("flt", 1.0), full_scale("s16", 0.5)
    (0.999969482421875, 1.0, 0.5)
    """
    dtype = np.dtype(SAMPLE_FORMATS[format])
    if dtype.kind == "f":
        return threshold
    largest = (1 << (8 * dtype.itemsize - 1)) - 1
    return min(threshold, largest / (largest + 1))
