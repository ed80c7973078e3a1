"""Any filter graph that FFmpeg knows, as one node."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Final, TypeAlias

import av
from av.error import FFmpegError
from av.filter import Graph

from streamflow.context import NodeContext
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.node import Node, Out
from streamflow.nodes.filters.build import Pad, build, may_write, media_type
from streamflow.ports import Audio, Data, Ports, Video

Frame: TypeAlias = VideoFrame | AudioFrame
Caps: TypeAlias = tuple[Any, ...]

MAX_WAITING: Final = 256
"""Frames that wait on one input for the first frame of another."""

VIDEO_FORMATS: Final = "|".join("gray" if name == "gray8" else name for name in PIXEL_FORMATS)
AUDIO_FORMATS: Final = (
    f"sample_fmts={'|'.join(SAMPLE_FORMATS)}:channel_layouts={'|'.join(CHANNELS)}"
)


class FilterGraph(Node):
    """Runs a filter graph in FFmpeg's own words: ``"hflip,boxblur=4"``.

    Ports are the graph's loose ends: ``in`` and ``out`` where they have no
    label, else the labels: ``"[main][logo]overlay=10:10[mixed]"`` has the inputs
    ``main`` and ``logo`` and the output ``mixed``. Each is of video or audio, as
    its filter says. The filters are made anew when the size, format, rate or
    time base of an input changes; what they held comes out before.

    pts and time base are the filters'. Pictures that a filter might write into
    are copied first, and counted.

    Args:
        description: the graph, see https://ffmpeg.org/ffmpeg-filters.html.

    Raises:
        ValueError: it cannot be read; a filter is unknown, or does not take its
            arguments; or the graph has no input or no output.
    """

    resumable = False
    why_not_resumable = "libav's filters hold frames that nobody can read out of them"
    inputs: ClassVar[Ports] = {"in": Data()}
    outputs: ClassVar[Ports] = {"out": Data()}

    def __init__(self, description: str) -> None:
        self.description = description
        trial = Graph()
        ends = build(trial, description)
        if not ends.inputs or not ends.outputs:
            what = "output" if ends.inputs else "input"
            raise ValueError(f"filter graph {description!r} has no {what}")
        # ClassVars of the base: which ports there are is the instance's own.
        self.inputs = _ports(trial, ends.inputs, is_input=True)  # type: ignore[misc]
        self.outputs = _ports(trial, ends.outputs, is_input=False)  # type: ignore[misc]
        self._copies = may_write(description)
        self._forget()

    def _forget(self) -> None:
        self._graph: Graph | None = None
        self._sources: dict[str, Any] = {}
        self._sinks: dict[str, Any] = {}
        self._caps: dict[str, Caps] = {}
        self._waiting: dict[str, deque[Frame]] = {name: deque() for name in self.inputs}
        self._metadata: Mapping[str, Any] = {}

    def initialize(self, ctx: NodeContext) -> None:
        """Take the copy ledger."""
        self._ctx = ctx

    def process(self, frame: Frame, port: str | None = None) -> Iterator[Frame | Out]:
        """Yield what the filters give for a frame.

        Raises:
            TypeError: the port takes audio and this is no audio frame, or likewise video.
            ValueError: the filters refuse the frame, or one input is starved.
        """
        name = port or next(iter(self.inputs))
        self._check(name, frame)
        caps = _caps_of(frame)
        if self._graph is not None and caps != self._caps[name]:
            yield from self._drain()
        self._caps[name], self._metadata = caps, frame.metadata
        if self._graph is None:
            self._waiting[name].append(frame)
            if len(self._caps) < len(self.inputs):
                self._refuse_starvation(name)
                return
            self._configure()
            yield from self._push_waiting()
            return
        yield from self._push(name, frame)

    def flush(self) -> Iterator[Frame | Out]:
        """Yield what the filters still hold."""
        yield from self._drain()
        self._forget()

    def cleanup(self) -> None:
        """Let the filters go."""
        self._forget()

    def _check(self, name: str, frame: object) -> None:
        is_video = isinstance(self.inputs[name], Video)
        if not isinstance(frame, VideoFrame if is_video else AudioFrame):
            kind = "video" if is_video else "audio"
            raise TypeError(
                f"FilterGraph needs {kind} frames on {name}, not {type(frame).__name__}"
            )

    def _refuse_starvation(self, name: str) -> None:
        if len(self._waiting[name]) > MAX_WAITING:
            missing = ", ".join(port for port in self.inputs if port not in self._caps)
            raise ValueError(
                f"filter graph {self.description!r} has {MAX_WAITING} frames on {name} "
                f"and none on {missing}"
            )

    def _configure(self) -> None:
        graph = Graph()
        ends = build(graph, self.description)
        self._sources = {
            name: _add_source(graph, self._caps[name], pad, copied=self._copies)
            for name, pad in ends.inputs.items()
        }
        self._sinks = {
            name: _add_sink(graph, pad, is_video=isinstance(self.outputs[name], Video))
            for name, pad in ends.outputs.items()
        }
        try:
            graph.configure()
        except FFmpegError as error:
            raise ValueError(
                f"filter graph {self.description!r} does not take these frames: {error}"
            ) from None
        self._graph = graph

    def _push_waiting(self) -> Iterator[Frame | Out]:
        waiting = sorted(
            (
                (frame.time or 0.0, name, frame)
                for name, queue in self._waiting.items()
                for frame in queue
            ),
            key=lambda entry: entry[0],
        )
        for queue in self._waiting.values():
            queue.clear()
        for _, name, frame in waiting:
            yield from self._push(name, frame)

    def _push(self, name: str, frame: Frame) -> Iterator[Frame | Out]:
        if self._copies and isinstance(frame, VideoFrame):
            self._ctx.count_copy(frame.nbytes)
        try:
            self._sources[name].push(frame.to_av())
        except EOFError:
            return  # the filters want no more, as after `trim`
        yield from self._pull()

    def _drain(self) -> Iterator[Frame | Out]:
        if self._graph is not None:
            for source in self._sources.values():
                source.push(None)
            yield from self._pull()
        self._graph = None

    def _pull(self) -> Iterator[Frame | Out]:
        # A frame out of one sink can make room for one out of another.
        found = True
        while found:
            found = False
            for name, sink in self._sinks.items():
                while (made := _take(sink)) is not None:
                    found = True
                    made.metadata = self._metadata
                    yield made if name == "out" else Out(name, made)


def _take(sink: Any) -> Frame | None:
    try:
        made = sink.pull()
    except (BlockingIOError, EOFError):
        return None
    if isinstance(made, av.VideoFrame):
        return VideoFrame.from_av(made)
    return AudioFrame.from_av(made)


def _ports(graph: Graph, pads: dict[str, Pad], *, is_input: bool) -> dict[str, Data]:
    kinds: dict[str, Data] = {"video": Video(), "audio": Audio()}
    return {name: kinds[media_type(graph, pad, is_input=is_input)] for name, pad in pads.items()}


def _caps_of(frame: Frame) -> Caps:
    time_base = frame.time_base or Fraction(1, 1_000)
    if isinstance(frame, AudioFrame):
        return (frame.format, frame.rate, frame.layout, time_base)
    colour = (frame.colorspace, frame.color_range)
    return (frame.format, frame.width, frame.height, time_base, *colour)


def _add_source(graph: Graph, caps: Caps, pad: Pad, *, copied: bool) -> Any:
    if len(caps) == 4:
        format, rate, layout, time_base = caps
        source: Any = graph.add_abuffer(
            sample_rate=rate, format=format, layout=layout, time_base=time_base
        )
        source.link_to(pad.context, 0, pad.number)
        return source
    format, width, height, time_base, colorspace, color_range = caps
    options = {
        "video_size": f"{width}x{height}",
        "pix_fmt": "gray" if format == "gray8" else format,
        "time_base": str(time_base),
        "colorspace": str(colorspace),
        "range": str(color_range),
    }
    # What counts frames is of a constant rate; filters such as xfade must know it.
    if 1 <= 1 / time_base <= 240:
        options["frame_rate"] = str(1 / time_base)
    source = graph.add("buffer", **options)
    end = source
    if copied:
        end = graph.add("copy")
        source.link_to(end)
    end.link_to(pad.context, 0, pad.number)
    return source


def _add_sink(graph: Graph, pad: Pad, *, is_video: bool) -> Any:
    accepted = (
        graph.add("format", VIDEO_FORMATS) if is_video else graph.add("aformat", AUDIO_FORMATS)
    )
    sink = graph.add("buffersink" if is_video else "abuffersink")
    pad.context.link_to(accepted, pad.number, 0)
    accepted.link_to(sink)
    return sink
