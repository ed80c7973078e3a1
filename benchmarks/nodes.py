"""Nodes that only benchmarks need."""

from __future__ import annotations

from typing import ClassVar

import streamflow as sf


class Swallow(sf.Node):
    """Takes frames, and keeps none."""

    inputs: ClassVar[dict[str, sf.Data]] = {"in": sf.Video()}
    outputs: ClassVar[dict[str, sf.Data]] = {}

    def process(self, frame: sf.VideoFrame) -> None:
        """Do nothing."""
