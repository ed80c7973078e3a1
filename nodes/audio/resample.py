"""Sample formats, rates and layouts: the node that port negotiation puts where two ports differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import av

from streamflow.frames import AudioFrame
from streamflow.node import Node
from streamflow.nodes.audio.sound import caps_of, check_audio, check_caps
from streamflow.ports import Audio, Ports

ROUNDING: Final = 0.005
"""Seconds: steps up to this size come from time bases of milliseconds, and are none."""

OPTIONS: Final = {"rematrix_maxval": "1.0"}
"""Mixing down must not clip, in floats no more than in integers."""


class Resample(Node):
    """Converts sound to another rate, layout or sample format, by libswresample.

    A frame that fits already passes as it is: the same object. Otherwise pts
    count in units of 1 / rate, and n samples become n * new / old, give or take
    one. Steps of pts up to 5 ms are taken for rounding and smoothed away, so
    that the sound has no gaps; larger ones stay. What the filter holds back
    comes out at the end, and where the incoming format changes. Of a sound
    shorter than the filter itself, some 10 ms, libswresample makes nothing.

    Args:
        rate: samples per second; None keeps it.
        layout: channel layout; None keeps it.
        format: sample format; None keeps it.

    Raises:
        ValueError: a parameter is unknown or out of its range.
    """

    resumable = False
    why_not_resumable = "libav's resampler holds sound that nobody can read out of it"
    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio()}

    def __init__(
        self, rate: int | None = None, layout: str | None = None, format: str | None = None
    ) -> None:
        check_caps(format, rate, layout)
        self.rate, self.layout, self.format = rate, layout, format
        self._resampler: av.AudioResampler | None = None
        self._caps: tuple[Any, ...] | None = None
        self._metadata: Mapping[str, Any] = {}
        self._next: int | None = None
        # Known once the parameters are: whatever is behind can rely on it.
        self.outputs = {"out": Audio(format, rate, layout)}  # type: ignore[misc]

    def process(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Yield what the samples so far give.

        Raises:
            TypeError: the item is no audio frame.
        """
        check_audio(self, frame)
        caps = (*caps_of(frame), frame.time_base)
        if self._caps is not None and caps != self._caps:
            yield from self.flush()
        if self.fits(frame):
            yield frame
            return
        if self._resampler is None:
            self._resampler = av.AudioResampler(
                self.format, self.layout, self.rate, options=OPTIONS
            )
            self._caps = caps
        self._metadata = frame.metadata
        yield from self._wrap(self._resampler.resample(frame.to_av()))

    def flush(self) -> Iterator[AudioFrame]:
        """Yield what the filter still holds."""
        resampler, self._resampler, self._caps = self._resampler, None, None
        if resampler is not None:
            yield from self._wrap(resampler.resample(None))
        self._next = None

    def cleanup(self) -> None:
        """Let the filter go."""
        self._resampler = self._caps = None

    def fits(self, frame: AudioFrame) -> bool:
        """Whether a frame is as it is to be."""
        return (
            self.format in (None, frame.format)
            and self.layout in (None, frame.layout)
            and self.rate in (None, frame.rate)
        )

    def _wrap(self, frames: list[av.AudioFrame]) -> Iterator[AudioFrame]:
        for frame in frames:
            made = AudioFrame.from_av(frame)
            made.metadata = self._metadata
            if made.pts is not None:
                if self._next is not None and abs(made.pts - self._next) <= made.rate * ROUNDING:
                    made.pts = self._next
                self._next = made.pts + made.samples_per_channel
            yield made
