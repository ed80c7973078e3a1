"""The one door to libav outside the nodes: it converts frames, nothing else.

`av` is imported when a frame first passes, so that `import streamflow` stays light.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from streamflow import copies
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS, AudioFrame
from streamflow.frames.memory import writable_view
from streamflow.frames.video import PIXEL_FORMATS, VideoFrame, plane_shapes

Array = npt.NDArray[Any]

FULL_RANGE: Final = 2
"""FFmpeg's AVCOL_RANGE_JPEG."""

GBR: Final = 0
"""FFmpeg's AVCOL_SPC_RGB: no YUV matrix."""

UNSPECIFIED: Final = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED."""

TO_AV: Final = {"gray8": "gray"}
FROM_AV: Final = {"gray": "gray8", "yuvj420p": "yuv420p"}


def house_format(frame: av.VideoFrame) -> tuple[str, int]:
    """Our name for the pixel format of a libav frame, and its colour range."""
    name = frame.format.name
    ours = FROM_AV.get(name, name)
    if ours not in PIXEL_FORMATS:
        known = ", ".join(PIXEL_FORMATS)
        raise ValueError(f"a VideoFrame cannot hold {name}; reformat it to one of {known}")
    return ours, FULL_RANGE if name.startswith("yuvj") else int(frame.color_range)


def map_planes(frame: av.VideoFrame, shapes: tuple[tuple[int, ...], ...]) -> list[Array]:
    """Views of libav's planes, with its row padding as stride."""
    views: list[Array] = []
    for plane, shape in zip(frame.planes, shapes, strict=True):
        rows = _flat(plane).reshape(-1, abs(plane.line_size))[: shape[0]]
        if plane.line_size < 0:
            rows = rows[::-1]  # a picture that stands on its head, as `vflip` makes it
        used = rows[:, : math.prod(shape[1:])]
        views.append(used.reshape(shape) if len(shape) == 2 else _split_components(used, shape))
    return views


def _flat(plane: Any, dtype: type[np.generic] = np.uint8) -> Array:
    """A plane's memory; NumPy's stubs do not know that a plane is a buffer."""
    return np.frombuffer(plane, dtype)


def _split_components(rows: Array, shape: tuple[int, ...]) -> Array:
    strides = (rows.strides[0], shape[2], 1)
    return np.lib.stride_tricks.as_strided(rows, shape, strides)


def video_to_av(frame: VideoFrame) -> av.VideoFrame:
    """A fresh libav frame over the planes of ours."""
    wrapped = _wrap(frame)
    wrapped.pts = frame.pts
    if frame.time_base is not None:
        wrapped.time_base = frame.time_base
    wrapped.colorspace, wrapped.color_range = frame.colorspace, frame.color_range
    return wrapped


def _wrap(frame: VideoFrame) -> av.VideoFrame:
    name = TO_AV.get(frame.format, frame.format)
    subsampled = frame.format in ("yuv420p", "nv12")
    odd = frame.width % 2 or frame.height % 2
    if (subsampled and odd) or not _rows_are_contiguous(frame):
        return _copy(frame, name)
    if subsampled:
        # DLPack, as PyAV asks for it, cannot say "read-only", so numpy refuses
        # such arrays. libav only reads the frames that it is given to encode,
        # scale or filter: a writable view, seen by nobody else, is safe.
        if frame._av is not None:
            shapes = plane_shapes(frame.format, frame.width, frame.height)
            planes = tuple(map_planes(frame._av, shapes))
        else:
            planes = tuple(writable_view(plane) for plane in frame.planes)
        return av.VideoFrame.from_dlpack(planes, format=name)
    return av.VideoFrame.from_numpy_buffer(frame.planes[0], format=name)


def _rows_are_contiguous(frame: VideoFrame) -> bool:
    # Rows that run backwards or stand on each other are none that libav can step through.
    if frame._av is not None:
        return frame._av.planes[0].line_size > 0
    return all(
        plane[0].flags.c_contiguous and plane.strides[0] >= plane[0].nbytes
        for plane in frame.planes
    )


