"""The backgrounds of test pictures, drawn natively in yuv420p (BT.601, limited range)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamflow.frames.video import plane_shapes
from streamflow.nodes.video.picture import Planes

BARS: Final = (
    (180, 128, 128),  # white
    (162, 44, 142),  # yellow
    (131, 156, 44),  # cyan
    (112, 72, 58),  # green
    (84, 184, 198),  # magenta
    (65, 100, 212),  # red
    (35, 212, 114),  # blue
)
"""Y, Cb and Cr of the 75 % colour bars."""


def draw_pattern(name: str, width: int, height: int) -> Planes:
    """Draw a background.

    Args:
        name: ``bars``, ``gradient``, ``checkerboard``, ``noise`` or ``solid``.
        width: in pixels.
        height: in pixels.

    Returns:
        The planes of a yuv420p picture.

    Raises:
        ValueError: there is no such pattern.
    """
    if name not in PATTERNS:
        raise ValueError(f"pattern must be one of {', '.join(PATTERNS)}, not {name!r}")
    shapes = plane_shapes("yuv420p", width, height)
    planes = [
        PATTERNS[name](index, *shape[:2]).astype(np.uint8) for index, shape in enumerate(shapes)
    ]
    return tuple(np.ascontiguousarray(plane) for plane in planes)


Field = npt.NDArray[np.floating[Any]]


def _bars(plane: int, rows: int, columns: int) -> Field:
    levels = np.array([bar[plane] for bar in BARS], np.float64)
    return np.broadcast_to(levels[np.arange(columns) * len(BARS) // columns], (rows, columns))


def _gradient(plane: int, rows: int, columns: int) -> Field:
    across, down = np.linspace(0, 1, columns)[None], np.linspace(0, 1, rows)[:, None]
    if plane == 0:
        return np.broadcast_to(40 + 170 * across, (rows, columns))
    return 64 + 128 * (down + 0 * across if plane == 1 else 1 - across + 0 * down)


def _checkerboard(plane: int, rows: int, columns: int) -> Field:
    if plane:
        return _solid(plane, rows, columns)
    side = max(2, rows // 12)
    odd = (np.arange(rows)[:, None] // side + np.arange(columns)[None] // side) % 2
    return 60.0 + 130.0 * odd


def _noise(plane: int, rows: int, columns: int) -> Field:
    # The seed is fixed: the same pictures each time, or no test could compare them.
    return np.random.default_rng(plane).integers(40, 216, (rows, columns)).astype(np.float64)


def _solid(plane: int, rows: int, columns: int) -> Field:
    return np.full((rows, columns), 128.0 if plane else 110.0)


PATTERNS: Final[Mapping[str, Callable[[int, int, int], Field]]] = {
    "bars": _bars,
    "gradient": _gradient,
    "checkerboard": _checkerboard,
    "noise": _noise,
    "solid": _solid,
}
"""What draws one plane: (number of the plane, rows, columns) to levels from 0 to 255."""
