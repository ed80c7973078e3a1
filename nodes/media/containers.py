"""Containers: which one a name asks for, and which codecs go into it unless others are named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import av

from streamflow.errors import MediaError
from streamflow.nodes.media.diagnose import is_url

SCHEMES: Final[Mapping[str, str]] = {
    "rtmp": "flv",
    "rtmps": "flv",
    "rtsp": "rtsp",
    "srt": "mpegts",
    "tcp": "mpegts",
    "udp": "mpegts",
    "rtp": "rtp_mpegts",
}
"""Formats of network addresses, whose names do not tell."""

DEFAULTS: Final[Mapping[str, tuple[str | None, str | None]]] = {
    # libav's own defaults here are older than any player in use, or have no encoder.
    "3gp": ("h264", "aac"),
    "flv": ("h264", "aac"),
    "matroska": ("h264", "aac"),
    "mpegts": ("h264", "aac"),
    "rtp_mpegts": ("h264", "aac"),
    "ogg": ("vp8", "opus"),
    # Their "video" is a cover picture.
    "flac": (None, "flac"),
    "mp3": (None, "mp3"),
}

ENCODERS: Final[Mapping[str, tuple[str, ...]]] = {
    "h264": ("libx264", "libopenh264", "mpeg4"),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9", "libvpx"),
    "av1": ("libsvtav1", "libaom-av1"),
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
}
"""Encoders of a codec, best first; what is not here has one of its own name."""


class Codecs(NamedTuple):
    """Names of encoders; None for a stream that the container does not hold."""

    video: str | None
    audio: str | None


def format_of(path: str, format: str | None) -> av.ContainerFormat:
    """The format that is named, or that the path asks for.

    Raises:
        MediaError: neither says it.
    """
    name = format or (SCHEMES.get(path.partition(":")[0].lower()) if is_url(path) else None)
    ending = Path(path).suffix
    try:
        if name is not None:
            return av.ContainerFormat(name, "w")
        # Opens nothing: libav only looks at the ending.
        return av.open(f"x{ending}", "w").format
    except ValueError as error:
        if format:
            raise MediaError(path, f"there is no container format {format!r}") from error
        what = f"the ending {ending!r} stands" if ending else "a name without an ending stands"
        reason = f"{what} for no container; give one like .mp4, or format="
        raise MediaError(path, reason) from error


def default_codecs(format: av.ContainerFormat) -> Codecs:
    """The encoders for a container."""
    if format.name in DEFAULTS:
        video, audio = DEFAULTS[format.name]
    else:
        with av.open("x", "w", format=format.name) as container:
            video, audio = container.default_video_codec, container.default_audio_codec
    return Codecs(encoder_of(video), encoder_of(audio))


def encoder_of(codec: str | None) -> str | None:
    """The best encoder that this libav has for a codec."""
    if codec in (None, "none"):
        return None
    for name in ENCODERS.get(codec, ()):
        if name in av.codecs_available:
            return name
    return codec
