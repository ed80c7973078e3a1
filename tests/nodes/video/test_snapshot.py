from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from streamflow.errors import MediaError
from streamflow.frames import VideoFrame
from streamflow.nodes import Snapshot
from streamflow.nodes.video.counter import read_counter
from tests.nodes.drive import drive, pictures


def number_in(path: Path) -> int | None:
    """The counter of a picture file."""
    with Image.open(path) as image:
        return read_counter(VideoFrame((np.asarray(image.convert("RGB")),), "rgb24"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["one.png", "one.jpg", "one.JPEG"])
def test_the_first_picture_is_saved_and_all_pass(tmp_path: Path, name: str) -> None:
    frames = pictures(3)

    passed = drive(Snapshot(tmp_path / name), frames)

    assert all(a is b for a, b in zip(passed, frames, strict=True))
    assert names(tmp_path) == [name]
    assert number_in(tmp_path / name) == 0


def test_a_start_picks_the_picture(tmp_path: Path) -> None:
    drive(Snapshot(str(tmp_path / "late.png"), start=0.5), pictures(30, rate=30))

    assert number_in(tmp_path / "late.png") == 15


@pytest.mark.parametrize(
    ("name", "found"), [("a%02d.png", "a{:02d}.png"), ("{index}.png", "{}.png")]
)
def test_pictures_are_numbered(tmp_path: Path, name: str, found: str) -> None:
    drive(Snapshot(tmp_path / name, every=0.1, count=3), pictures(20, rate=30))

    assert names(tmp_path) == [found.format(n) for n in range(3)]
    assert [number_in(tmp_path / found.format(n)) for n in range(3)] == [0, 3, 6]


def test_without_a_number_the_last_picture_stays(tmp_path: Path) -> None:
    drive(Snapshot(tmp_path / "latest.png", every=0.1, count=None), pictures(20, rate=30))

    assert names(tmp_path) == ["latest.png"]
    assert number_in(tmp_path / "latest.png") == 18


def test_a_gap_does_not_make_pictures_catch_up(tmp_path: Path) -> None:
    frame, *_ = pictures(1)
    base = Fraction(1, 10)
    frames = [frame.replace(pts=pts, time_base=base) for pts in (0, 35, 36, 37, 40, 41)]

    drive(Snapshot(tmp_path / "%d.png", every=1.0, count=None), frames)

    assert len(names(tmp_path)) == 3  # at 0, 3.5 and 4.0 seconds


@pytest.mark.parametrize(("format", "mode"), [("gray8", "L"), ("rgba", "RGBA"), ("nv12", "RGB")])
def test_png_files_keep_what_they_can(tmp_path: Path, format: str, mode: str) -> None:
    drive(Snapshot(tmp_path / "a.png"), pictures(1, format=format))
    drive(Snapshot(tmp_path / "a.jpg"), pictures(1, format=format))

    with Image.open(tmp_path / "a.png") as png, Image.open(tmp_path / "a.jpg") as jpeg:
        assert png.mode == mode
        assert jpeg.mode == ("L" if mode == "L" else "RGB")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nowhere/a\.png: No such file or directory"):
        drive(Snapshot(tmp_path / "nowhere" / "a.png"), pictures(1))


def test_a_failed_picture_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)

    with pytest.raises(MediaError, match=r"a\.png: No space left on device"):
        drive(Snapshot(tmp_path / "a.png"), pictures(1))

    assert names(tmp_path) == []


def test_a_directory_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()

    with pytest.raises(MediaError, match=r"a\.png"):
        drive(Snapshot(tmp_path / "a.png"), pictures(1))

    assert names(tmp_path) == ["a.png"]


def test_frames_without_a_time_are_refused_where_time_counts(tmp_path: Path) -> None:
    frame = pictures(1)[0].replace(pts=None)

    drive(Snapshot(tmp_path / "a.png"), [frame])

    with pytest.raises(ValueError, match="Snapshot needs frames with a pts"):
        drive(Snapshot(tmp_path / "a.png", every=1), [frame])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"path": "a.gif"}, r"path must end in \.png, \.jpg, \.jpeg, not 'a\.gif'"),
        ({"path": "a.png", "every": 0}, "every must be more than 0 seconds, not 0"),
        ({"path": "a.png", "count": 0}, "count must be 1 or more, not 0"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Snapshot(**params)
