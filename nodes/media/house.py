"""House formats: what libav decodes into something no frame of ours holds is converted here.

Video becomes yuv420p (gray8 where there is no colour, rgba where there is
alpha), audio becomes fltp in a layout we know. Such a conversion is a copy.
"""

from __future__ import annotations

from functools import lru_cache

import av

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import PIXEL_FORMATS

NATIVE = frozenset({*PIXEL_FORMATS, "gray", "yuvj420p"} - {"gray8"})
"""libav's names of the pixel formats that a VideoFrame holds as they are."""


@lru_cache
def video_target(name: str) -> str | None:
    """The libav pixel format to convert to; None for one that a VideoFrame holds.

    >>> video_target("yuv420p"), video_target("yuv422p10le"), video_target("ya8")
    (None, 'yuv420p', 'rgba')
    """
    if name in NATIVE:
        return None
    pixel = av.VideoFormat(name)
    if pixel.has_palette or any(component.is_alpha for component in pixel.components):
        return "rgba"
    return "gray" if len(pixel.components) == 1 else "yuv420p"


def video_frame(frame: av.VideoFrame) -> tuple[VideoFrame, int]:
    """Our frame over a decoded one, and how many bytes had to be converted for it."""
    target = video_target(frame.format.name)
    if target is None:
        return VideoFrame.from_av(frame), 0
    made = VideoFrame.from_av(frame.reformat(format=target))
    return made, made.nbytes


def layout_target(name: str, channels: int) -> str:
    """The layout of ours for one of libav's.

    >>> layout_target("5.1(side)", 6), layout_target("hexadecagonal", 16)
    ('5.1', '7.1')
    """
    if name in CHANNELS:
        return name
    same = [layout for layout, count in CHANNELS.items() if count == channels]
    return same[-1] if same else "7.1"


class AudioHouse:
    """Makes audio frames of ours, one for one."""

    def __init__(self) -> None:
        self._resampler: av.AudioResampler | None = None
        self._caps: tuple[str, str, int] | None = None

    def frame(self, frame: av.AudioFrame) -> tuple[AudioFrame, int]:
        """Our frame over a decoded one, and how many bytes had to be converted for it."""
        format, layout = frame.format.name, frame.layout
        if format in SAMPLE_FORMATS and layout.name in CHANNELS:
            return AudioFrame.from_av(frame), 0
        caps = (format, layout.name, frame.sample_rate)
        resampler = self._resampler
        if resampler is None or caps != self._caps:
            resampler = av.AudioResampler("fltp", layout_target(layout.name, layout.nb_channels))
        # Without a change of rate nothing is held back: one frame in, one out.
        made = AudioFrame.from_av(resampler.resample(frame)[0])
        # Kept only now: one that could not be set up, for a damaged frame, is of no use.
        self._resampler, self._caps = resampler, caps
        return made.replace(pts=frame.pts), made.nbytes
