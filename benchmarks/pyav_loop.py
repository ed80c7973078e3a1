"""Decode, scale and encode a file by hand: what one writes with PyAV alone.

It has the settings that `MediaSource`, `Scale` and `MediaSink` have: the same
decoders on as many threads, libswscale's bicubic with one set of tables, the
container's default encoders as they come, every picture at its own pts.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter


def transcode(source: Path, target: Path, width: int, height: int) -> int:
    """Write a scaled copy; returns how many pictures it has."""
    reformatter = VideoReformatter()
    pictures = 0
    with av.open(source) as reader, av.open(target, "w") as writer:
        streams: list[Any] = [*reader.streams.video[:1], *reader.streams.audio[:1]]
        encoders: dict[int, Any] = {}
        for stream in streams:
            stream.thread_type = ThreadType.AUTO
            encoders[stream.index] = add_encoder(writer, stream, width, height)
        for packet in reader.demux(streams):
            encoder = encoders[packet.stream.index]
            frames: list[Any] = list(packet.decode())
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    pictures += 1
                    made = scaled(reformatter, frame, width, height)
                else:
                    made = frame
                writer.mux(encoder.encode(made))
        for encoder in encoders.values():
            writer.mux(encoder.encode(None))
    return pictures


def scaled(
    reformatter: VideoReformatter, frame: av.VideoFrame, width: int, height: int
) -> av.VideoFrame:
    """A picture in the new size, for the encoder to take its own decisions on."""
    made = reformatter.reformat(frame, width, height, "yuv420p", interpolation="BICUBIC")
    made.pict_type = 0
    return made


def add_encoder(writer: OutputContainer, stream: Any, width: int, height: int) -> Any:
    """An encoder for what a stream gives."""
    if stream.type == "video":
        rate = Fraction(stream.average_rate)
        made: Any = writer.add_stream(
            "libx264", rate, width=width, height=height, time_base=stream.time_base
        )
        made.codec_context.pix_fmt = "yuv420p"
        return made
    made = writer.add_stream("aac", stream.rate)
    made.codec_context.layout = stream.layout
    return made
