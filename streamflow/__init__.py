"""Real-time audio, video and table pipelines in plain Python."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from streamflow import errors, events
from streamflow.clock import Clock, LiveClock, OfflineClock
from streamflow.context import NodeContext
from streamflow.errors import (
    CheckpointError,
    CircuitOpenError,
    CycleError,
    DeadlockError,
    GraphError,
    LinkClosed,
    LinkError,
    LinkFull,
    ManifestError,
    MediaError,
    NodeError,
    NodeTimeoutError,
    PeerLost,
    PicklingError,
    PortMismatchError,
    StateError,
    StreamflowError,
    UnknownNodeError,
)
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.function import node
from streamflow.node import Node, NodeInfo, Out
from streamflow.packet import Packet
from streamflow.ports import Audio, Data, Table, Value, Video
from streamflow.process import Process
from streamflow.registry import Registry, registry
from streamflow.retry import CircuitBreaker, Retry

if TYPE_CHECKING:
    from streamflow.execute import (
        execute_pipeline,
        execute_pipeline_sync,
        execute_pipeline_with_input,
        execute_pipeline_with_input_sync,
    )
    from streamflow.graph import queue
    from streamflow.metrics import Report
    from streamflow.pipeline import Pipeline

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "AudioFrame",
    "CheckpointError",
    "CircuitBreaker",
    "CircuitOpenError",
    "Clock",
    "CycleError",
    "Data",
    "DeadlockError",
    "GraphError",
    "LinkClosed",
    "LinkError",
    "LinkFull",
    "LiveClock",
    "ManifestError",
    "MediaError",
    "Node",
    "NodeContext",
    "NodeError",
    "NodeInfo",
    "NodeTimeoutError",
    "OfflineClock",
    "Out",
    "Packet",
    "PeerLost",
    "PicklingError",
    "Pipeline",
    "PortMismatchError",
    "Process",
    "Registry",
    "Report",
    "Retry",
    "StateError",
    "StreamflowError",
    "Table",
    "UnknownNodeError",
    "Value",
    "Video",
    "VideoFrame",
    "errors",
    "events",
    "execute_pipeline",
    "execute_pipeline_sync",
    "execute_pipeline_with_input",
    "execute_pipeline_with_input_sync",
    "node",
    "queue",
    "registry",
]

# What runs a pipeline is imported when it is first asked for: who only writes
# nodes does not pay for asyncio and the scheduler.
_HOMES: Final = {
    "Pipeline": "pipeline",
    "Report": "metrics",
    "execute_pipeline": "execute",
    "execute_pipeline_sync": "execute",
    "execute_pipeline_with_input": "execute",
    "execute_pipeline_with_input_sync": "execute",
    "queue": "graph",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'streamflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"streamflow.{home}"), name)
    globals()[name] = value  # so that this function is asked once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
