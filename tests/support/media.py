"""Reading and writing with the media nodes, each driven by a `NodeRunner`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from streamflow import AudioFrame
from streamflow.clock import Clock
from streamflow.nodes.media.sink import MediaSink
from streamflow.nodes.media.source import MediaSource
from streamflow.testing import NodeRunner
from tests.support.clips import audio_frames, video_frames

BOTH = ("video", "audio")
Items = list[tuple[str, Any]]
MILLI = Fraction(1, 1_000)


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


def pictures(
    count: int = 20, step: int = 40, start: int = 0, size: tuple[int, int] = (64, 48)
) -> Items:
    """Video items, ``step`` milliseconds apart."""
    pts = [start + number * step for number in range(count)]
    return tagged("video", video_frames(pts, MILLI, size))


def sounds(count: int = 40, start: int = 0, **params: Any) -> Items:
    """Audio items of 1,024 samples each; ``start`` in samples."""
    return tagged("audio", audio_frames([start + n * 1_024 for n in range(count)], **params))


def interleaved(*streams: Items) -> Items:
    """Items of several streams in the order of their times."""
    return sorted((item for stream in streams for item in stream), key=lambda item: item[1].time)


def codecs(path: Path) -> list[str]:
    """Names of the decoders of a file's streams."""
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams]


def loudness(items: Items, begin: float, end: float) -> float:
    """Root mean square of the sound between two times, by the pts of its frames."""
    kept: list[Any] = []
    frame: AudioFrame
    for frame in on(items, "audio"):
        when = np.arange(frame.samples_per_channel) / frame.rate + float(frame.time or 0)
        kept.append(frame.to_ndarray("flt")[0][(when >= begin) & (when < end)])
    wave = np.concatenate(kept)
    return float(np.sqrt(np.mean(wave**2)))


def heard(items: Items) -> float:
    """When the first sound is heard: encoders put a little silence before it."""
    for frame in on(items, "audio"):
        loud = np.flatnonzero(np.abs(frame.to_ndarray("flt")[0]) > 0.1)
        if loud.size:
            return float(frame.time + loud[0] / frame.rate)
    raise AssertionError("all is silent")
