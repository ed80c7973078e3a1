"""Overlays: text or an image over each picture, blended in the picture's own format."""

from __future__ import annotations

import os
import string
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from streamflow.context import NodeContext
from streamflow.errors import MediaError
from streamflow.frames import VideoFrame
from streamflow.node import Node
from streamflow.nodes.video.layer import Field, Layer, Look, blend, make_layer
from streamflow.nodes.video.picture import check_video, is_subsampled
from streamflow.nodes.video.text import Typesetter
from streamflow.packet import Packet
from streamflow.ports import Data, Ports, Video

Text: TypeAlias = str | Callable[[VideoFrame], str]
Image: TypeAlias = str | os.PathLike[str] | npt.NDArray[np.uint8]
Drawn: TypeAlias = tuple[Field, Field]

ANCHORS: Final = {
    f"{row}-{column}".replace("center-center", "center")
    .replace("-center", "")
    .replace("center-", ""): (x, y)
    for y, row in ((0, "top"), (1, "center"), (2, "bottom"))
    for x, column in ((0, "left"), (1, "center"), (2, "right"))
}
"""``top-left``, ``top`` … ``bottom-right``: 0, 1 or 2 halves across and down."""

MARGIN: Final = 16
"""Pixels between the overlay and the edges that it is anchored to, unless said otherwise."""

MAX_LAYERS: Final = 64
"""Prepared layers that are kept; a text that changes with each frame fills them in turn."""