def _copy(frame: VideoFrame, name: str) -> av.VideoFrame:
    copies.count(frame.nbytes)
    made = av.VideoFrame(frame.width, frame.height, name)
    for plane, source in zip(made.planes, frame.planes, strict=True):
        rows = _flat(plane).reshape(-1, plane.line_size)
        row_bytes = math.prod(source.shape[1:])
        rows[: source.shape[0], :row_bytes] = source.reshape(source.shape[0], row_bytes)
    return made


def reformat(
    frame: VideoFrame,
    width: int,
    height: int,
    format: str,
    interpolation: str | None,
    reformatter: VideoReformatter | None = None,
) -> VideoFrame:
    """Scale or convert by libswscale; pts, time base and metadata stay.

    A reformatter keeps its tables from picture to picture; a new one for each
    costs four times as much as scaling 720p to 360p does.
    """
    source = frame._av if frame._av is not None else video_to_av(frame)
    name = TO_AV.get(format, format)
    if format not in PIXEL_FORMATS:
        raise ValueError(f"unknown pixel format {format!r}; known are {', '.join(PIXEL_FORMATS)}")
    flags = interpolation.upper() if interpolation else None
    scale = source.reformat if reformatter is None else partial(reformatter.reformat, source)
    made = scale(width, height, name, interpolation=flags)
    if made.colorspace == GBR and format not in ("rgb24", "bgr24", "rgba"):
        made.colorspace = UNSPECIFIED  # what was said of the RGB source is not true of YUV
    new = VideoFrame._over(made, format, int(made.color_range))
    new.pts, new.time_base, new.metadata = frame.pts, frame.time_base, frame.metadata
    return new


def house_layout(frame: av.AudioFrame) -> tuple[str, str]:
    """Sample format and layout of a libav frame, if ours can hold them."""
    format, layout = frame.format.name, frame.layout.name
    if format not in SAMPLE_FORMATS or layout not in CHANNELS:
        raise ValueError(
            f"an AudioFrame cannot hold {format} {layout}; resample it to one of "
            f"{', '.join(SAMPLE_FORMATS)} and {', '.join(CHANNELS)}"
        )
    return format, layout


def map_samples(frame: AudioFrame) -> Array:
    """The samples of the libav frame beneath ours: a view, or gathered if planes lie apart."""
    if frame._origin is None:  # cannot be: a frame has its samples or an origin
        raise RuntimeError("a frame without samples")
    count, dtype = frame.samples_per_channel, SAMPLE_FORMATS[frame.format]
    # PyAV looks for the end of the planes behind the last of eight, where other data lies.
    planes = frame._origin.frame.planes[: frame.channels if frame.planar else 1]
    if not frame.planar:
        return _flat(planes[0], dtype)[: count * frame.channels].reshape(-1, frame.channels)
    if len(planes) == 1:
        return _flat(planes[0], dtype)[:count][None]
    copies.count(frame.nbytes)
    samples = copies.allocate((len(planes), count), dtype)
    for row, plane in zip(samples, planes, strict=True):
        row[:] = _flat(plane, dtype)[:count]
    return samples


def audio_to_av(frame: AudioFrame) -> av.AudioFrame:
    """The libav frame beneath ours where it is nobody else's, else one with a copy."""
    origin = frame._origin
    if origin is not None and not origin.given and not frame.shared and copies.exclusive():
        origin.given, made = True, origin.frame
        made.pts = frame.pts
        if frame.time_base is not None:
            made.time_base = frame.time_base
        return made
    copies.count(frame.nbytes)
    rows = frame.samples if frame.planar else frame.samples.reshape(1, -1)
    made = av.AudioFrame(frame.format, frame.layout, frame.samples_per_channel)
    # Not PyAV's from_ndarray: it sees a ninth plane where there are eight.
    for plane, row in zip(made.planes, rows, strict=False):
        buffer: Any = np.ascontiguousarray(row)  # PyAV says bytes, and takes any buffer
        plane.update(buffer)
    made.sample_rate, made.pts = frame.rate, frame.pts
    if frame.time_base is not None:
        made.time_base = frame.time_base
    return made
