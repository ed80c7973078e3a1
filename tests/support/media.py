"""Reading and writing with the media nodes, each driven by a `NodeRunner`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from streamflow.clock import Clock
from streamflow.nodes.media.sink import MediaSink
from streamflow.nodes.media.source import MediaSource
from streamflow.testing import NodeRunner

BOTH = ("video", "audio")
Items = list[tuple[str, Any]]


def read(
    path: Path | str,
    connected: Iterable[str] | None = BOTH,
    clock: Clock | None = None,
    **params: Any,
) -> Items:
    """Everything that a MediaSource emits."""
    source = MediaSource(path, **params)
    with NodeRunner(source, connected=connected, clock=clock) as runner:
        return runner.run()


def write(path: Path, items: Items, connected: Iterable[str] | None = None, **params: Any) -> Path:
    """Write items with a MediaSink whose connected ports are those of the items."""
    ports = {port for port, _ in items} if connected is None else connected
    with NodeRunner(MediaSink(path, **params), connected=ports) as runner:
        runner.run(items)
    return path


def on(items: Items, port: str = "video") -> list[Any]:
    """The values of one port."""
    return [value for name, value in items if name == port]


def times(items: Items, port: str = "video") -> list[float]:
    """The presentation times of one port, in seconds."""
    return [value.time for value in on(items, port)]


def tagged(port: str, frames: Iterable[Any]) -> Items:
    """Frames with the port they are for."""
    return [(port, frame) for frame in frames]


def left_over(folder: Path, *expected: str) -> Sequence[str]:
    """Names in a folder other than those expected, hidden ones too."""
    return sorted({path.name for path in folder.iterdir()} - set(expected))
