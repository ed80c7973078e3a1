"""How loud each channel is beside the others.

balance = (right − left) / (right + left), of RMS amplitudes: -1 is left alone,
1 is right alone, 0 is the middle, or silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from streamflow.node import Out
from streamflow.nodes.audio.level import AudioLevel, decibels
from streamflow.packet import Packet
from streamflow.ports import Audio, Data, Ports


class ChannelBalance(AudioLevel):
    """Compares the channels of sound as it passes; the frames leave ``out`` as they came.

    ``balance`` emits a `Packet` with the pts and time base of the first frame
    measured. Its value is a dict: ``rms``, a list of one number per channel in
    dBFS; ``balance`` of the first two channels, from -1 (left alone) to 1
    (right alone); ``difference`` of the loudest and the quietest channel in
    dB, and whether it is ``imbalanced``; ``dead``, a list of the channels that
    are silent while others are not; ``duration`` in seconds.

    Args:
        max_difference: decibels between the loudest and the quietest channel
            beyond which they are imbalanced.
        dead_level: dBFS below which a channel is silent.
        window: measure over at least so many seconds; None for each frame.

    Raises:
        ValueError: a parameter is out of its range.
    """

    outputs: ClassVar[Ports] = {"out": Audio(), "balance": Data()}

    def __init__(
        self, max_difference: float = 10.0, dead_level: float = -60.0, window: float | None = None
    ) -> None:
        super().__init__(window)
        if not 0 <= max_difference < math.inf:
            raise ValueError(f"max_difference must be 0 dB or more, not {max_difference}")
        if not -math.inf < dead_level <= 0:
            raise ValueError(f"dead_level must be 0 dBFS or less, not {dead_level}")
        self.max_difference, self.dead_level = max_difference, dead_level

    def flush(self) -> Iterator[Out]:
        """Yield the balance of what has been measured since the last one."""
        first, self._first = self._first, None
        if first is not None and self._count:
            amplitudes = np.sqrt(self._energy / self._count).tolist()
            value = self._compare(amplitudes) | {"duration": self._count / first.rate}
            yield Out("balance", Packet(value, first.pts, first.time_base, first.metadata))

    def _compare(self, amplitudes: list[float]) -> dict[str, Any]:
        levels = [decibels(amplitude) for amplitude in amplitudes]
        difference = max(levels) - min(levels)
        heard = max(levels) >= self.dead_level
        return {
            "rms": levels,
            "balance": balance(amplitudes[0], amplitudes[1]) if len(amplitudes) > 1 else 0.0,
            "difference": difference,
            "imbalanced": difference > self.max_difference,
            "dead": [n for n, level in enumerate(levels) if heard and level < self.dead_level],
        }


def balance(left: float, right: float) -> float:
    """Where between left (-1) and right (1) the sound is, by the amplitudes of both.

    >>> balance(0.5, 0.5), balance(0.2, 0.0), balance(0.0, 0.0)
    (0.0, -1.0, 0.0)
    """
    return (right - left) / (right + left) if right + left > 0 else 0.0
