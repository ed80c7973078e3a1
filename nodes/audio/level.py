"""How loud it is: RMS and peak in dBFS.

peak = 20 log10(max |x|) and rms = 20 log10(sqrt(mean(x²))), with full scale 1:
a full-scale sine has a peak of 0 dBFS and an RMS of -3.01. Nothing is below
-120, which also stands for silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node, Out
from streamflow.nodes.audio.sound import check_audio, unit_samples
from streamflow.packet import Packet
from streamflow.ports import Audio, Data, Ports

FLOOR: Final = -120.0
"""dBFS of silence."""

Channels = npt.NDArray[np.float64]


class AudioLevel(Node):
    """Measures sound as it passes; the frames leave ``out`` as they came.

    ``level`` emits a `Packet` with the pts and time base of the first frame
    measured. Its value is a dict: ``rms`` and ``peak`` of all channels
    together, ``channel_rms`` and ``channel_peak`` as a list of one number per
    channel, all in dBFS, and ``duration`` in seconds.

    Args:
        window: measure over at least so many seconds; None for each frame.

    Raises:
        ValueError: the window is not more than 0.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio(), "level": Data()}

    def __init__(self, window: float | None = None) -> None:
        if window is not None and window <= 0:
            raise ValueError(f"window must be more than 0 seconds, not {window}")
        self.window = window
        self._first: AudioFrame | None = None
        self._energy: Channels = np.zeros(0)
        self._peak: Channels = np.zeros(0)
        self._count = 0

    def initialize(self, ctx: NodeContext) -> None:
        """Begin with nothing."""
        self._first = None

    def process(self, frame: AudioFrame) -> Iterator[AudioFrame | Out]:
        """Yield the frame, and the level when the window is full."""
        check_audio(self, frame)
        if self._first is not None and (frame.layout, frame.rate) != (
            self._first.layout,
            self._first.rate,
        ):
            yield from self.flush()
        self._measure(frame)
        if self.window is None or self._count >= self.window * frame.rate:
            yield from self.flush()
        yield frame

    def flush(self) -> Iterator[Out]:
        """Yield the level of what has been measured since the last one."""
        first, self._first = self._first, None
        if first is not None and self._count:
            value = {
                "rms": decibels(math.sqrt(float(self._energy.mean()) / self._count)),
                "peak": decibels(float(self._peak.max())),
                "channel_rms": [decibels(math.sqrt(e / self._count)) for e in self._energy],
                "channel_peak": [decibels(peak) for peak in self._peak],
                "duration": self._count / first.rate,
            }
            yield Out("level", Packet(value, first.pts, first.time_base, first.metadata))

    def get_state(self) -> tuple[Any, ...]:
        """What has been measured of the window so far."""
        return self._first, self._energy.copy(), self._peak.copy(), self._count

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Go on in that window."""
        self._first, self._energy, self._peak, self._count = state

    def _measure(self, frame: AudioFrame) -> None:
        if self._first is None:
            self._first, self._count = frame, 0
            self._energy, self._peak = np.zeros(frame.channels), np.zeros(frame.channels)
        if frame.samples_per_channel:
            samples = unit_samples(frame)
            self._energy += np.einsum("ij,ij->i", samples, samples, dtype=np.float64)
            np.maximum(self._peak, np.abs(samples).max(1), out=self._peak)
            self._count += frame.samples_per_channel


def decibels(amplitude: float) -> float:
    """Level of an amplitude in dBFS, where 1 is full scale.

    >>> decibels(1.0), round(decibels(0.5), 2), decibels(0.0)
    (0.0, -6.02, -120.0)
    """
    return max(FLOOR, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR
