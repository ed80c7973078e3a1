"""Picture files: written by Pillow, and seen under their name only when they are whole."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from streamflow.errors import MediaError

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""Pillow's names of what a file name's ending stands for."""


def image_format(path: str | os.PathLike[str]) -> str:
    """``PNG`` or ``JPEG``, from the name.

    Raises:
        ValueError: the name ends in something else.

    >>> image_format("out/frame.JPG")
    'JPEG'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"path must end in {', '.join(FORMATS)}, not {os.fspath(path)!r}")
    return FORMATS[suffix]


def save_image(image: Image.Image, path: str | os.PathLike[str], format: str) -> None:
    """Write a picture beside its place, then move it there.

    Raises:
        MediaError: it cannot be written; nothing is left behind.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        with partial.open("xb") as file:
            image.save(file, format, quality=92, compress_level=3)
        partial.replace(target)
    except OSError as error:
        raise MediaError(os.fspath(path), error.strerror or str(error)) from error
    finally:
        # Gone already if it has been moved.
        with suppress(OSError):
            partial.unlink()
