from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
from av.error import FFmpegError, InvalidDataError

from streamflow import MediaError
from streamflow.nodes.media.diagnose import (
    Place,
    in_words,
    is_url,
    place_of,
    unreadable,
    unwritable,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("rtmp://host/key", True),
        ("srt://:9000", True),
        ("a.mp4", False),
        ("C:\\clips\\a.mp4", False),
        ("take:2.mp4", False),
        ("/a//b.mp4", False),
    ],
)
def test_an_address_is_told_from_a_file(path: str, expected: bool) -> None:
    assert is_url(path) is expected


@pytest.mark.parametrize("path", ["nowhere", "a" * 5_000, "a\0b"])
def test_what_can_be_no_path_is_nothing(path: str) -> None:
    assert place_of(path) is Place.NOTHING


def test_what_stands_at_a_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert place_of(str(tmp_path)) is Place.DIRECTORY
    assert place_of(str(tmp_path / "file")) is Place.FILE
    assert place_of(os.devnull) is Place.SPECIAL


def box(kind: bytes, payload: bytes = b"", *, long: bool = False) -> bytes:
    if long:
        return struct.pack(">I4sQ", 1, kind, 16 + len(payload)) + payload
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


@pytest.mark.parametrize(
    ("data", "lacks_index"),
    [
        (box(b"ftyp", b"isom") + box(b"mdat", b"x" * 100), True),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x" * 100, long=True), True),
        (box(b"ftyp", b"isom") + box(b"mdat")[:4] + b"mdat" + b"x" * 20, True),
        (box(b"ftyp", b"isom") + struct.pack(">I4s", 0, b"mdat") + b"x" * 20, True),
        (box(b"ftyp", b"isom") + box(b"moov", b"x" * 20), False),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x" * 100) + box(b"moov"), False),
        (b"RIFF" + b"x" * 100, False),
        (b"short", False),
    ],
)
def test_a_missing_index_is_told_from_other_damage(
    tmp_path: Path, data: bytes, lacks_index: bool
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)

    error = unreadable(str(path), InvalidDataError(1, "Invalid data"))

    assert ("its index (moov) is missing" in error.reason) is lacks_index


def test_an_address_without_media_is_not_looked_for_on_the_disk() -> None:
    error = unreadable("tcp://host", InvalidDataError(1, "Invalid data"))

    assert error.reason == "it is not a media file, or damaged from its first bytes on"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (28, "the disk is full"),
        (30, "its file system is read-only"),
        (122, "the disk quota is used up"),
        (5, "input/output error"),
    ],
)
def test_the_systems_refusals_are_put_in_words(number: int, words: str) -> None:
    error: Any = OSError(number, "Input/output error")

    assert unwritable("a.mp4", error).reason == words


def test_an_error_that_is_a_sentence_already_is_passed_on() -> None:
    error = MediaError("a.mp4", "it holds no video")

    assert unwritable("a.mp4", error) is error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FFmpegError(1, "Broken"), "broken"),
        (ValueError("Wrong"), "wrong"),
        (ValueError(), "valueError"),
    ],
)
def test_any_error_has_words(error: Exception, words: str) -> None:
    assert in_words(error) == words
