"""The demo: what it writes can be seen and heard, in step, whatever it was given."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from streamflow.cli import demo
from streamflow.cli.demo import MAX_LEVELS, MAX_WAITING, Caption
from streamflow.frames import VideoFrame
from streamflow.nodes.video.counter import read_counter
from streamflow.packet import Packet
from streamflow.testing import NodeRunner
from tests.cli.conftest import Invoke
from tests.support.clips import make_clip, read_times

CLIPS = Path(__file__).parents[3] / "shared" / "media"
OUT = Path("streamflow-demo")
BLACK = VideoFrame.from_ndarray(np.zeros((48, 64), np.uint8), format="gray8")


def picture(time: float) -> tuple[str, Any]:
    """A picture at a time, for the port ``in``."""
    return "in", BLACK.replace(pts=round(time * 100), time_base=Fraction(1, 100))


def level(time: float, rms: float, duration: float = 0.1) -> tuple[str, Any]:
    """A level that holds from a time on, for the port ``level``."""
    value = {"rms": rms, "duration": duration}
    return "level", Packet(value, round(time * 100), Fraction(1, 100))


def captions(*items: tuple[str, Any]) -> list[tuple[float, str]]:
    """Times and levels of the pictures that a `Caption` emits."""
    with NodeRunner(Caption()) as runner:
        runner.run(items)
        return [(frame.time, frame.metadata["level"]) for frame in runner.outputs()]


def onsets(path: Path) -> list[float]:
    """Times at which the sound of a file begins after a silence, in seconds."""
    found: list[float] = []
    loud = False
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray()).max(axis=0)
            if not loud and samples.max() > 0.1:
                found.append(float(frame.time or 0) + int(np.argmax(samples > 0.1)) / 48_000)
            loud = bool(samples.max() > 0.1)
    return found


def counters(path: Path) -> Iterator[tuple[int, float]]:
    """Numbers burned into the pictures of a file, with the times of these."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            number = read_counter(VideoFrame.from_av(frame))
            if number is not None:
                yield number, float(frame.time or 0)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(path) as image:
        return image.size


def test_a_picture_gets_the_level_of_its_own_time() -> None:
    seen = captions(level(0, -10), level(0.1, -20), picture(0), picture(0.09), picture(0.1))

    assert seen == [(0, "-10.0 dBFS"), (0.09, "-10.0 dBFS"), (0.1, "-20.0 dBFS")]


def test_a_picture_waits_for_its_level() -> None:
    seen = captions(picture(0), picture(0.1), level(0, -10), picture(0.2), level(0.1, -20))

    assert seen == [(0, "-10.0 dBFS"), (0.1, "-20.0 dBFS"), (0.2, "no sound")]


def test_a_picture_before_the_sound_or_in_a_hole_of_it_has_none() -> None:
    seen = captions(picture(0), picture(0.3), level(0.2, -10), level(0.5, -20), picture(0.4))

    assert seen == [(0, "no sound"), (0.3, "no sound"), (0.4, "no sound")]


def test_pictures_wait_for_a_late_sound_only_so_long() -> None:
    with NodeRunner(Caption()) as runner:
        runner.run([picture(number / 10) for number in range(MAX_WAITING + 2)], limit=2)

        assert len(runner.outputs()) == 2


def test_levels_wait_for_late_pictures_only_so_long() -> None:
    levels = [level(number / 10, -10) for number in range(MAX_LEVELS + 2)]

    seen = captions(*levels, picture(0), picture(0.2))

    assert seen == [(0, "no sound"), (0.2, "-10.0 dBFS")]


def test_without_an_input_it_shows_test_signals_in_step(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "SECONDS", 2.0)

    done = invoke("demo")

    assert done.exit_code == 0, done.output
    times = dict(counters(OUT / "demo.mp4"))
    begin, second = onsets(OUT / "demo.mp4")
    assert len(read_times(OUT / "demo.mp4")["video"]) == 60
    assert abs(begin - times[0]) < 1 / 30
    assert abs(second - times[30]) < 1 / 30
    assert size_of(OUT / "snapshot.png") == (640, 360)
    assert size_of(OUT / "waveform.png") == (800, 200)


