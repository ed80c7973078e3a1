"""Text as pictures: each glyph is drawn once, lines are put together from them."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.errors import MediaError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

Mask = npt.NDArray[np.uint8]

MAX_GLYPHS: Final = 512
"""Glyphs that are kept; the one used longest ago goes first."""


class Glyph(NamedTuple):
    """One character: its ink, ``bearing`` columns of which lie before the pen, and its width."""

    ink: Mask
    advance: float


class Typesetter:
    """Sets text in one font and size.

    Args:
        size: height of the font, in pixels.
        font: a TrueType or OpenType file; None takes the one that Pillow brings.

    Raises:
        MediaError: the font cannot be read.
    """

    def __init__(self, size: int, font: str | None = None) -> None:
        self._font = load_font(size, font)
        self._bearing = size // 4 + 1
        box = self._font.getbbox("Ågjpqy|")
        self._line = math.ceil(box[3]) + 1
        self._glyphs: OrderedDict[str, Glyph] = OrderedDict()

    def set(self, text: str, above: int = 0, beside: int = 0) -> Mask:
        """The ink of a text.

        Args:
            text: its lines end in newlines.
            above: blank rows to leave above, and below.
            beside: blank columns to leave on the left, and on the right.

        Returns:
            0 to 255; shape (rows, columns), both even.
        """
        lines = [[self._glyph(character) for character in line] for line in text.split("\n")]
        width = max(sum(glyph.advance for glyph in line) for line in lines)
        margin = max(beside, self._bearing)
        rows = self._line * len(lines) + 2 * above
        columns = math.ceil(width) + 2 * margin
        mask = np.zeros((rows + rows % 2, columns + 1), np.uint8)
        for number, line in enumerate(lines):
            top = above + number * self._line
            pen = float(margin - self._bearing)
            for glyph in line:
                height, wide = glyph.ink.shape
                place = mask[top : top + height, round(pen) : round(pen) + wide]
                np.maximum(place, glyph.ink, out=place)
                pen += glyph.advance
        cut = margin - beside
        columns -= 2 * cut
        return mask[:, cut : cut + columns + columns % 2]

    def _glyph(self, character: str) -> Glyph:
        glyph = self._glyphs.get(character)
        if glyph is None:
            glyph = self._glyphs[character] = self._draw(character)
            if len(self._glyphs) > MAX_GLYPHS:
                self._glyphs.popitem(last=False)
        else:
            self._glyphs.move_to_end(character)
        return glyph

    def _draw(self, character: str) -> Glyph:
        from PIL import Image, ImageDraw

        advance = float(self._font.getlength(character))
        size = (math.ceil(advance) + 2 * self._bearing, self._line)
        image = Image.new("L", size)
        ImageDraw.Draw(image).text((self._bearing, 0), character, fill=255, font=self._font)
        return Glyph(np.asarray(image), advance)


def load_font(size: int, font: str | None) -> FreeTypeFont | ImageFont:
    """Open a font file, or the font that Pillow brings.

    Raises:
        MediaError: the font cannot be read.
    """
    from PIL import ImageFont

    if font is None:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(font, size)
    except OSError as error:
        raise MediaError(font, f"cannot be read as a font: {error}") from error
