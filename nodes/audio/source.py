"""Test tones, exact to the sample: the wave is a function of the sample's number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node
from streamflow.nodes.audio.sound import allocate_samples, check_caps, check_choice, pack_samples
from streamflow.ports import Audio, Ports

Wave = npt.NDArray[np.float64]

TICK: Final = 0.02
"""Seconds that a tick lasts."""


class TestAudio(Node):
    """Emits a tone, noise, silence, or a tick at each full second.

    Each frame follows the one before without a gap or a step of the phase; pts
    counts samples. Under a live clock each frame waits for its time. All
    channels carry the same.

    Args:
        rate: samples per second.
        layout: channel layout: ``mono``, ``stereo``, ``5.1`` …
        samples: samples per frame.
        frames: how many frames to emit; None for no end.
        duration: seconds to emit for, instead of ``frames``; the last frame may be short.
        waveform: ``sine``, ``square``, ``noise``, ``silence`` or ``ticks``.
        frequency: of the tone, in Hz.
        volume: amplitude, 0 to 1 of full scale.
        format: sample format.

    Raises:
        ValueError: a parameter is out of its range.
    """

    __test__ = False  # not one of pytest's
    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"out": Audio()}

    def __init__(
        self,
        rate: int = 48_000,
        layout: str = "stereo",
        samples: int = 960,
        frames: int | None = None,
        duration: float | None = None,
        waveform: str = "sine",
        frequency: float = 440.0,
        volume: float = 0.5,
        format: str = "fltp",
    ) -> None:
        check_caps(format, rate, layout)
        check_choice("waveform", waveform, WAVEFORMS)
        if samples < 1:
            raise ValueError(f"samples must be 1 or more, not {samples}")
        if frequency <= 0:
            raise ValueError(f"frequency must be more than 0 Hz, not {frequency}")
        if not 0 <= volume <= 1:
            raise ValueError(f"volume must be from 0 to 1, not {volume}")
        self.rate, self.layout, self.format, self.samples = rate, layout, format, samples
        self.waveform, self.frequency, self.volume = waveform, frequency, volume
        self.total = count_samples(frames, duration, samples, rate)
        self._emitted = self._first = 0
        # A port says what is known: here, all of it.
        self.outputs = {"out": Audio(format, rate, layout)}  # type: ignore[misc]

    def initialize(self, ctx: NodeContext) -> None:
        """Take the clock, and the memory that frames live in."""
        self._clock, self._allocate = ctx.clock, ctx.allocate
        self._emitted = self._first = 0

    def get_state(self) -> int:
        """Number of the next sample."""
        return self._emitted

    def set_state(self, state: int) -> None:
        """Go on with the sample of this number, which is due at once."""
        self._emitted = self._first = state

    async def process(self) -> AsyncIterator[AudioFrame]:
        """Yield frame after frame."""
        live = self._clock.live
        while self.total is None or self._emitted < self.total:
            if live:
                await self._clock.sleep_until((self._emitted - self._first) / self.rate)
            count = self.samples
            if self.total is not None:
                count = min(count, self.total - self._emitted)
            frame = self._make(self._emitted, count)
            self._emitted += count
            yield frame

    def _make(self, start: int, count: int) -> AudioFrame:
        memory, channels = allocate_samples(self._allocate, self.format, self.layout, count)
        numbers = np.arange(start, start + count)
        wave = WAVEFORMS[self.waveform](numbers, self.rate, self.frequency) * self.volume
        pack_samples(np.broadcast_to(wave, channels.shape), channels)
        return AudioFrame(memory, self.format, layout=self.layout, rate=self.rate, pts=start)

    def progress(self) -> float | None:
        """How much of the sound has been emitted, from 0 to 1."""
        return self._emitted / self.total if self.total else None


def count_samples(
    frames: int | None, duration: float | None, samples: int, rate: int
) -> int | None:
    """How many samples to emit; None for no end.

    >>> count_samples(None, 0.5, 960, 48_000), count_samples(3, None, 960, 48_000)
    (24000, 2880)
    """
    if frames is not None and duration is not None:
        raise ValueError("give frames or duration, not both")
    if frames is not None and frames < 0:
        raise ValueError(f"frames must be 0 or more, not {frames}")
    if frames is not None:
        return frames * samples
    if duration is None:
        return None
    if duration < 0:
        raise ValueError(f"duration must be 0 seconds or more, not {duration}")
    return round(Fraction(duration) * rate)


def _sine(numbers: npt.NDArray[Any], rate: int, frequency: float) -> Wave:
    return np.sin(2 * np.pi * (numbers * (frequency / rate) % 1.0))


def _square(numbers: npt.NDArray[Any], rate: int, frequency: float) -> Wave:
    return np.where(numbers * (frequency / rate) % 1.0 < 0.5, 1.0, -1.0)


def _noise(numbers: npt.NDArray[Any], _rate: int, _frequency: float) -> Wave:
    # Seeded by its place, so that each run gives the same noise.
    return np.random.default_rng(int(numbers[0])).uniform(-1.0, 1.0, len(numbers))


def _silence(numbers: npt.NDArray[Any], _rate: int, _frequency: float) -> Wave:
    return np.zeros(len(numbers))


def _ticks(numbers: npt.NDArray[Any], rate: int, frequency: float) -> Wave:
    return np.where(numbers % rate < TICK * rate, _sine(numbers % rate, rate, frequency), 0.0)


WAVEFORMS: Final[Mapping[str, Callable[[npt.NDArray[Any], int, float], Wave]]] = {
    "sine": _sine,
    "square": _square,
    "noise": _noise,
    "silence": _silence,
    "ticks": _ticks,
}
"""Waves of amplitude 1: (numbers of the samples, rate, frequency) to their values."""
