"""Descriptions: what a container says of itself, as plain values."""

from __future__ import annotations

from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

MICRO = 1_000_000


def container_facts(container: InputContainer) -> dict[str, Any]:
    """Format, times in seconds, tags and streams of an open file."""
    return {
        "format": container.format.name,
        "duration": _seconds(container.duration),
        "start": _seconds(container.start_time),
        "bit_rate": container.bit_rate or None,
        "tags": dict(container.metadata),
        "streams": [stream_facts(stream) for stream in container.streams],
    }


def stream_facts(stream: Stream) -> dict[str, Any]:
    """Type, codec and caps of one stream; times in seconds, rates as fractions."""
    context: Any = stream.codec_context  # None where no decoder is known
    base = stream.time_base
    facts: dict[str, Any] = {
        "index": stream.index,
        "type": stream.type,
        "codec": context.name if context is not None else None,
        "time_base": base,
        "duration": float(stream.duration * base) if stream.duration and base else None,
        "frames": stream.frames or None,
        "tags": dict(stream.metadata),
    }
    if context is None:
        return facts
    if isinstance(stream, av.VideoStream):
        facts |= {
            "width": stream.width,
            "height": stream.height,
            "format": stream.pix_fmt,
            "average_rate": stream.average_rate,
            "sample_aspect_ratio": stream.sample_aspect_ratio,
            "attached_picture": is_picture(stream),
        }
    elif isinstance(stream, av.AudioStream):
        facts |= {
            "rate": stream.rate,
            "layout": stream.layout.name,
            "channels": stream.layout.nb_channels,
            "format": stream.format.name,
        }
    return facts


def is_picture(stream: av.VideoStream) -> bool:
    """Whether a video stream is a cover picture and no film."""
    return bool(stream.disposition & Disposition.attached_pic)


def _seconds(micro: int | None) -> float | None:
    return None if micro is None else micro / MICRO
