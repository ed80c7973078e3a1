"""Snapshots: single pictures of a stream as PNG or JPEG files."""

from __future__ import annotations

import os
import re
from typing import ClassVar, Final

from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.image import image_format, save_image
from streamflow.nodes.video.picture import check_video
from streamflow.ports import Ports, Video

INDEX: Final = re.compile(r"%(0?\d*)d|\{index(?::(\d*)d?)?\}")
AS_IS: Final = {"PNG": ("gray8", "rgba"), "JPEG": ("gray8",)}
"""Pixel formats that the files can hold; the others become RGB."""


class Snapshot(Node):
    """Saves pictures to files, and passes every frame on as it came.

    A file appears whole or not at all. Encoding happens in ``process``; a
    720p PNG takes some 100 ms, so place a node that saves many ``on="thread"``.

    Args:
        path: file name ending in ``.png``, ``.jpg`` or ``.jpeg``. ``%03d`` or
            ``{index}`` in it is replaced by the number of the picture, from 0;
            without, each picture replaces the one before.
        every: seconds of media from one picture to the next; None takes the
            frames one after the other.
        count: how many pictures; None for no end.
        start: the first picture is of the first frame at or after this time, in seconds.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: float | None = None,
        count: int | None = 1,
        start: float = 0.0,
    ) -> None:
        if every is not None and every <= 0:
            raise ValueError(f"every must be more than 0 seconds, not {every}")
        if count is not None and count < 1:
            raise ValueError(f"count must be 1 or more, not {count}")
        self.path, self.every, self.count, self.start = os.fspath(path), every, count, start
        self.image_format = image_format(self.path)
        self._timed = every is not None or start > 0
        self._due = start
        self._saved = 0

    def process(self, frame: VideoFrame) -> VideoFrame:
        """Save the frame if one is due, and return it.

        Raises:
            MediaError: the file cannot be written.
            ValueError: a time is asked for, and the frame has none.
        """
        check_video(self, frame)
        wanted = self.count is None or self._saved < self.count
        if wanted and (not self._timed or self._is_due(frame)):
            self._save(frame)
        return frame

    def get_state(self) -> tuple[float, int]:
        """When the next picture is due, and how many were saved."""
        return self._due, self._saved

    def set_state(self, state: tuple[float, int]) -> None:
        """Go on from there."""
        self._due, self._saved = state

    def _is_due(self, frame: VideoFrame) -> bool:
        time = frame.time
        if time is None:
            raise ValueError("Snapshot needs frames with a pts for its every and start")
        # Half a millisecond: pts are rounded to their time base, times to binary fractions.
        if time < self._due - 0.0005:
            return False
        if self.every is not None:
            passed = int((time - self._due + 0.0005) // self.every)
            self._due += self.every * (passed + 1)
        return True

    def _save(self, frame: VideoFrame) -> None:
        from PIL import Image

        format = frame.format if frame.format in AS_IS[self.image_format] else "rgb24"
        image = Image.fromarray(frame.to_ndarray(format))
        save_image(image, numbered(self.path, self._saved), self.image_format)
        self._saved += 1


def numbered(path: str, index: int) -> str:
    """The name with the number in its place.

    >>> numbered("a%03d.png", 7), numbered("{index}.jpg", 7), numbered("{index:04d}.jpg", 7)
    ('a007.png', '7.jpg', '0007.jpg')
    """
    return INDEX.sub(lambda found: f"{index:{found[1] or found[2] or ''}}", path)