def test_it_says_what_each_node_and_edge_did_and_what_was_written(
    invoke: Invoke, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", pictures=10)

    done = invoke("demo", clip, "--out", "here")

    words = " ".join(done.stdout.split())
    assert done.exit_code == 0, done.output
    assert "demo completed in" in words
    assert "scale 10 10 0 0" in words
    assert "overlay.out -> snapshot.in 10 0 0 0" in words
    written = [line.split(" (")[0] for line in done.stdout.splitlines()[-3:]]
    assert written == [
        f"wrote {Path('here', name)}" for name in ("demo.mp4", "snapshot.png", "waveform.png")
    ]
    assert sorted(path.name for path in Path("here").iterdir()) == [
        "demo.mp4",
        "snapshot.png",
        "waveform.png",
    ]


def test_a_clip_without_sound_is_shown(invoke: Invoke, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", pictures=10, sounds=())

    done = invoke("demo", clip)

    assert done.exit_code == 0, done.output
    assert [*read_times(OUT / "demo.mp4")] == ["video"]
    assert len(read_times(OUT / "demo.mp4")["video"]) == 10
    assert not (OUT / "waveform.png").exists()


def test_a_clip_without_pictures_is_heard(invoke: Invoke, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.m4a", pictures=0, seconds=0.5)

    done = invoke("demo", clip)

    assert done.exit_code == 0, done.output
    assert [*read_times(OUT / "demo.mp4")] == ["audio"]
    assert not (OUT / "snapshot.png").exists()


def test_a_clip_that_does_not_begin_at_zero_stays_in_step(invoke: Invoke, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", pictures=20, sound_start=0.4)

    done = invoke("demo", clip)

    before, after = read_times(clip), read_times(OUT / "demo.mp4")
    assert done.exit_code == 0, done.output
    assert len(after["video"]) == 20
    shift = before["audio"][0] - before["video"][0]
    assert abs(after["audio"][0] - after["video"][0] - shift) < Fraction(1, 25)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.mp4", None, "none.mp4: there is no such file (node 'media_source')"),
        ("empty.mp4", b"", "empty.mp4: the file is empty (node 'media_source')"),
        ("notes.mp4", b"not a film\n" * 100, "notes.mp4: it is not a media file"),
        ("subtitles.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHi\n", "no video or audio stream"),
    ],
)
def test_what_is_no_film_is_refused_and_nothing_is_left(
    name: str, content: bytes | None, words: str, invoke: Invoke
) -> None:
    if content is not None:
        Path(name).write_bytes(content)

    done = invoke("demo", name)

    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not OUT.exists()


def test_a_folder_that_was_there_stays_after_a_failure(invoke: Invoke) -> None:
    OUT.mkdir()

    done = invoke("demo", "none.mp4")

    assert done.exit_code == 1
    assert list(OUT.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_named(invoke: Invoke) -> None:
    Path("taken").touch()

    done = invoke("demo", "--out", "taken")

    assert done.exit_code == 1
    assert done.stderr == "Error: taken: it is a file, not a directory to write to\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pictures", "sound"), [("bigbuckbunny.mp4", 132, True), ("bikes.mp4", 250, False)]
)
def test_a_real_clip_keeps_every_picture_and_its_sound_in_step(
    name: str, pictures: int, sound: bool, invoke: Invoke
) -> None:
    if not (CLIPS / name).exists():
        pytest.skip(f"needs {name}")

    done = invoke("demo", CLIPS / name)

    before, after = read_times(CLIPS / name), read_times(OUT / "demo.mp4")
    assert done.exit_code == 0, done.output
    assert len(after["video"]) == pictures
    assert ("audio" in after) == sound
    for kind, times in after.items():
        assert abs(len(times) - len(before[kind])) <= 1
        for one, other in zip(before[kind], times, strict=False):
            assert abs(one - other) < Fraction(1, 100)
