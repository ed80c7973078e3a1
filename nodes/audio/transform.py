"""Rates and numbers of channels, as the original runtime's manifests say them."""

from __future__ import annotations

from streamflow.frames.audio import CHANNELS
from streamflow.nodes.audio.resample import Resample


class AudioTransform(Resample):
    """Converts sound to a rate and a number of channels; a `Resample` under another name.

    Args:
        output_sample_rate: samples per second.
        output_channels: number of channels, in FFmpeg's usual layout for it:
            1 is mono, 2 stereo, 6 is 5.1.

    Raises:
        ValueError: a parameter is unknown or out of its range.

    >>> AudioTransform(16_000, 1).layout
    'mono'
    """

    def __init__(self, output_sample_rate: int = 44_100, output_channels: int = 2) -> None:
        # The first layout of a number of channels is FFmpeg's usual one.
        layouts = {count: layout for layout, count in reversed(list(CHANNELS.items()))}
        if output_channels not in layouts:
            known = ", ".join(map(str, sorted(layouts)))
            raise ValueError(f"output_channels must be one of {known}, not {output_channels!r}")
        super().__init__(output_sample_rate, layouts[output_channels])
        self.output_sample_rate, self.output_channels = output_sample_rate, output_channels
