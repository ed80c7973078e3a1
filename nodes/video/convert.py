"""Pixel formats: the node that port negotiation puts where two ports differ."""

from __future__ import annotations

from typing import ClassVar

from av.video.reformatter import VideoReformatter

from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.picture import check_format, check_video
from streamflow.ports import Ports, Video


class Convert(Node):
    """Converts pictures to a pixel format; size, colour, pts and metadata stay.

    A picture that has the format already passes as it is: the same object.

    Args:
        format: ``yuv420p``, ``nv12``, ``rgb24``, ``bgr24``, ``gray8`` or ``rgba``.

    Raises:
        ValueError: the format is unknown.
    """

    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(self, format: str) -> None:
        self.format = check_format(format)
        self._reformatter: VideoReformatter | None = None
        # Known once the format is: whatever is behind can rely on it.
        self.outputs = {"out": Video(format)}  # type: ignore[misc]

    def process(self, frame: VideoFrame) -> VideoFrame:
        """Return the picture in the format.

        Raises:
            TypeError: the item is no video frame.
        """
        check_video(self, frame)
        if frame.format == self.format:
            return frame
        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        return frame.reformat(format=self.format, reformatter=self._reformatter)

    def cleanup(self) -> None:
        """Let libswscale's tables go."""
        self._reformatter = None
