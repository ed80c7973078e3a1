"""The nodes that come with streamflow. Import it as ``streamflow.nodes``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "streamflow.nodes":
    raise ImportError(
        f"this package is streamflow.nodes, not {__name__}: "
        "write `from streamflow.nodes import ...`"
    )

if TYPE_CHECKING:
    from streamflow.nodes.audio.chunk import Chunk
    from streamflow.nodes.audio.gain import Gain
    from streamflow.nodes.audio.level import AudioLevel
    from streamflow.nodes.audio.mix import Mix
    from streamflow.nodes.audio.resample import Resample
    from streamflow.nodes.audio.source import TestAudio
    from streamflow.nodes.audio.waveform import Waveform
    from streamflow.nodes.basic import PassThrough
    from streamflow.nodes.filters.graph import FilterGraph
    from streamflow.nodes.media.sink import MediaSink
    from streamflow.nodes.media.source import MediaSource
    from streamflow.nodes.video.convert import Convert
    from streamflow.nodes.video.crop import Crop
    from streamflow.nodes.video.flip import Flip
    from streamflow.nodes.video.overlay import Overlay
    from streamflow.nodes.video.rate import FrameRate
    from streamflow.nodes.video.scale import Scale
    from streamflow.nodes.video.snapshot import Snapshot
    from streamflow.nodes.video.source import TestVideo

# Each family is imported when a node of it is first asked for: naming a
# PassThrough must not load libav.
_HOMES = {
    "PassThrough": "basic",
    "Chunk": "audio.chunk",
    "Gain": "audio.gain",
    "AudioLevel": "audio.level",
    "Mix": "audio.mix",
    "Resample": "audio.resample",
    "TestAudio": "audio.source",
    "Waveform": "audio.waveform",
    "FilterGraph": "filters.graph",
    "MediaSink": "media.sink",
    "MediaSource": "media.source",
    "Convert": "video.convert",
    "Crop": "video.crop",
    "Flip": "video.flip",
    "Overlay": "video.overlay",
    "FrameRate": "video.rate",
    "Scale": "video.scale",
    "Snapshot": "video.snapshot",
    "TestVideo": "video.source",
}

__all__ = [
    "AudioLevel",
    "Chunk",
    "Convert",
    "Crop",
    "FilterGraph",
    "Flip",
    "FrameRate",
    "Gain",
    "MediaSink",
    "MediaSource",
    "Mix",
    "Overlay",
    "PassThrough",
    "Resample",
    "Scale",
    "Snapshot",
    "TestAudio",
    "TestVideo",
    "Waveform",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"streamflow.nodes has no node {name!r}")
    return getattr(importlib.import_module(f"streamflow.nodes.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
