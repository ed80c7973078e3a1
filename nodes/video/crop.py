"""Cropping without a copy: the planes that leave are slices of those that came."""

from __future__ import annotations

from typing import ClassVar

from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.picture import Plane, check_video, is_subsampled
from streamflow.ports import Ports, Video


class Crop(Node):
    """Cuts a rectangle out of each picture, without a copy.

    Args:
        x: columns to leave out on the left; even for yuv420p and nv12.
        y: rows to leave out at the top; even for yuv420p and nv12.
        width: in pixels; None takes all that is left.
        height: in pixels; None takes all that is left.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(
        self, x: int = 0, y: int = 0, width: int | None = None, height: int | None = None
    ) -> None:
        for name, offset in (("x", x), ("y", y)):
            if offset < 0:
                raise ValueError(f"{name} must be 0 or more, not {offset}")
        for name, size in (("width", width), ("height", height)):
            if size is not None and size < 1:
                raise ValueError(f"{name} must be 1 or more, not {size}")
        self.x, self.y, self.width, self.height = x, y, width, height

    def process(self, frame: VideoFrame) -> VideoFrame:
        """Return the rectangle.

        Raises:
            ValueError: it is not within the picture, or begins inside a chroma sample.
        """
        check_video(self, frame)
        width = frame.width - self.x if self.width is None else self.width
        height = frame.height - self.y if self.height is None else self.height
        if (width, height) == (frame.width, frame.height) and not (self.x or self.y):
            return frame
        self._check(frame, width, height)
        planes = tuple(
            self._cut(plane, width, height, 2 if index else 1)
            for index, plane in enumerate(frame.planes)
        )
        made = frame.with_planes(planes)
        made.shared = frame.shared
        return made

    def _check(self, frame: VideoFrame, width: int, height: int) -> None:
        right, bottom = self.x + width, self.y + height
        if right > frame.width or bottom > frame.height or width < 1 or height < 1:
            raise ValueError(
                f"cannot crop {width}x{height} at {self.x},{self.y} "
                f"from a picture of {frame.width}x{frame.height}"
            )
        if is_subsampled(frame.format) and (self.x % 2 or self.y % 2):
            raise ValueError(
                f"x and y must be even to crop {frame.format}, not {self.x} and {self.y}"
            )

    def _cut(self, plane: Plane, width: int, height: int, step: int) -> Plane:
        left, top = self.x // step, self.y // step
        return plane[top : top - (-height // step), left : left - (-width // step)]