class Overlay(Node):
    """Puts a text or an image over each picture.

    A text is a format string. Its fields are ``{pts}``, ``{time}`` (seconds),
    ``{count}`` (pictures before this one), the keys of the frame's metadata, and
    ``{data}``: the item, or the value of the `Packet`, that came last on the port
    ``data``, such as ``{data[rms]:.1f}`` for an `AudioLevel`. Before the first
    one comes, and where a frame has no pts, the field reads ``--``.

    Pictures of the library's own memory that nobody else has are written in
    place; the others are copied, and counted.

    Args:
        text: a format string, or a function from the frame to the text.
        image: a file, or an array (height, width, 3 or 4) of uint8: RGB or RGBA.
            Give a text or an image, not both.
        x: pixels from the anchor's edge inwards, or from the centre to the right;
            None is 16 from an edge, 0 from the centre. In subsampled formats
            overlays stand at even places.
        y: likewise, downwards.
        anchor: ``top-left``, ``top``, ``top-right``, ``left``, ``center``, ``right``,
            ``bottom-left``, ``bottom`` or ``bottom-right``.
        size: height of the font, in pixels.
        color: of the text: a name, ``#rrggbb`` or ``#rrggbbaa``.
        background: colour of a box behind the text; None for no box.
        opacity: of the whole, 0 to 1.
        font: a TrueType or OpenType file; None takes the one that Pillow brings.

    Raises:
        ValueError: a parameter is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Video(), "data": Data()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(
        self,
        text: Text | None = None,
        image: Image | None = None,
        x: int | None = None,
        y: int | None = None,
        anchor: str = "top-left",
        size: int = 24,
        color: str = "white",
        background: str | None = None,
        opacity: float = 1.0,
        font: str | None = None,
    ) -> None:
        if (text is None) == (image is None):
            raise ValueError("Overlay needs a text or an image, and not both")
        if anchor not in ANCHORS:
            raise ValueError(f"anchor must be one of {', '.join(ANCHORS)}, not {anchor!r}")
        if size < 1:
            raise ValueError(f"size must be 1 pixel or more, not {size}")
        if not 0 <= opacity <= 1:
            raise ValueError(f"opacity must be from 0 to 1, not {opacity}")
        if isinstance(text, str):
            check_text(text)
        self.text, self.image, self.font, self.size = text, image, font, size
        self.x, self.y, self.anchor, self.opacity = x, y, anchor, opacity
        self._ink = parse_color("color", color)
        self._box = parse_color("background", background or "#00000000")
        self._padded = background is not None
        self._data: Any = NOTHING
        self._count = 0
        self._layers: OrderedDict[tuple[str, Look], Layer] = OrderedDict()

    def initialize(self, ctx: NodeContext) -> None:
        """Open the font or the image.

        Raises:
            MediaError: the file cannot be read.
        """
        self._data, self._count = NOTHING, 0
        if self.image is not None:
            self._picture = load_picture(self.image)
        else:
            self._typesetter = Typesetter(self.size, self.font)

    def process(self, item: Any, port: str) -> VideoFrame | None:
        """Return the picture with the overlay; take what comes on ``data``."""
        if port == "data":
            self._data = item.value if isinstance(item, Packet) else item
            return None
        check_video(self, item)
        frame: VideoFrame = item
        text = self.text_of(frame)
        self._count += 1
        if self.image is None and not text:
            return frame
        layer = self._layer(text, Look.of(frame))
        planes = frame.writable().planes
        left, top = self.place(frame.width, frame.height, layer.width, layer.height)
        if is_subsampled(frame.format):
            left, top = left // 2 * 2, top // 2 * 2
        blend(planes, layer, left, top)
        return frame.with_planes(planes)

    def get_state(self) -> tuple[int, bool, Any]:
        """Frames so far, and the newest data, if any has come."""
        known = self._data is not NOTHING
        return self._count, known, self._data if known else None

    def set_state(self, state: tuple[int, bool, Any]) -> None:
        """Go on from there."""
        self._count, known, data = state
        self._data = data if known else NOTHING

    def place(self, width: int, height: int, box_width: int, box_height: int) -> tuple[int, int]:
        """Left and top of a box in a picture, all in pixels.

        >>> Overlay("hi", anchor="bottom-right", x=10, y=20).place(640, 360, 100, 40)
        (530, 300)
        """
        across, down = ANCHORS[self.anchor]
        return (
            put(across, width - box_width, self.x),
            put(down, height - box_height, self.y),
        )

    def text_of(self, frame: VideoFrame) -> str:
        """The text for a frame, with its fields filled in; nothing for an image."""
        if self.text is None:
            return ""
        if not isinstance(self.text, str):
            return self.text(frame)
        fields = {
            **frame.metadata,
            "pts": NOTHING if frame.pts is None else frame.pts,
            "time": NOTHING if frame.time is None else frame.time,
            "count": self._count,
            "data": self._data,
        }
        return self.text.format_map(fields)

    def _layer(self, text: str, look: Look) -> Layer:
        key = (text, look)
        layer = self._layers.get(key)
        if layer is None:
            colour, opacity = self._picture if self.image is not None else self._draw(text)
            layer = make_layer(colour * self.opacity, opacity * self.opacity, look)
            if len(self._layers) >= MAX_LAYERS:
                self._layers.popitem(last=False)
            self._layers[key] = layer
        else:
            self._layers.move_to_end(key)
        return layer

    def _draw(self, text: str) -> Drawn:
        margins = (self.size // 4, self.size // 2) if self._padded else (0, 0)
        mask = self._typesetter.set(text, *margins)
        ink = mask * np.float32(self._ink[3] / 255**2)
        box = (1 - ink) * np.float32(self._box[3] / 255)
        colours = np.array([self._ink[:3], self._box[:3]], np.float32)
        return np.stack([ink, box], -1) @ colours, ink + box


class _Nothing:
    """What a field reads that has no value yet, whatever it is asked for."""

    def __getitem__(self, key: object) -> _Nothing:
        return self

    def __getattr__(self, name: str) -> _Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __format__(self, spec: str) -> str:
        return "--"


NOTHING: Final = _Nothing()


def put(halves: int, room: int, offset: int | None) -> int:
    """Where a stretch begins that is anchored to the start, the middle or the end."""
    if halves == 1:
        return room // 2 + (offset or 0)
    inwards = MARGIN if offset is None else offset
    return inwards if halves == 0 else room - inwards


def check_text(text: str) -> None:
    """Refuse what is no format string.

    Raises:
        ValueError: it quotes the text.
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(text)]
    except ValueError as error:
        raise ValueError(f"text {text!r} is no format string: {error}") from None
    if any(field is not None and (not field or field[0].isdigit()) for field in fields):
        raise ValueError(f"fields of a text must have names, such as {{count}}, not {text!r}")


def parse_color(name: str, color: str) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha, 0 to 255.

    Raises:
        ValueError: it is no colour.
    """
    from PIL import ImageColor

    try:
        parsed = ImageColor.getrgb(color)
    except ValueError:
        raise ValueError(
            f"{name} must be a name such as 'red', '#rrggbb' or '#rrggbbaa', not {color!r}"
        ) from None
    return (*parsed[:3], parsed[3] if len(parsed) == 4 else 255)


def load_picture(image: Image) -> Drawn:
    """An image as `make_layer` takes it: colour times opacity, and opacity.

    Raises:
        MediaError: the file cannot be read.
        ValueError: the array is no picture.
    """
    from PIL import Image as Files

    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] not in (3, 4) or image.dtype != np.uint8:
            raise ValueError(
                f"image must be uint8 (height, width, 3 or 4), not {image.dtype} {image.shape}"
            )
        pixels = image
    else:
        try:
            with Files.open(image) as opened:
                pixels = np.asarray(opened.convert("RGBA"))
        except OSError as error:
            reason = error.strerror or "it is no image that can be read"
            raise MediaError(os.fspath(image), reason) from error
    colour = pixels[..., :3].astype(np.float32)
    if pixels.shape[2] == 3:
        return colour, np.ones(pixels.shape[:2], np.float32)
    opacity = pixels[..., 3].astype(np.float32) / 255
    return colour * opacity[..., None], opacity
