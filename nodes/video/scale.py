"""Scaling by libswscale, with one set of tables for the whole run."""

from __future__ import annotations

from typing import ClassVar, Final

from av.video.reformatter import VideoReformatter

from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.picture import check_video
from streamflow.ports import Ports, Video

INTERPOLATIONS: Final = (
    "fast_bilinear",
    "bilinear",
    "bicubic",
    "area",
    "point",
    "bicublin",
    "gauss",
    "sinc",
    "lanczos",
    "spline",
)


class Scale(Node):
    """Scales pictures; format, colour, pts and metadata stay.

    A picture that has the size already passes as it is.

    Args:
        width: in pixels; None or -2 follows the height, keeps the aspect ratio
            and is even; -1 likewise, but may be odd.
        height: in pixels, likewise. One of both must be given.
        interpolation: ``bicubic``, ``bilinear``, ``fast_bilinear``, ``area``,
            ``point``, ``lanczos``, ``spline``, ``gauss``, ``sinc`` or ``bicublin``.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(
        self,
        width: int | None = None,
        height: int | None = None,
        interpolation: str = "bicubic",
    ) -> None:
        for name, size in (("width", width), ("height", height)):
            if size is not None and size < 1 and size not in (-1, -2):
                raise ValueError(f"{name} must be 1 or more, -1, -2 or None, not {size}")
        if (width or -2) < 0 and (height or -2) < 0:
            raise ValueError("Scale needs a width, a height or both")
        if interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise ValueError(f"interpolation must be one of {known}, not {interpolation!r}")
        self.width, self.height, self.interpolation = width, height, interpolation
        self._seen = self._target = (0, 0)
        self._reformatter: VideoReformatter | None = None

    def process(self, frame: VideoFrame) -> VideoFrame:
        """Return the picture in the new size."""
        check_video(self, frame)
        size = (frame.width, frame.height)
        if size != self._seen:
            self._seen, self._target = size, self.size_for(*size)
        if size == self._target:
            return frame
        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        return frame.reformat(
            *self._target, interpolation=self.interpolation, reformatter=self._reformatter
        )

    def cleanup(self) -> None:
        """Let libswscale's tables and threads go."""
        self._reformatter = None

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The size that a picture of this size is scaled to.

        >>> Scale(width=640).size_for(1920, 1080), Scale(height=360).size_for(853, 480)
        ((640, 360), (640, 360))
        """
        new_width, new_height = self.width or -2, self.height or -2
        if new_width < 0:
            return follow(new_height * width, height, new_width), new_height
        if new_height < 0:
            return new_width, follow(new_width * height, width, new_height)
        return new_width, new_height


def follow(numerator: int, denominator: int, rule: int) -> int:
    """The quotient, rounded to a whole number (rule -1) or an even one (rule -2), never 0.

    >>> follow(101, 10, -1), follow(101, 10, -2), follow(1, 100, -2)
    (10, 10, 2)
    """
    step = -rule
    return max(step, (2 * numerator + denominator * step) // (2 * denominator * step) * step)
