"""Where it is silent: stretches of samples that all lie below a threshold.

A sample is silent if it is so in every channel: |x| < 10 ** (threshold / 20),
with full scale 1, as in FFmpeg's ``silencedetect``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame
from streamflow.node import Node, Out
from streamflow.nodes.audio.sound import check_audio, sample_index, unit_samples
from streamflow.packet import Packet
from streamflow.ports import Audio, Data, Ports


class SilenceDetector(Node):
    """Finds silence as sound passes; the frames leave ``out`` as they came.

    ``silence`` emits a `Packet` where a silence begins, as soon as it has
    lasted for ``min_duration``, and one where it ends, each ahead of the frame
    in which that was found. Their values are ``{"event": "start"}`` and
    ``{"event": "end", "duration": seconds}``; their pts are those of the first
    silent sample, and of the first that is none, in units of 1 / rate. The end
    of the sound, or a change of rate, ends a silence.

    Args:
        threshold: dBFS that every sample of a silence is below, 0 or less.
        min_duration: seconds that a silence has at least, more than 0.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio(), "silence": Data()}

    def __init__(self, threshold: float = -50.0, min_duration: float = 0.5) -> None:
        if not -math.inf < threshold <= 0:
            raise ValueError(f"threshold must be 0 dBFS or less, not {threshold}")
        if not 0 < min_duration < math.inf:
            raise ValueError(f"min_duration must be more than 0 seconds, not {min_duration}")
        self.threshold, self.min_duration = threshold, min_duration
        self._amplitude = 10 ** (threshold / 20)
        self._forget()

    def _forget(self) -> None:
        self._rate = 0
        self._length = 0  # silent samples up to here, without a break
        self._start: int | None = None  # place of the first of them
        self._end: int | None = None  # place behind the last frame
        self._told = False

    def initialize(self, ctx: NodeContext) -> None:
        """Begin with nothing."""
        self._forget()

    def process(self, frame: AudioFrame) -> Iterator[AudioFrame | Out]:
        """Yield what begins and ends in the frame, and the frame.

        Raises:
            TypeError: the item is no audio frame.
        """
        check_audio(self, frame)
        if frame.rate != self._rate:
            yield from self.flush()
            self._rate = frame.rate
        if frame.samples_per_channel:
            yield from self._look(frame)
        yield frame

    def _look(self, frame: AudioFrame) -> Iterator[Out]:
        place, count = sample_index(frame), frame.samples_per_channel
        # Not `>=`: a sample that is not a number is no silence.
        heard = np.flatnonzero(~(np.abs(unit_samples(frame)) < self._amplitude).all(0))
        if not heard.size:
            yield from self._grow(place, 0, count)
        else:
            yield from self._grow(place, 0, int(heard[0]))
            yield from self._finish(_shift(place, int(heard[0])))
            gaps = np.diff(heard) - 1
            for index in np.flatnonzero(gaps >= self._needed()).tolist():
                yield from self._grow(place, int(heard[index]) + 1, int(gaps[index]))
                yield from self._finish(_shift(place, int(heard[index + 1])))
            yield from self._grow(place, int(heard[-1]) + 1, count - 1 - int(heard[-1]))
        self._end = _shift(place, count)

    def _needed(self) -> int:
        return max(1, round(self.min_duration * self._rate))

    def _grow(self, place: int | None, offset: int, count: int) -> Iterator[Out]:
        """Go on with so many silent samples, from an offset in the frame at a place."""
        if not count:
            return
        if not self._length:
            self._start = _shift(place, offset)
        self._length += count
        if not self._told and self._length >= self._needed():
            self._told = True
            yield self._event(self._start, {"event": "start"})

    def _finish(self, place: int | None) -> Iterator[Out]:
        """The sample at a place is heard."""
        if self._told:
            yield self._event(place, {"event": "end", "duration": self._length / self._rate})
        self._told, self._length = False, 0

    def _event(self, place: int | None, value: dict[str, Any]) -> Out:
        return Out("silence", Packet(value, place, Fraction(1, self._rate)))

    def flush(self) -> Iterator[Out]:
        """Yield the end of a silence that lasts."""
        yield from self._finish(self._end)

    def get_state(self) -> tuple[Any, ...]:
        """The silence that lasts, if any."""
        return self._rate, self._length, self._start, self._end, self._told

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Go on in that silence."""
        self._rate, self._length, self._start, self._end, self._told = state


def _shift(place: int | None, offset: int) -> int | None:
    return None if place is None else place + offset
