"""Mirrored pictures."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from streamflow.context import NodeContext
from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.picture import allocate_planes, check_video
from streamflow.ports import Ports, Video


class Flip(Node):
    """Mirrors each picture, in its own format.

    Args:
        horizontal: swap left and right.
        vertical: swap top and bottom. Both together turn the picture by 180 degrees.

    Raises:
        ValueError: neither is asked for.
    """

    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(self, *, horizontal: bool = False, vertical: bool = False) -> None:
        if not (horizontal or vertical):
            raise ValueError("Flip needs horizontal=True, vertical=True or both")
        self.horizontal, self.vertical = horizontal, vertical
        self._mirror = (
            slice(None, None, -1 if vertical else 1),
            slice(None, None, -1 if horizontal else 1),
        )

    def initialize(self, ctx: NodeContext) -> None:
        """Take the memory that frames live in."""
        self._allocate = ctx.allocate

    def process(self, frame: VideoFrame) -> VideoFrame:
        """Return the picture mirrored."""
        check_video(self, frame)
        planes = allocate_planes(self._allocate, frame.format, frame.width, frame.height)
        for plane, source in zip(planes, frame.planes, strict=True):
            np.copyto(plane, source[self._mirror])
        return frame.with_planes(planes)
