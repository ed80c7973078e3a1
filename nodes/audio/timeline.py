"""A stretch of time on which sounds are added up, in memory that is used again."""

from __future__ import annotations

import numpy as np

from streamflow.nodes.audio.sound import Samples


class Timeline:
    """Sums samples by their place; what was not written is silence.

    Places count samples from time 0. Only what lies between `start` and `end`
    is held.

    Args:
        channels: number of channels.
        start: place of the first sample that can be written.

    >>> line = Timeline(1, 10)
    >>> line.add(11, np.ones((1, 2), np.float32))
    >>> line.take(2), line.start, line.end
    (array([[0., 1.]], dtype=float32), 12, 13)
    """

    def __init__(self, channels: int, start: int) -> None:
        # Always zero outside of the stretch from start to end.
        self._buffer = np.zeros((channels, 4_096), np.float32)
        self._head: int = 0
        self.start: int = start
        self.end: int = start

    def add(self, place: int, samples: Samples) -> None:
        """Add samples to what is there; none may lie before `start`."""
        end = place + samples.shape[1]
        self._reserve(end - self.start)
        first = self._head + place - self.start
        self._buffer[:, first : first + samples.shape[1]] += samples
        self.end = max(self.end, end)

    def begin_at(self, place: int) -> None:
        """Move the start back."""
        earlier = Timeline(len(self._buffer), place)
        earlier.add(self.start, self.take(self.end - self.start, move=False))
        self._buffer, self._head, self.start = earlier._buffer, 0, place

    def take(self, count: int, *, move: bool = True) -> Samples:
        """The first ``count`` samples; they are forgotten unless ``move`` is False."""
        self._reserve(count)
        stretch = self._buffer[:, self._head : self._head + count]
        taken = stretch.copy()
        if move:
            stretch[:] = 0
            self._head += count
            self.start += count
            self.end = max(self.end, self.start)
        return taken

    def _reserve(self, length: int) -> None:
        if self._head + length <= self._buffer.shape[1]:
            return
        held = self.end - self.start
        grown = np.zeros((len(self._buffer), 2 * max(length, held)), np.float32)
        grown[:, :held] = self._buffer[:, self._head : self._head + held]
        self._buffer, self._head = grown, 0
