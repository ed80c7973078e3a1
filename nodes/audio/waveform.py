"""Waveform pictures: what a whole stream of sound looks like."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.node import Node, Out
from streamflow.nodes.audio.envelope import Columns, Envelope, Outline, stretch
from streamflow.nodes.audio.sound import check_audio, unit_samples
from streamflow.nodes.image import image_format, save_image
from streamflow.ports import Audio, Ports, Video

BACKGROUND: Final = (16, 20, 28)
AXIS: Final = (52, 62, 78)
TIME: Final = (142, 154, 172)
PEAKS: Final = (44, 132, 178)
BODY: Final = (126, 214, 240)
CLIPPED: Final = (240, 92, 84)

SCALE_HEIGHT: Final = 18
"""Pixels at the bottom for the times, in pictures that have room for them."""

Picture = npt.NDArray[np.uint8]


class Waveform(Node):
    """Draws the sound that passes: peaks, and RMS within them, one lane per channel.

    At the end of input it saves the picture, if it has a path, and emits it on
    ``picture`` as an rgb24 frame. Frames leave ``out`` as they came. Memory does
    not grow with the length of the sound; nothing is drawn if none came. Where
    samples reach full scale the peaks are red.

    Args:
        path: file name ending in ``.png``, ``.jpg`` or ``.jpeg``; None saves nothing.
        width: in pixels.
        height: in pixels.
        normalize: draw the loudest sample at full height, however quiet it is.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out": Audio(), "picture": Video("rgb24")}

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        width: int = 800,
        height: int = 200,
        *,
        normalize: bool = False,
    ) -> None:
        for name, size in (("width", width), ("height", height)):
            if size < 16:
                raise ValueError(f"{name} must be 16 pixels or more, not {size}")
        self.path = None if path is None else os.fspath(path)
        self.image_format = "PNG" if path is None else image_format(path)
        self.width, self.height, self.normalize = width, height, normalize
        self._envelope: Envelope | None = None
        self._caps = (0, 0)

    def process(self, frame: AudioFrame) -> AudioFrame:
        """Take the sound in, and return the frame.

        Raises:
            ValueError: the number of channels or the rate has changed.
        """
        check_audio(self, frame)
        caps = (frame.channels, frame.rate)
        if self._envelope is None:
            self._envelope, self._caps = Envelope(frame.channels, 4 * self.width), caps
        if caps != self._caps:
            raise ValueError(
                f"Waveform began with {self._caps[0]} channels at {self._caps[1]} Hz and cannot "
                f"go on with {caps[0]} at {caps[1]} Hz; put a Resample before it"
            )
        self._envelope.add(unit_samples(frame))
        return frame

    def get_state(self) -> tuple[Envelope | None, tuple[int, int]]:
        """The sound so far, in outline."""
        return self._envelope, self._caps

    def set_state(self, state: tuple[Envelope | None, tuple[int, int]]) -> None:
        """Go on with this sound."""
        self._envelope, self._caps = state

    def flush(self) -> Out | None:
        """Draw, save and emit the picture.

        Raises:
            MediaError: the file cannot be written.
        """
        envelope, self._envelope = self._envelope, None
        if envelope is None or not envelope.count:
            return None
        outline = envelope.outline()
        loudest = max(-outline.low.min(), outline.high.max())
        gain = 1 / loudest if self.normalize and loudest > 0 else 1.0
        duration = envelope.count / self._caps[1]
        picture = draw(outline, self.width, self.height, duration, gain)
        if self.path is not None:
            from PIL import Image

            save_image(Image.fromarray(picture), self.path, self.image_format)
        return Out("picture", VideoFrame((picture,), "rgb24"))

    def cleanup(self) -> None:
        """Forget the sound."""
        self._envelope = None


def draw(outline: Outline, width: int, height: int, duration: float, gain: float = 1.0) -> Picture:
    """Draw an outline.

    Args:
        outline: shape (channels, any number of columns).
        width: in pixels.
        height: in pixels.
        duration: in seconds.
        gain: what samples are multiplied with.

    Returns:
        RGB; uint8, shape (height, width, 3).
    """
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = BACKGROUND
    scale = SCALE_HEIGHT if height >= 5 * SCALE_HEIGHT else 0
    columns = stretch(outline, width)
    lanes = len(columns.low)
    edges = [lane * (height - scale) // lanes for lane in range(lanes + 1)]
    for lane in range(lanes):
        draw_lane(
            picture[edges[lane] : edges[lane + 1]],
            Outline(columns.low[lane], columns.high[lane], columns.rms[lane]),
            gain,
        )
    if scale:
        draw_times(picture, duration)
    return picture


def draw_lane(lane: Picture, columns: Outline, gain: float) -> None:
    """Draw one channel, shape (columns,) each, into its part of the picture."""
    middle, half = len(lane) / 2, (len(lane) / 2 - 1.5) * gain
    lane[int(middle)] = AXIS
    clipped = np.maximum(columns.high, -columns.low) >= 0.999
    peaks = np.where(clipped[:, None], CLIPPED, PEAKS)
    top, bottom = middle - columns.high * half, middle - columns.low * half
    # Even silence is drawn as a line of one pixel.
    fill(lane, np.minimum(top, middle - 0.5), np.maximum(bottom, middle + 0.5), peaks)
    body = np.broadcast_to(BODY, peaks.shape)
    low, high = np.minimum(columns.rms, -columns.low), np.minimum(columns.rms, columns.high)
    fill(lane, middle - np.maximum(high, 0) * half, middle + np.maximum(low, 0) * half, body)


def fill(lane: Picture, top: Columns, bottom: Columns, colour: npt.NDArray[np.int_]) -> None:
    """Fill each column between two heights; pixels that are covered in part are mixed."""
    rows = np.arange(len(lane), dtype=np.float64)[:, None]
    covered = np.minimum(bottom, rows + 1) - np.maximum(top, rows)
    share = np.clip(covered, 0, 1)[..., None]
    lane[:] = np.rint(lane * (1 - share) + colour * share).astype(np.uint8)


def draw_times(picture: Picture, duration: float) -> None:
    """Write times at round seconds along the bottom."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for time, label in tick_times(duration, max(1, width // 100)):
        x = round(time / duration * width)
        pen.line((x, height - SCALE_HEIGHT, x, height - SCALE_HEIGHT + 3), fill=TIME)
        if x + pen.textlength(label, font) + 3 <= width:
            pen.text((x + 3, height - SCALE_HEIGHT + 2), label, fill=TIME, font=font)
    picture[:] = np.asarray(image)


def tick_times(duration: float, count: int) -> Iterator[tuple[float, str]]:
    """At most ``count`` + 1 round times from 0 on, with their labels.

    >>> list(tick_times(90, 3))
    [(0.0, '0:00'), (30.0, '0:30'), (60.0, '1:00')]
    """
    steps = (m * 10.0**e for e in range(-3, 2) for m in (1, 2, 5))
    minutes = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
    wanted = sorted({*(step for step in steps if step < 30), *minutes})
    step = next((step for step in wanted if duration / step <= count), duration / count)
    for number in range(int(duration / step) + 1):
        time = number * step
        if time < duration:
            digits = 0 if step >= 1 else 1 if step >= 0.1 else 3
            seconds = f"{time % 60:0{2 + (digits > 0) + digits}.{digits}f}"
            yield time, f"{int(time // 60)}:{seconds}"
