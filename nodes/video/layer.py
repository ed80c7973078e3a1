"""Blending in the frame's own format: a layer holds what its pixels keep and what they add.

out = (under * keep + add) / 255, for each plane, in integers; ``add`` is the
layer's colour times its opacity. Chroma gets the mean of two by two pixels,
weighted by opacity. Only the rectangle that the layer covers is touched.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.frames import VideoFrame
from streamflow.nodes.video.picture import Planes, is_subsampled

Field = npt.NDArray[np.floating[Any]]
Words = npt.NDArray[np.uint16]

LUMA_WEIGHTS: Final = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""Weights of red and blue by FFmpeg's AVColorSpace: BT.709, SMPTE 240M, BT.2020."""

BT601: Final = (0.299, 0.114)
"""The weights of all others, and where nothing is said."""


class Look(NamedTuple):
    """What decides how a colour is written into a frame."""

    format: str
    colorspace: int
    color_range: int

    @classmethod
    def of(cls, frame: VideoFrame) -> Look:
        """The look of a frame."""
        return cls(frame.format, frame.colorspace, frame.color_range)


class Layer(NamedTuple):
    """A picture ready to be blended into frames of one look; one pair per plane."""

    width: int
    height: int
    keep: tuple[Words, ...]
    add: tuple[Words, ...]


def make_layer(colour: Field, opacity: Field, look: Look) -> Layer:
    """Prepare a picture for blending.

    Args:
        colour: red, green and blue from 0 to 255, times opacity; shape (height, width, 3).
        opacity: from 0 to 1; shape (height, width).
        look: of the frames that it is for.
    """
    if is_subsampled(look.format) and (opacity.shape[0] % 2 or opacity.shape[1] % 2):
        odd = ((0, opacity.shape[0] % 2), (0, opacity.shape[1] % 2))
        colour, opacity = np.pad(colour, (*odd, (0, 0))), np.pad(opacity, odd)
    planes: list[tuple[Field, Field]] = []
    if look.format in ("rgb24", "bgr24"):
        order = slice(None, None, -1 if look.format == "bgr24" else 1)
        planes = [(opacity[..., None], colour[..., order])]
    elif look.format == "rgba":
        planes = [(opacity[..., None], np.dstack([colour, 255 * opacity]))]
    else:
        planes = _luma_and_chroma(colour, opacity, look)
    keep = tuple(_words(255 - 255 * alpha) for alpha, _ in planes)
    add = tuple(_words(255 * premultiplied) for _, premultiplied in planes)
    return Layer(opacity.shape[1], opacity.shape[0], keep, add)


def _luma_and_chroma(colour: Field, opacity: Field, look: Look) -> list[tuple[Field, Field]]:
    matrix, offset = yuv_matrix(look)
    luma = (opacity, colour @ matrix[0] + opacity * offset[0])
    if look.format == "gray8":
        return [luma]
    half = _halve(opacity)
    both = _halve(colour) @ matrix[1:].T + half[..., None] * offset[1:]
    if look.format == "nv12":
        return [luma, (half[..., None], both)]
    return [luma, (half, both[..., 0]), (half, both[..., 1])]


def yuv_matrix(look: Look) -> tuple[Field, Field]:
    """Matrix (3, 3) and offset (3,) from RGB, 0 to 255, to the frame's Y, Cb and Cr."""
    red, blue = LUMA_WEIGHTS.get(look.colorspace, BT601)
    green = 1 - red - blue
    rows = np.array(
        [
            [red, green, blue],
            np.array([-red, -green, 1 - blue]) / (2 * (1 - blue)),
            np.array([1 - red, -green, -blue]) / (2 * (1 - red)),
        ]
    )
    # Gray is of full range unless it says otherwise, YUV of limited.
    full = look.color_range == 2 or (look.format == "gray8" and look.color_range == 0)
    if not full:
        rows *= np.array([[219.0], [224.0], [224.0]]) / 255
    offset = np.array([0 if full else 16, 128, 128])
    return rows.astype(np.float32), offset.astype(np.float32)


def _halve(plane: Field) -> Field:
    rows = plane[::2] + plane[1::2]
    return (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)


def _words(plane: Field) -> Words:
    rounded: Field = np.minimum(np.maximum(plane + np.float32(0.5), 0), 65_025)
    return rounded.astype(np.uint16)


def blend(planes: Planes, layer: Layer, left: int, top: int) -> None:
    """Blend a layer into planes that may be written; what lies outside is cut off.

    Args:
        planes: of a frame of the look that the layer is for.
        layer: what to blend.
        left: column of the layer's left edge; even in subsampled formats.
        top: row of its upper edge, likewise.
    """
    height, width = planes[0].shape[:2]
    for index, plane in enumerate(planes):
        step = 2 if index else 1
        rows = _overlap(top // step, layer.height // step, -(-height // step))
        columns = _overlap(left // step, layer.width // step, -(-width // step))
        if rows is None or columns is None:
            return
        under = plane[rows[0], columns[0]]
        part = (rows[1], columns[1])
        mixed = under * layer.keep[index][part] + layer.add[index][part] + np.uint16(127)
        # Rounding of keep and add may exceed full scale by one.
        under[...] = np.minimum(mixed // np.uint16(255), 255)


def _overlap(start: int, length: int, limit: int) -> tuple[slice, slice] | None:
    """Where a stretch lies in 0 to limit, and which part of it does."""
    first, last = max(start, 0), min(start + length, limit)
    if first >= last:
        return None
    return slice(first, last), slice(first - start, last - start)
