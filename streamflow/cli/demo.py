"""The demo: a file, or test signals, through a graph that shows what the engine does.

Sound and picture stay in step: each picture waits for the level of its own moment,
and the sink writes both by their pts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.graph import Placement, PlacementName
from streamflow.handle import Handle, PortHandle
from streamflow.node import Node, Out
from streamflow.nodes import (
    AudioLevel,
    MediaSink,
    MediaSource,
    Overlay,
    PassThrough,
    Scale,
    Snapshot,
    TestAudio,
    TestVideo,
    Waveform,
)
from streamflow.packet import seconds
from streamflow.pipeline import Pipeline
from streamflow.ports import Audio, Data, Ports, Video
from streamflow.process import Process

SECONDS: Final = 10.0
"""Length of the test signals."""

RATE: Final = 30
"""Their pictures per second."""

HEIGHT: Final = 360
MAX_WAITING: Final = 64
"""Pictures that wait for their level; then the oldest goes without."""

MAX_LEVELS: Final = 1_024
"""Levels that wait for their pictures; then the oldest goes."""

NO_LEVEL: Final = "no sound"
TEXT: Final = "{count:05d}   {time:.2f} s   {level}"


class Inlets(NamedTuple):
    """Where the pictures and the sound come from; None where there are none."""

    video: Handle | PortHandle | None
    audio: Handle | PortHandle | None


class Film(Node):
    """Takes pairs of a picture and its sound apart."""

    outputs: ClassVar[Ports] = {"video": Video(), "audio": Audio()}

    def process(self, pair: tuple[VideoFrame, AudioFrame]) -> Iterator[Out]:
        """Yield the sound, then the picture."""
        picture, sound = pair
        yield Out("audio", sound)
        yield Out("video", picture)


class Caption(Node):
    """Writes into each picture's metadata, as ``level``, how loud its moment was.

    A picture waits until the level of its time has come, so that it does not
    matter which of the two streams runs ahead. Both must be in order of time.
    """

    inputs: ClassVar[Ports] = {"in": Video(), "level": Data()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(self) -> None:
        self._frames: deque[VideoFrame] = deque()
        self._levels: deque[tuple[float, float, str]] = deque(maxlen=MAX_LEVELS)

    def process(self, item: Any, port: str) -> Iterator[VideoFrame]:
        """Take a picture or a level; yield the pictures whose level is known."""
        if port == "level":
            begin = seconds(item) or 0.0
            words = f"{item.value['rms']:.1f} dBFS"
            self._levels.append((begin, begin + item.value["duration"], words))
        else:
            self._frames.append(item)
        while self._frames:
            level = self._level_at(self._frames[0].time or 0.0)
            if level is None and len(self._frames) <= MAX_WAITING:
                return
            yield self._stamped(level or NO_LEVEL)

    def flush(self) -> Iterator[VideoFrame]:
        """Yield the pictures after the end of the sound."""
        while self._frames:
            yield self._stamped(NO_LEVEL)

    def _stamped(self, level: str) -> VideoFrame:
        frame = self._frames.popleft()
        return frame.replace(metadata={**frame.metadata, "level": level})

    def _level_at(self, time: float) -> str | None:
        """The level at a time; None if it may still come."""
        # A microsecond: ends are sums of fractions that binary numbers do not hold.
        while self._levels and self._levels[0][1] <= time + 1e-6:
            self._levels.popleft()
        if not self._levels:
            return None
        begin, _, words = self._levels[0]
        return words if begin <= time else NO_LEVEL


def build_demo(source: str | None, folder: Path, on: PlacementName | None = None) -> Pipeline:
    """The demo's pipeline.

    Args:
        source: a file or an address; None takes test signals.
        folder: what it writes goes there.
        on: where its three branches run: ``sound``, ``picture`` and ``snapshot``
            each on a thread or in a process of its own; None puts the snapshot
            alone on a thread.

    Raises:
        NodeError: the source cannot be read.
    """
    pipeline = Pipeline("demo")
    inlets = open_signals(pipeline) if source is None else open_media(pipeline, source)
    sink = pipeline.add(
        MediaSink(folder / "demo.mp4", preset="veryfast")
        if inlets.video is not None
        else MediaSink(folder / "demo.mp4")
    )
    level = None
    if inlets.audio is not None:
        sound = branch("sound", on)
        level = pipeline.add(AudioLevel(window=0.1), on=sound)
        waveform = pipeline.add(Waveform(folder / "waveform.png", normalize=True), on=sound)
        pipeline.connect(inlets.audio, level)
        pipeline.connect(level["out"], waveform)
        pipeline.connect(waveform["out"], sink["audio"])
    if inlets.video is not None:
        picture = _caption(pipeline, inlets.video, level, branch("picture", on))
        # Three pictures, each in the place of the one before: films begin in black.
        snapshot = Snapshot(folder / "snapshot.png", every=1.0, count=3)
        pipeline.connect(picture, pipeline.add(snapshot, on=branch("snapshot", on or "thread")))
        pipeline.connect(picture, sink["video"])
    return pipeline


def branch(name: str, on: PlacementName | None) -> Placement:
    """Where a branch of the demo runs."""
    return Process(name) if on == "process" else on or "inline"


def _caption(
    pipeline: Pipeline, video: Handle | PortHandle, level: Handle | None, on: Placement
) -> Handle:
    scale = pipeline.add(Scale(height=HEIGHT), on=on)
    pipeline.connect(video, scale)
    text = TEXT if level is not None else TEXT.replace("{level}", NO_LEVEL)
    overlay = pipeline.add(Overlay(text, background="#000000a0"), on=on)
    if level is None:
        pipeline.connect(scale, overlay["in"])
        return overlay
    caption = pipeline.add(Caption(), on=on)
    pipeline.connect(scale, caption["in"])
    pipeline.connect(level["level"], caption["level"])
    pipeline.connect(caption, overlay["in"])
    return overlay


def open_signals(pipeline: Pipeline) -> Inlets:
    """Test pictures, and a tick at each full second, side by side as in a film."""
    video = pipeline.add(TestVideo(1280, 720, rate=RATE, duration=SECONDS))
    audio = pipeline.add(
        TestAudio(samples=48_000 // RATE, rate=48_000, waveform="ticks", duration=SECONDS)
    )
    film = pipeline.add(Film())
    # Apart, one of the two would run ahead: nothing else makes them wait for each other.
    pipeline.connect(pipeline.merge(video, audio, policy="zip"), film)
    return Inlets(film["video"], film["audio"])


def open_media(pipeline: Pipeline, source: str) -> Inlets:
    """A media file or stream: the ports for which it has something.

    Raises:
        NodeError: it cannot be read.
    """
    kinds = stream_kinds(source)
    handle = pipeline.add(MediaSource(source))
    # With neither, both are connected: the source then says what it lacks.
    return Inlets(
        handle["video"] if "video" in kinds or not kinds else None,
        handle["audio"] if "audio" in kinds or not kinds else None,
    )


def stream_kinds(source: str) -> set[str]:
    """``video``, ``audio``, or both: what a file has. Cover pictures are no video.

    Raises:
        NodeError: it cannot be read.
    """
    probe = Pipeline("probe")
    probe.connect(probe.add(MediaSource(source))["metadata"], PassThrough())
    facts: dict[str, Any] = probe.run(collect=True, progress=False).results[0]
    return {
        stream["type"]
        for stream in facts["streams"]
        if stream["type"] in ("video", "audio") and not stream.get("attached_picture")
    }
