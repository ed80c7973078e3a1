"""Frames: audio and video as numpy views with a presentation time."""

from __future__ import annotations

from streamflow.frames.audio import AudioFrame
from streamflow.frames.video import VideoFrame

__all__ = ["AudioFrame", "VideoFrame"]
