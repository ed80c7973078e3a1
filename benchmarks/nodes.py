"""Nodes that only benchmarks need."""

from __future__ import annotations

from typing import ClassVar

import streamflow as sf
from streamflow.ports import Ports


class Swallow(sf.Node):
    """Takes frames, and keeps none."""

    inputs: ClassVar[Ports] = {"in": sf.Video()}
    outputs: ClassVar[Ports] = {}

    def process(self, frame: sf.VideoFrame) -> None:
        """Do nothing."""
