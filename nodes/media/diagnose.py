"""Diagnosis: every way in which libav or the system refuses a file becomes one sentence.

libav's own words ("Invalid data found when processing input") do not tell an
empty file from one without an index, so the file itself is looked at again.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from av.error import FFmpegError, InvalidDataError, ProtocolNotFoundError

from streamflow.errors import MediaError

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
"""What a network address begins with. One letter and a colon is a Windows drive."""

MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp")

READING = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "it may not be read: permission denied",
}
WRITING = {
    errno.ENOENT: "its directory does not exist",
    errno.ENOTDIR: "its directory is a file",
    errno.EACCES: "its directory may not be written to: permission denied",
    errno.EPERM: "its directory may not be written to: permission denied",
    errno.EROFS: "its file system is read-only",
    errno.EISDIR: "it is a directory, not a file to write",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
}


def is_url(path: str) -> bool:
    """Whether a name is an address, such as ``rtmp://host/key``, and no file.

    >>> is_url("rtmp://host/key"), is_url("a.mp4"), is_url("12:30.mp4")
    (True, False, False)
    """
    return URL.match(path) is not None


class Place(Enum):
    """What stands at a path."""

    NOTHING = "nothing"
    FILE = "file"
    DIRECTORY = "directory"
    SPECIAL = "a device, a pipe or a socket, which no file may replace"


def place_of(path: str) -> Place:
    """What stands at a path; nothing, too, for what can be no path at all."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return Place.NOTHING
    if stat.S_ISDIR(mode):
        return Place.DIRECTORY
    return Place.FILE if stat.S_ISREG(mode) else Place.SPECIAL


def unreadable(path: str, error: Exception) -> MediaError:
    """Why a file or stream could not be opened or read."""
    place = place_of(path)
    if isinstance(error, ProtocolNotFoundError):
        reason = f"no protocol {path.partition(':')[0]!r} is known"
    elif place is Place.DIRECTORY:
        reason = "it is a directory, not a media file"
    elif isinstance(error, OSError | FFmpegError) and error.errno in READING:
        reason = READING[error.errno]
    elif place is Place.FILE and Path(path).stat().st_size == 0:
        reason = "the file is empty"
    elif isinstance(error, InvalidDataError):
        reason = _not_media(path)
    else:
        reason = in_words(error)
    return MediaError(path, reason)


def unwritable(path: str, error: Exception) -> MediaError:
    """Why a file or stream could not be created or written."""
    if isinstance(error, MediaError):
        return error
    if isinstance(error, ProtocolNotFoundError):
        return MediaError(path, f"no protocol {path.partition(':')[0]!r} is known")
    number = error.errno if isinstance(error, OSError | FFmpegError) else None
    return MediaError(path, WRITING.get(number or 0) or in_words(error))


def in_words(error: Exception) -> str:
    """What an error says of itself, without codes and file names."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words)[:1].lower() + str(words)[1:]


def _not_media(path: str) -> str:
    if place_of(path) is Place.FILE:
        with Path(path).open("rb") as file:
            if _lacks_index(file):
                return "the file is damaged or cut short: its index (moov) is missing"
    return "it is not a media file, or damaged from its first bytes on"


def _lacks_index(file: BinaryIO) -> bool:
    """Whether a file is a mov or mp4 whose top-level boxes hold no ``moov``."""
    kinds: list[bytes] = []
    while len(header := file.read(16)) >= 8:
        size, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if kind not in MOV_BOXES:
            break
        kinds.append(kind)
        if size == 1:  # a 64-bit size follows
            size = int.from_bytes(header[8:], "big")
        if size < 8:
            break
        file.seek(size - len(header), os.SEEK_CUR)
    return bool(kinds) and b"moov" not in kinds
