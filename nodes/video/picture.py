"""What every video node needs: a check of what comes in, and planes for what goes out.

Planes of one frame are slices of one piece of memory, so that a frame is lent,
and comes back, as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from streamflow.frames import VideoFrame
from streamflow.frames.video import PIXEL_FORMATS, plane_shapes

Plane: TypeAlias = npt.NDArray[np.uint8]
Planes: TypeAlias = tuple[Plane, ...]
Allocate: TypeAlias = Callable[[tuple[int, ...]], npt.NDArray[Any]]


def check_video(node: object, item: object) -> None:
    """Refuse what is no video frame.

    Raises:
        TypeError: it names the node's class and the item's.
    """
    if not isinstance(item, VideoFrame):
        raise TypeError(f"{type(node).__name__} needs video frames, not {type(item).__name__}")


def check_format(format: str) -> str:
    """The pixel format itself.

    Raises:
        ValueError: a `VideoFrame` cannot have it.
    """
    if format not in PIXEL_FORMATS:
        raise ValueError(f"format must be one of {', '.join(PIXEL_FORMATS)}, not {format!r}")
    return format


def check_rate(rate: Fraction | float | str) -> Fraction:
    """Frames per second as an exact fraction: ``30``, ``"30000/1001"`` or ``29.97``.

    Raises:
        ValueError: it is no number, or not more than 0.

    >>> check_rate(29.97), check_rate("30000/1001")
    (Fraction(2997, 100), Fraction(30000, 1001))
    """
    try:
        exact = Fraction(rate).limit_denominator(100_000)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"rate must be a number of frames per second, not {rate!r}") from None
    if exact <= 0:
        raise ValueError(f"rate must be more than 0 frames per second, not {rate!r}")
    return exact


def is_subsampled(format: str) -> bool:
    """Whether one chroma sample stands for two by two pixels."""
    return any(plane.halved for plane in PIXEL_FORMATS[format])


def levels_of(format: str) -> tuple[int, int]:
    """Black and white, where the range is the usual one for the format."""
    return (16, 235) if is_subsampled(format) else (0, 255)


def allocate_planes(allocate: Allocate, format: str, width: int, height: int) -> Planes:
    """Planes to be written, with whatever was in the memory before; as `plane_shapes` says."""
    shapes = plane_shapes(format, width, height)
    memory = allocate((sum(math.prod(shape) for shape in shapes),))
    planes: list[Plane] = []
    start = 0
    for shape in shapes:
        end = start + math.prod(shape)
        planes.append(memory[start:end].reshape(shape))
        start = end
    return tuple(planes)
