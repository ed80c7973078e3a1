"""The outline of a sound of any length in bounded memory.

Samples fall into columns of equal length. When all columns are full, pairs of
them are joined and each column stands for twice as many samples: an hour
takes the memory of a second.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.nodes.audio.sound import Samples

Columns = npt.NDArray[np.float64]


class Outline(NamedTuple):
    """Lowest, highest and root mean square sample of each column; shape (channels, columns)."""

    low: Columns
    high: Columns
    rms: Columns


class Envelope:
    """Collects the outline.

    Args:
        channels: number of channels.
        capacity: columns to keep at most; even.

    >>> envelope = Envelope(1, 4)
    >>> envelope.add(np.array([[0, 1, 2, 3, 4, 5, 6, 7]], np.float32))
    >>> envelope.outline().high, envelope.step
    (array([[1., 3., 5., 7.]]), 2)
    """

    def __init__(self, channels: int, capacity: int) -> None:
        self.step: int = 1
        self.count: int = 0
        # One column more, for samples that do not fill one yet.
        self._low = np.full((channels, capacity + 1), np.inf)
        self._high = np.full((channels, capacity + 1), -np.inf)
        self._energy = np.zeros((channels, capacity + 1))
        self._capacity = capacity

    def add(self, samples: Samples) -> None:
        """Take samples in; shape (channels, n)."""
        while samples.shape[1]:
            room = self._capacity * self.step - self.count
            if room == 0:
                self._join_pairs()
                continue
            self._put(samples[:, :room])
            samples = samples[:, room:]

    def _put(self, samples: Samples) -> None:
        n = samples.shape[1]
        first, offset = divmod(self.count, self.step)
        touched = -(-(offset + n) // self.step)
        starts = np.arange(touched, dtype=np.intp) * self.step - offset
        starts[0] = 0
        last = first + len(starts)
        columns = (slice(None), slice(first, last))
        low, high = self._low[columns], self._high[columns]
        np.minimum(low, np.minimum.reduceat(samples, starts, 1), out=low)
        np.maximum(high, np.maximum.reduceat(samples, starts, 1), out=high)
        self._energy[columns] += np.add.reduceat(np.square(samples, dtype=np.float64), starts, 1)
        self.count += n

    def _join_pairs(self) -> None:
        half, end = self._capacity // 2, self._capacity
        joins: tuple[tuple[Columns, Any, float], ...] = (
            (self._low, np.minimum, np.inf),
            (self._high, np.maximum, -np.inf),
            (self._energy, np.add, 0.0),
        )
        for array, join, empty in joins:
            array[:, :half] = join(array[:, 0:end:2], array[:, 1:end:2])
            array[:, half:] = empty
        self.step *= 2

    def outline(self) -> Outline:
        """What has been collected; the last column may stand for fewer samples."""
        used = -(-self.count // self.step)
        sizes = np.full(used, float(self.step))
        if used:
            sizes[-1] = self.count - (used - 1) * self.step
        rms = np.sqrt(self._energy[:, :used] / sizes)
        return Outline(self._low[:, :used], self._high[:, :used], rms)


def stretch(outline: Outline, width: int) -> Outline:
    """The outline with another number of columns: joined, or repeated."""
    used = outline.low.shape[1]
    starts = np.arange(width) * used // width
    if used <= width:
        return Outline(*(columns[:, starts] for columns in outline))
    energy = np.add.reduceat(outline.rms**2, starts, 1) / np.diff(starts, append=used)
    return Outline(
        np.minimum.reduceat(outline.low, starts, 1),
        np.maximum.reduceat(outline.high, starts, 1),
        np.sqrt(energy),
    )
