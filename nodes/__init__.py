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
    from streamflow.nodes.audio.accumulator import AudioBufferAccumulator
    from streamflow.nodes.audio.balance import ChannelBalance
    from streamflow.nodes.audio.channels import ChannelSplit
    from streamflow.nodes.audio.chunk import Chunk
    from streamflow.nodes.audio.clipping import ClippingDetector
    from streamflow.nodes.audio.gain import Gain
    from streamflow.nodes.audio.level import AudioLevel
    from streamflow.nodes.audio.mix import Mix
    from streamflow.nodes.audio.resample import Resample
    from streamflow.nodes.audio.silence import SilenceDetector
    from streamflow.nodes.audio.source import TestAudio
    from streamflow.nodes.audio.transform import AudioTransform
    from streamflow.nodes.audio.waveform import Waveform
    from streamflow.nodes.basic.accumulator import Accumulator
    from streamflow.nodes.basic.arithmetic import Add, Multiply
    from streamflow.nodes.basic.calculator import Calculator
    from streamflow.nodes.basic.delay import Delay
    from streamflow.nodes.basic.echo import Echo
    from streamflow.nodes.basic.filter import Filter
    from streamflow.nodes.basic.logger import Logger
    from streamflow.nodes.basic.map import Map
    from streamflow.nodes.basic.passthrough import PassThrough
    from streamflow.nodes.basic.split import Split
    from streamflow.nodes.basic.text_collector import TextCollector
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
    "Accumulator": "basic.accumulator",
    "Add": "basic.arithmetic",
    "Multiply": "basic.arithmetic",
    "Calculator": "basic.calculator",
    "Delay": "basic.delay",
    "Echo": "basic.echo",
    "Filter": "basic.filter",
    "Logger": "basic.logger",
    "Map": "basic.map",
    "PassThrough": "basic.passthrough",
    "Split": "basic.split",
    "TextCollector": "basic.text_collector",
    "AudioBufferAccumulator": "audio.accumulator",
    "ChannelBalance": "audio.balance",
    "ChannelSplit": "audio.channels",
    "Chunk": "audio.chunk",
    "ClippingDetector": "audio.clipping",
    "Gain": "audio.gain",
    "AudioLevel": "audio.level",
    "Mix": "audio.mix",
    "Resample": "audio.resample",
    "SilenceDetector": "audio.silence",
    "TestAudio": "audio.source",
    "AudioTransform": "audio.transform",
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
    "Accumulator",
    "Add",
    "AudioBufferAccumulator",
    "AudioLevel",
    "AudioTransform",
    "Calculator",
    "ChannelBalance",
    "ChannelSplit",
    "Chunk",
    "ClippingDetector",
    "Convert",
    "Crop",
    "Delay",
    "Echo",
    "Filter",
    "FilterGraph",
    "Flip",
    "FrameRate",
    "Gain",
    "Logger",
    "Map",
    "MediaSink",
    "MediaSource",
    "Mix",
    "Multiply",
    "Overlay",
    "PassThrough",
    "Resample",
    "Scale",
    "SilenceDetector",
    "Snapshot",
    "Split",
    "TestAudio",
    "TestVideo",
    "TextCollector",
    "Waveform",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"streamflow.nodes has no node {name!r}")
    return getattr(importlib.import_module(f"streamflow.nodes.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
