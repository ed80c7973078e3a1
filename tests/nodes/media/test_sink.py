from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from streamflow import MediaError
from streamflow.nodes import MediaSink
from streamflow.nodes.media import muxer
from streamflow.testing import NodeRunner
from tests.support.clips import (
    NTSC,
    make_clip,
    number_of,
    read_times,
    video_frames,
)
from tests.support.media import (
    MILLI,
    codecs,
    heard,
    interleaved,
    left_over,
    loudness,
    on,
    pictures,
    read,
    sounds,
    tagged,
    times,
    write,
)

FRAME = 1 / 25


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("mp4", ["h264", "aac"]),
        ("mov", ["h264", "aac"]),
        ("mkv", ["h264", "aac"]),
        ("webm", ["libvpx-vp9", "opus"]),
        ("ts", ["h264", "aac"]),
        ("flv", ["h264", "aac"]),
    ],
)
def test_the_container_follows_from_the_name_and_the_codecs_from_it(
    tmp_path: Path, ending: str, expected: list[str]
) -> None:
    path = write(tmp_path / f"a.{ending}", interleaved(pictures(), sounds()))

    items = read(path)
    assert sorted(name.replace("libvpx-", "") for name in codecs(path)) == sorted(
        name.replace("libvpx-", "") for name in expected
    )
    assert len(on(items)) == 20
    assert [number_of(frame, n) for n, frame in enumerate(on(items))] == list(range(20))
    assert abs(times(items)[0] - times(items, "audio")[0]) < FRAME
    assert left_over(tmp_path, path.name) == []


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("mp3", "mp3float"),
        ("flac", "flac"),
        ("m4a", "aac"),
        ("ogg", "opus"),
        ("mka", "aac"),
    ],
)
@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_sound_alone_can_be_written(tmp_path: Path, ending: str, codec: str, rate: int) -> None:
    path = write(tmp_path / f"a.{ending}", sounds(rate=rate))

    items = read(path)
    length = 40 * 1_024 / rate
    assert [name.removeprefix("lib") for name in codecs(path)] == [codec]
    assert sum(f.duration for f in on(items, "audio")) == pytest.approx(length, abs=0.06)
    # LAME leaves 5 % of headroom.
    assert loudness(items, 0.1, 0.8) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize("ending", ["gif", "apng"])
def test_pictures_alone_can_be_written(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.{ending}", pictures())

    assert len(read_times(path)["video"]) == 20


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_what_goes_in_at_its_time_comes_out_at_its_time(tmp_path: Path, ending: str) -> None:
    pts = [0, 40, 50, 170, 180, 300, 1_000, 1_033]
    items = tagged("video", video_frames(pts, MILLI))

    path = write(tmp_path / f"a.{ending}", items)

    assert read_times(path)["video"] == [value * MILLI for value in pts]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libx265"])
def test_ntsc_times_are_exact(tmp_path: Path, codec: str) -> None:
    frames = video_frames([n * 3_003 for n in range(20)], Fraction(1, 90_000))

    path = write(tmp_path / "a.mp4", tagged("video", frames), codec=codec)

    assert read_times(path)["video"] == [n / NTSC for n in range(20)]


def test_the_measured_rate_is_written(tmp_path: Path) -> None:
    frames = video_frames([n * 1_001 for n in range(20)], Fraction(1, 30_000))

    path = write(tmp_path / "a.mkv", tagged("video", frames))

    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == NTSC


@pytest.mark.parametrize("ending", ["avi", "mpg"])
def test_containers_that_count_pictures_get_a_steady_rate(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.{ending}", pictures())

    assert np.diff([float(t) for t in read_times(path)["video"]]) == pytest.approx([FRAME] * 19)


def test_b_frames_keep_number_and_times(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(), options={"bf": "3"})

    items = read(path)
    assert times(items) == pytest.approx([n * FRAME for n in range(20)])
    assert [number_of(frame, n) for n, frame in enumerate(on(items))] == list(range(20))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("late", ["video", "audio"])
def test_streams_keep_their_distance_and_begin_near_zero(
    tmp_path: Path, ending: str, late: str
) -> None:
    hour = 3_600
    offset = 0.3
    video_start = hour + (offset if late == "video" else 0)
    audio_start = hour + (offset if late == "audio" else 0)
    items = interleaved(
        pictures(start=round(video_start * 1_000)), sounds(start=round(audio_start * 48_000))
    )

    path = write(tmp_path / f"a.{ending}", items)

    made = read(path)
    distance = times(made)[0] - heard(made)
    assert distance == pytest.approx(video_start - audio_start, abs=FRAME)
    assert min(times(made)[0], heard(made)) < 0.2


def test_a_stream_that_begins_much_later_than_the_other_is_waited_for(tmp_path: Path) -> None:
    items = [*pictures(), *sounds()]

    path = write(tmp_path / "a.mp4", items)

    assert len(read_times(path)["audio"]) == pytest.approx(40, abs=2)
    assert len(read_times(path)["video"]) == 20


def test_a_connected_stream_that_brings_nothing_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.mp4", pictures(), connected=["video", "audio"])

    assert codecs(path) == ["h264"]
    assert "has no audio" in caplog.text


def test_a_stream_that_begins_too_late_is_refused_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muxer, "MAX_WAITING", 2_000)
    items = [*sounds(), *pictures()]

    with pytest.raises(MediaError, match="the video begins after 64 MiB of the rest, too late"):
        write(tmp_path / "a.mp4", items)

    assert left_over(tmp_path) == []


@pytest.mark.parametrize(("size", "expected"), [((65, 49), (64, 48)), ((641, 361), (640, 360))])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_an_odd_picture_loses_a_column_and_a_row(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int], codec: str
) -> None:
    frames = list(video_frames([0, 40, 80], MILLI, size))

    path = write(tmp_path / "a.mp4", tagged("video", frames), codec=codec)

    first = on(read(path))[0]
    kept = frames[0].planes[0][: expected[1], : expected[0]]
    assert (first.width, first.height) == expected
    assert np.abs(first.planes[0].astype(int) - kept).max() < 25


