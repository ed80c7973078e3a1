"""Real-time audio, video and table pipelines in plain Python."""

from __future__ import annotations

from streamflow import errors, events
from streamflow.clock import Clock, LiveClock, OfflineClock
from streamflow.context import NodeContext
from streamflow.errors import (
    CycleError,
    DeadlockError,
    GraphError,
    LinkClosed,
    LinkError,
    LinkFull,
    MediaError,
    NodeError,
    NodeTimeoutError,
    PortMismatchError,
    StateError,
    StreamflowError,
    UnknownNodeError,
    WouldBlock,
)
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.function import node
from streamflow.graph import queue
from streamflow.metrics import Report
from streamflow.node import Node, NodeInfo, Out
from streamflow.packet import Packet
from streamflow.pipeline import Pipeline
from streamflow.ports import Audio, Data, Table, Value, Video
from streamflow.registry import Registry, registry

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "AudioFrame",
    "Clock",
    "CycleError",
    "Data",
    "DeadlockError",
    "GraphError",
    "LinkClosed",
    "LinkError",
    "LinkFull",
    "LiveClock",
    "MediaError",
    "Node",
    "NodeContext",
    "NodeError",
    "NodeInfo",
    "NodeTimeoutError",
    "OfflineClock",
    "Out",
    "Packet",
    "Pipeline",
    "PortMismatchError",
    "Registry",
    "Report",
    "StateError",
    "StreamflowError",
    "Table",
    "UnknownNodeError",
    "Value",
    "Video",
    "VideoFrame",
    "WouldBlock",
    "errors",
    "events",
    "node",
    "queue",
    "registry",
]
