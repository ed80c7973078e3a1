"""The frame counter of test pictures: a number that machines and people can read back.

A band over the bottom sixth of the picture holds 2 rows of 18 black or white
cells. The four corners are fixed (white, black / black, white): they give the
threshold, and tell a flipped picture. The 32 cells between hold 24 bits of the
number and 8 of a checksum, most significant first. Cells are fractions of the
picture, so that scaling leaves the number readable. Above the band stand the
same eight digits for people.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from streamflow.frames import VideoFrame
from streamflow.nodes.video.picture import Planes, levels_of

COLUMNS: Final = 18
ROWS: Final = 2
MODULO: Final = 1 << 24
"""Numbers are counted modulo this."""

SMALLEST: Final = (64, 48)
"""Width and height of the smallest picture that a counter fits in."""

DATA: Final = np.array([*range(1, 17), *range(19, 35)])
"""Cells that hold bits; the others are the corners."""

WHITE_CORNERS: Final = (0, 35)
BLACK_CORNERS: Final = (17, 18)
CONTRAST: Final = 48
"""Least difference of white and black corners for a picture to have a counter."""

GLYPHS: Final = (
    "111101101101111 010110010010111 111001111100111 111001111001111 101101111001001 "
    "111100111001111 111100111101111 111001001010010 111101111101111 111101111001111"
)
"""The digits 0 to 9, five rows of three points each."""

DIGITS: Final = 8


class CounterPainter:
    """Paints numbers into pictures of one size and format.

    Args:
        format: pixel format.
        width: in pixels, 64 or more.
        height: in pixels, 48 or more.

    Raises:
        ValueError: the picture is too small.
    """

    def __init__(self, format: str, width: int, height: int) -> None:
        if width < SMALLEST[0] or height < SMALLEST[1]:
            raise ValueError(
                f"a counter needs a picture of {SMALLEST[0]}x{SMALLEST[1]} or more, "
                f"not {width}x{height}"
            )
        self._levels = np.array(levels_of(format), np.uint8)
        self._cell_of = np.arange(width) * COLUMNS // width
        self._edges = [height * (10 + row) // 12 for row in range(ROWS + 1)]
        scale = max(1, height // 90)
        self._glyphs = self._levels[draw_glyphs(scale)]
        rows, columns = self._glyphs.shape[1], self._glyphs.shape[2] * DIGITS
        top, left = (self._edges[0] - rows) // 2 * 2, (width - columns) // 4 * 2
        self._box = (slice(top, top + rows), slice(left, left + columns))

    def clear_chroma(self, planes: Planes) -> None:
        """Take the colour away where the counter will stand; needed once per background."""
        top, left = self._box[0].start // 2, self._box[1].start // 2
        right = self._box[1].stop // 2 + 1
        for chroma in planes[1:]:
            chroma[self._edges[0] // 2 :] = 128
            chroma[top:, left:right] = 128

    def paint(self, planes: Planes, number: int) -> None:
        """Write the number over whatever stands there."""
        picture = planes[0]
        for row, bits in enumerate(encode(number)):
            line = self._levels[bits[self._cell_of]]
            top, bottom = self._edges[row], self._edges[row + 1]
            picture[top:bottom] = line if picture.ndim == 2 else line[:, None]
        digits = [int(digit) for digit in f"{number % MODULO:0{DIGITS}d}"]
        box = self._glyphs[digits].swapaxes(0, 1).reshape(self._glyphs.shape[1], -1)
        picture[self._box] = box if picture.ndim == 2 else box[:, :, None]


def read_counter(frame: VideoFrame) -> int | None:
    """The number in a picture that `TestVideo` made, at whatever scale and after any codec.

    Returns:
        0 to 16777215; None where there is no counter, or it cannot be read
        with certainty.
    """
    if frame.width < COLUMNS or frame.height < ROWS * 6:
        return None
    cells = measure_cells(frame)
    white = min(cells[i] for i in WHITE_CORNERS)
    black = max(cells[i] for i in BLACK_CORNERS)
    if white - black < CONTRAST:
        return None
    bits = (cells > (white + black) / 2).astype(np.uint8)
    word = int.from_bytes(np.packbits(bits[DATA]).tobytes(), "big")
    number, checksum = word >> 8, word & 0xFF
    return number if crc8(number) == checksum else None


def measure_cells(frame: VideoFrame) -> npt.NDArray[np.float64]:
    """Mean brightness of the middle of each cell, row by row; shape (36,)."""
    picture = frame.planes[0]
    band = picture[..., :3].mean(2) if picture.ndim == 3 else picture.astype(np.float64)
    width, height = frame.width / COLUMNS, frame.height / 12
    cells: list[float] = []
    for row in range(ROWS):
        top, bottom = middle((10 + row) * height, height)
        lines = band[top:bottom].mean(0)
        for column in range(COLUMNS):
            left, right = middle(column * width, width)
            cells.append(float(lines[left:right].mean()))
    return np.array(cells)


def middle(start: float, length: float) -> tuple[int, int]:
    """The pixels of the middle half of a stretch, at least one.

    >>> middle(10.0, 8.0), middle(3.0, 1.0)
    ((12, 16), (3, 4))
    """
    first = round(start + length / 4)
    if length < 2:
        first = int(start + length / 2)
    return first, max(first + 1, round(start + length * 3 / 4))


def encode(number: int) -> npt.NDArray[np.uint8]:
    """The cells of a number: 1 is white; shape (2, 18)."""
    number %= MODULO
    cells = np.zeros(ROWS * COLUMNS, np.uint8)
    cells[list(WHITE_CORNERS)] = 1
    word = (number << 8 | crc8(number)).to_bytes(4, "big")
    cells[DATA] = np.unpackbits(np.frombuffer(word, np.uint8))
    return cells.reshape(ROWS, COLUMNS)


def crc8(number: int) -> int:
    """CRC-8 (polynomial 0x07) of a 24-bit number, inverted so that 0 does not give 0."""
    crc = 0
    for byte in number.to_bytes(3, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)
    return crc ^ 0xFF


def draw_glyphs(scale: int) -> npt.NDArray[np.uint8]:
    """The ten digits with a margin, 1 where there is ink; shape (10, 7 * scale, 4 * scale)."""
    points = np.array([[int(point) for point in glyph] for glyph in GLYPHS.split()], np.uint8)
    framed = np.pad(points.reshape(10, 5, 3), ((0, 0), (1, 1), (0, 1)))
    return np.repeat(np.repeat(framed, scale, 1), scale, 2)