@pytest.mark.parametrize(("codec", "ending"), [("mpeg4", "mp4"), ("libvpx-vp9", "webm")])
def test_encoders_that_take_odd_sizes_get_them(tmp_path: Path, codec: str, ending: str) -> None:
    path = write(tmp_path / f"a.{ending}", pictures(size=(65, 49)), codec=codec)

    first = on(read(path))[0]
    assert (first.width, first.height) == (65, 49)


def test_a_picture_of_another_size_is_scaled_to_the_first_and_charged(tmp_path: Path) -> None:
    items = [*pictures(5), *pictures(5, start=200, size=(128, 96))]

    with NodeRunner(MediaSink(tmp_path / "a.mp4"), connected=["video"]) as runner:
        runner.run(items)

    frames = on(read(tmp_path / "a.mp4"))
    assert {(frame.width, frame.height) for frame in frames} == {(64, 48)}
    assert len(frames) == 10
    assert runner.copied[""] >= 5 * 64 * 48 * 3 // 2


@pytest.mark.parametrize("format", ["rgb24", "bgr24", "rgba", "gray8", "nv12"])
def test_every_pixel_format_can_be_written(tmp_path: Path, format: str) -> None:
    items = [(port, frame.reformat(format=format)) for port, frame in pictures()]

    path = write(tmp_path / "a.mp4", items)

    frames = on(read(path))
    assert [number_of(frame, n) for n, frame in enumerate(frames)] == list(range(20))


def test_house_pictures_are_not_copied(tmp_path: Path) -> None:
    with NodeRunner(MediaSink(tmp_path / "a.mp4"), connected=["video"]) as runner:
        runner.run(pictures())

    assert runner.copied == {}


def test_colour_is_marked_as_it_came(tmp_path: Path) -> None:
    items = [("video", f.replace(color_range=2, colorspace=1)) for _, f in pictures()]

    path = write(tmp_path / "a.mp4", items)

    assert {(f.color_range, f.colorspace) for f in on(read(path))} == {(2, 1)}


def test_motion_jpeg_gets_its_full_range(tmp_path: Path) -> None:
    items = [("video", f.replace(color_range=1)) for _, f in pictures()]

    path = write(tmp_path / "a.mov", items, codec="mjpeg")

    assert {f.color_range for f in on(read(path))} == {2}


def test_a_turned_video_stays_turned(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", rotation=90, sounds=())

    path = write(tmp_path / "out.mp4", read(clip))

    assert {frame.metadata["rotation"] for frame in on(read(path))} == {90}
