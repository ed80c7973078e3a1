"""Clips: small media files for tests, made with PyAV alone: no node is trusted to make them.

Each picture carries its number as the brightness of its left half; each sample
of sound follows from its time. So a test can tell a frame by what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from streamflow.frames import AudioFrame, VideoFrame

NTSC = Fraction(30_000, 1_001)
STEP = 10
"""Brightness from one picture to the next."""


def brightness(number: int) -> int:
    """What the left half of a picture shows."""
    return 20 + number * STEP % 210


def number_of(frame: VideoFrame, near: int) -> int:
    """The picture's number, modulo 21, as the residue nearest to what is expected."""
    seen = (float(frame.planes[0][:, : frame.width // 2].mean()) - 20) / STEP
    offset = (seen - near % 21 + 10.5) % 21 - 10.5
    return near + round(offset)


def picture(
    number: int, size: tuple[int, int] = (64, 48), format: str = "yuv420p"
) -> av.VideoFrame:
    """A libav picture with its number."""
    width, height = size
    frame = av.VideoFrame(width, height, "yuv420p")
    for index, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size), 128, np.uint8)
        if index == 0:
            rows[:, : width // 2] = brightness(number)
        plane.update(rows.tobytes())
    return frame if format == "yuv420p" else frame.reformat(format=format)


def tone(first: int, count: int, rate: int = 48_000, channels: int = 2) -> npt.NDArray[np.float32]:
    """Samples (channels, count) of a 440 Hz tone, from sample number ``first`` on."""
    time = np.arange(first, first + count) / rate
    wave = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    return np.broadcast_to(wave, (channels, count)).copy()


def video_frames(
    pts: Iterable[int | None], time_base: Fraction, size: tuple[int, int] = (64, 48)
) -> Iterator[VideoFrame]:
    """Frames of ours with these pts."""
    for number, value in enumerate(pts):
        made = VideoFrame.from_av(picture(number, size))
        made.pts, made.time_base = value, time_base
        yield made


def audio_frames(
    pts: Iterable[int | None], samples: int = 1_024, rate: int = 48_000, layout: str = "stereo"
) -> Iterator[AudioFrame]:
    """Frames of ours with these pts, in samples."""
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    for number, value in enumerate(pts):
        wave = tone(number * samples if value is None else value, samples, rate, channels)
        yield AudioFrame(wave, layout=layout, rate=rate, pts=value)


def make_clip(
    path: Path,
    *,
    pictures: int = 20,
    rate: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    size: tuple[int, int] = (64, 48),
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    b_frames: int = 0,
    keyframes: int = 12,
    sounds: Sequence[str] = ("stereo",),
    sound_start: float = 0.0,
    sound_codec: str = "aac",
    sound_format: str = "fltp",
    sound_rate: int = 48_000,
    seconds: float | None = None,
    rotation: int = 0,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Write a clip and return its path.

    Args:
        path: where; the ending chooses the container.
        pictures: how many pictures; 0 for a clip without video.
        rate: pictures per second.
        pts: their pts, in units of ``time_base``; evenly spaced from 0 if not given.
        time_base: the encoder's; 1 / ``rate`` if not given.
        size: width and height.
        codec: video encoder.
        pixels: pixel format.
        b_frames: how many B-frames may follow each other.
        keyframes: pictures from one keyframe to the next.
        sounds: layouts of the audio streams.
        sound_start: seconds at which they begin.
        sound_codec: audio encoder.
        sound_format: its sample format.
        sound_rate: its rate.
        seconds: length of the sound; that of the pictures if not given.
        rotation: degrees to show the video turned by.
        options: for the muxer.
    """
    base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w", options=dict(options or {})) as container:
        streams: list[Any] = []
        if pictures:
            video: Any = container.add_stream(codec, Fraction(rate), time_base=base)
            video.width, video.height, video.pix_fmt = *size, pixels
            video.codec_context.max_b_frames = b_frames
            video.codec_context.gop_size = keyframes
            if rotation:
                video.set_display_rotation(rotation)
            streams.append(video)
        tracks = [
            _sound_stream(container, sound_codec, sound_rate, sound_format, s) for s in sounds
        ]
        for number in range(pictures):
            frame = picture(number, size, pixels)
            frame.pts = number if pts is None else pts[number]
            frame.time_base = base
            container.mux(streams[0].encode(frame))
        length = pictures / rate if seconds is None else seconds
        for track in tracks:
            _write_sound(container, track, sound_start, float(length))
        for stream in streams + tracks:
            container.mux(stream.encode(None))
    return path


def _sound_stream(container: Any, codec: str, rate: int, format: str, layout: str) -> Any:
    stream = container.add_stream(codec, rate)
    stream.codec_context.layout = layout
    stream.codec_context.format = format
    return stream


def _write_sound(container: Any, stream: Any, start: float, length: float) -> None:
    rate, channels = stream.rate, stream.layout.nb_channels
    first = round(start * rate)
    for at in range(first, first + round(length * rate), 1_024):
        count = min(1_024, first + round(length * rate) - at)
        frame = av.AudioFrame.from_ndarray(
            tone(at, count, rate, channels), format="fltp", layout=stream.layout.name
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        container.mux(stream.encode(frame))


def read_times(path: Path) -> dict[str, list[Fraction]]:
    """Times of all decoded frames, by ``video``, ``audio``, ``audio_1`` …, read by PyAV alone."""
    times: dict[str, list[Fraction]] = {}
    with av.open(str(path)) as container:
        names: dict[int, str] = {}
        for kind, streams in (
            ("video", container.streams.video),
            ("audio", container.streams.audio),
        ):
            for number, stream in enumerate(streams):
                names[stream.index] = kind if number == 0 else f"{kind}_{number}"
        for packet in container.demux():
            base = packet.time_base
            frames: list[Any] = list(packet.decode())
            for frame in frames:
                if frame.pts is not None:
                    times.setdefault(names[packet.stream.index], []).append(frame.pts * base)
    return times
