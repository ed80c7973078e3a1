from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from streamflow import AudioFrame, MediaError, VideoFrame
from streamflow.nodes import MediaSink, MediaSource
from streamflow.nodes.media import muxer
from streamflow.testing import NodeRunner
from tests.support.clips import (
    NTSC,
    audio_frames,
    make_clip,
    number_of,
    read_times,
    tone,
    video_frames,
)
from tests.support.media import Items, left_over, on, read, tagged, times, write

MILLI = Fraction(1, 1_000)
FRAME = 1 / 25


def pictures(
    count: int = 20, step: int = 40, start: int = 0, size: tuple[int, int] = (64, 48)
) -> Items:
    pts = [start + number * step for number in range(count)]
    return tagged("video", video_frames(pts, MILLI, size))


def sounds(count: int = 40, start: int = 0, **params: Any) -> Items:
    return tagged("audio", audio_frames([start + n * 1_024 for n in range(count)], **params))


def interleaved(*streams: Items) -> Items:
    return sorted((item for stream in streams for item in stream), key=lambda item: item[1].time)


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams]


def loudness(items: Items, begin: float, end: float) -> float:
    """Root mean square of the sound between two times, by the pts of its frames."""
    kept: list[Any] = []
    frame: AudioFrame
    for frame in on(items, "audio"):
        when = np.arange(frame.samples_per_channel) / frame.rate + float(frame.time or 0)
        kept.append(frame.to_ndarray("flt")[0][(when >= begin) & (when < end)])
    wave = np.concatenate(kept)
    return float(np.sqrt(np.mean(wave**2)))


def heard(items: Items) -> float:
    """When the first sound is heard: encoders put a little silence before it."""
    for frame in on(items, "audio"):
        loud = np.flatnonzero(np.abs(frame.to_ndarray("flt")[0]) > 0.1)
        if loud.size:
            return float(frame.time + loud[0] / frame.rate)
    raise AssertionError("all is silent")


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


def test_frames_without_a_pts_are_numbered_by_the_rate(tmp_path: Path) -> None:
    frames = [frame.replace(pts=None, time_base=None) for _, frame in pictures()]

    path = write(tmp_path / "a.mp4", tagged("video", frames), rate=NTSC)

    assert read_times(path)["video"] == [n / NTSC for n in range(20)]


def test_frames_without_a_pts_or_a_rate_come_25_times_a_second(tmp_path: Path) -> None:
    frames = [frame.replace(pts=None, time_base=None) for _, frame in pictures()]

    path = write(tmp_path / "a.mp4", tagged("video", frames))

    assert read_times(path)["video"] == [Fraction(n, 25) for n in range(20)]


def test_sound_without_a_pts_is_numbered_by_its_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tagged("audio", audio_frames([None] * 10)))

    assert sum(f.samples_per_channel for f in on(read(path), "audio")) == 10_240


def test_a_single_picture_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(1))

    assert read_times(path)["video"] == [0]


def test_a_hole_in_the_sound_becomes_silence(tmp_path: Path) -> None:
    items = [*sounds(40), *sounds(40, start=48_000 * 2)]

    path = write(tmp_path / "a.mkv", items)

    made = read(path)
    assert loudness(made, 0.9, 1.9) < 0.02
    assert loudness(made, 2.1, 2.7) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_sound_in_another_layout_rate_and_format_goes_on_in_the_first(tmp_path: Path) -> None:
    low = audio_frames([22_050 + n * 1_024 for n in range(20)], rate=22_050, layout="mono")
    packed = [
        AudioFrame(
            np.ascontiguousarray((tone(96_000 + n * 1_024, 1_024) * 32_767).astype(np.int16).T),
            "s16",
            layout="stereo",
            pts=96_000 + n * 1_024,
        )
        for n in range(40)
    ]
    items = [*sounds(46), *tagged("audio", low), *tagged("audio", packed)]

    path = write(tmp_path / "a.mp4", items)

    made = read(path)
    assert {(f.rate, f.layout) for f in on(made, "audio")} == {(48_000, "stereo")}
    for begin, end in ((0.1, 0.9), (2.1, 2.7)):
        assert loudness(made, begin, end) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert loudness(made, 1.1, 1.8) > 0.2


def test_six_channels_become_two_where_the_codec_has_no_more(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", sounds(layout="5.1"))

    assert {frame.layout for frame in on(read(path), "audio")} == {"stereo"}


def test_settings_reach_the_encoders(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def noise(number: int) -> VideoFrame:
        pixels = rng.integers(0, 256, (72, 64), np.uint8)
        return VideoFrame.from_ndarray(pixels, format="yuv420p", pts=number, time_base=MILLI * 40)

    frames = [noise(number) for number in range(20)]

    sizes = [
        write(tmp_path / f"{crf}.mp4", tagged("video", frames), crf=crf, preset="ultrafast")
        .stat()
        .st_size
        for crf in (10, 40)
    ]
    low, high = (
        write(tmp_path / f"{rate}.mp3", sounds(), audio_bitrate=rate).stat().st_size
        for rate in (32_000, 256_000)
    )

    assert sizes[0] > 2 * sizes[1]
    assert high > 3 * low


def test_muxer_options_reach_the_muxer_and_encoder_options_the_encoder(tmp_path: Path) -> None:
    options = {"movflags": "faststart", "tune": "zerolatency"}

    data = write(tmp_path / "a.mp4", pictures(), options=options).read_bytes()

    assert data.index(b"moov") < data.index(b"mdat")
    assert b"bframes=0" in data


def test_a_file_that_was_there_is_replaced_when_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")

    with NodeRunner(MediaSink(path), connected=["video"]) as runner:
        assert path.read_text() == "old"
        runner.run(pictures())

    assert len(read_times(path)["video"]) == 20


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target.mp4", tmp_path / "link.mp4"
    target.touch()
    link.symlink_to(target)

    write(link, pictures())

    assert link.is_symlink()
    assert len(read_times(target)["video"]) == 20


def test_a_long_name_does_not_make_the_hidden_name_too_long(tmp_path: Path) -> None:
    path = write(tmp_path / f"{'a' * 250}.mp4", pictures())

    assert len(read_times(path)["video"]) == 20


def test_the_hidden_file_is_removed_when_the_run_stops_early(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")

    with NodeRunner(MediaSink(path), connected=["video"]) as runner:
        for item in pictures():
            runner.node.process(item[1], item[0])
        assert len(left_over(tmp_path, "a.mp4")) == 1

    assert left_over(tmp_path, "a.mp4") == []
    assert path.read_text() == "old"


def test_no_frame_at_all_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no frame arrived, so there is nothing to write"):
        write(tmp_path / "a.mp4", [], connected=["video"])

    assert left_over(tmp_path) == []


def test_flush_without_initialize_is_refused() -> None:
    with pytest.raises(MediaError, match="it is not open"):
        MediaSink("a.mp4").flush()


def test_a_sink_that_knows_no_ports_takes_what_the_container_holds(tmp_path: Path) -> None:
    with NodeRunner(MediaSink(tmp_path / "a.wav")) as runner:
        runner.run(sounds())

        assert len(read_times(tmp_path / "a.wav")["audio"]) > 0

    with (
        pytest.raises(MediaError, match="it holds no video"),
        NodeRunner(MediaSink(tmp_path / "b.wav")) as runner,
    ):
        runner.run(pictures())


def test_a_value_that_is_no_frame_fails_alone(tmp_path: Path) -> None:
    with NodeRunner(MediaSink(tmp_path / "a.mp4"), connected=["video"]) as runner:
        with pytest.raises(TypeError, match="port 'video' takes a VideoFrame, not str"):
            runner.node.process("text", "video")
        runner.run(pictures())

    assert len(read_times(tmp_path / "a.mp4")["video"]) == 20


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    write(Path(os.devnull), pictures(), format="matroska")

    assert Path(os.devnull).is_char_device()


def test_a_format_of_many_files_is_written_directly(tmp_path: Path) -> None:
    write(tmp_path / "list.m3u8", pictures())

    assert len(on(read(tmp_path / "list.m3u8"))) == 20


def test_an_address_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    with NodeRunner(MediaSink(f"file://{path}"), connected=["video"]) as runner:
        runner.run(pictures())

    assert len(read_times(path)["video"]) == 20


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"bitrate": 0}, "bitrate must be 1 bit per second or more, not 0"),
        ({"audio_bitrate": -5}, "audio_bitrate must be 1 bit per second or more, not -5"),
        ({"crf": -1}, "crf must be 0 or more, not -1"),
        ({"rate": 0}, "rate must be more than 0, not 0"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_range(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MediaSink("a.mp4", **params)


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("a.mp5", {}, "the ending '.mp5' stands for no container; give one like .mp4"),
        ("a", {}, "a name without an ending stands for no container"),
        ("a.mp4", {"format": "papyrus"}, "there is no container format 'papyrus'"),
        ("a.mp4", {"codec": "quantum"}, "there is no encoder 'quantum'"),
        ("a.mp4", {"codec": "aac"}, "'aac' encodes audio, not video"),
        ("a.mp4", {"codec": "libvpx"}, "mp4 holds no video encoded by libvpx"),
        ("a.wav", {}, "wav holds no video"),
        ("none/a.mp4", {}, "its directory does not exist"),
        ("file/a.mp4", {}, "its directory is a file"),
        ("folder.mp4", {}, "it is a directory, not a file to write"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_sentence_before_the_first_frame(
    tmp_path: Path, name: str, params: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()

    with (
        pytest.raises(MediaError) as error,
        NodeRunner(MediaSink(tmp_path / name, **params), connected=["video"]),
    ):
        pass

    assert str(error.value).startswith(f"{tmp_path / name}: {sentence}")
    assert "\n" not in str(error.value)
    assert left_over(tmp_path, "file", "folder.mp4") == []


def test_an_unknown_protocol_is_named() -> None:
    with (
        pytest.raises(MediaError, match="no protocol 'carrier' is known"),
        NodeRunner(MediaSink("carrier://pigeon.mp4"), connected=["video"]) as runner,
    ):
        runner.run(pictures())


def test_an_unwritable_directory_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may write everywhere

    with (
        pytest.raises(MediaError, match="its directory may not be written to: permission denied"),
        NodeRunner(MediaSink(tmp_path / "a.mp4"), connected=["video"]),
    ):
        pass


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"codec": "mpeg4", "crf": 20}, "the encoder mpeg4 has no crf"),
        ({"preset": "tortoise"}, "libx264 refuses 64x48 yuv420p with preset=tortoise"),
        ({"preset": "x", "bitrate": 9}, "libx264 refuses .* with preset=x, bitrate=9"),
    ],
)
def test_what_an_encoder_refuses_is_said_in_one_sentence(
    tmp_path: Path, params: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(MediaError, match=sentence) as error:
        write(tmp_path / "a.mp4", pictures(), **params)

    assert "\n" not in str(error.value)
    assert left_over(tmp_path) == []


def test_after_a_failure_every_call_says_the_same(tmp_path: Path) -> None:
    items = pictures(2)

    with NodeRunner(MediaSink(tmp_path / "a.mp4", preset="x"), connected=["video"]) as runner:
        errors: list[str] = []
        runner.node.process(items[0][1], "video")
        for _ in range(2):
            with pytest.raises(MediaError) as error:
                runner.node.process(items[1][1], "video")
            errors.append(str(error.value))
        with pytest.raises(MediaError) as error:
            runner.node.flush()

    assert {*errors, str(error.value)} == {errors[0]}


LIMITED = """
    import resource, signal, sys
    import numpy as np
    from fractions import Fraction
    from streamflow import MediaError, VideoFrame
    from streamflow.nodes import MediaSink
    from streamflow.testing import NodeRunner

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    noise = np.random.default_rng(1)
    frames = [
        VideoFrame.from_ndarray(
            noise.integers(0, 256, (216, 192), np.uint8),
            format="yuv420p", pts=n, time_base=Fraction(1, 25),
        )
        for n in range(40)
    ]
    try:
        with NodeRunner(MediaSink(sys.argv[1], **eval(sys.argv[2])), connected=["video"]) as runner:
            runner.run([("video", frame) for frame in frames])
    except MediaError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
@pytest.mark.parametrize("params", [{"crf": 1}, {"codec": "ffv1", "format": "matroska"}])
def test_a_full_disk_is_said_in_one_sentence_and_no_file_is_left(
    tmp_path: Path, params: dict[str, Any]
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(LIMITED),
            str(tmp_path / "a.mp4"),
            repr(params),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    expected = f"{tmp_path / 'a.mp4'}: the file would be larger than the system allows\n"
    assert done.stdout == expected
    assert left_over(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_said_in_one_sentence() -> None:
    with pytest.raises(MediaError, match="/dev/full: the disk is full"):
        write(Path("/dev/full"), pictures(), format="matroska")


def test_a_disk_that_fills_up_at_the_very_end_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(MediaError, match="the disk is full"):
        write(path, pictures())

    assert path.read_text() == "old"
    assert left_over(tmp_path, "a.mp4") == []


def test_a_round_trip_keeps_number_times_and_sync(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "in.mkv", codec="libx264", b_frames=2, rate=NTSC, pictures=40, sound_start=0.12
    )
    before = read(clip)

    after = read(write(tmp_path / "out.mp4", before))

    assert len(on(after)) == len(on(before)) == 40
    begin = times(before)[0]
    assert times(after) == pytest.approx([time - begin for time in times(before)], abs=0.001)
    assert heard(after) - times(after)[0] == pytest.approx(heard(before) - begin, abs=1 / 60)


def test_a_looped_round_trip_has_no_hole(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", seconds=0.8, sound_codec="flac", sound_format="s16")

    path = write(tmp_path / "out.mkv", read(clip, loop=3), audio_codec="flac")

    made = read(path)
    assert times(made) == pytest.approx([n / 25 for n in range(60)], abs=0.002)
    assert sum(f.samples_per_channel for f in on(made, "audio")) == pytest.approx(115_200, abs=200)


def test_a_sink_can_run_again(tmp_path: Path) -> None:
    node = MediaSink(tmp_path / "a.mp4")

    for count in (5, 20):
        with NodeRunner(node, connected=["video"]) as runner:
            runner.run(pictures(count))

        assert len(read_times(tmp_path / "a.mp4")["video"]) == count


def test_nothing_is_created_before_initialize(tmp_path: Path) -> None:
    made = MediaSink(tmp_path / "a.mp4")

    made.cleanup()

    assert left_over(tmp_path) == []


def test_source_and_sink_need_a_thread_of_their_own() -> None:
    assert MediaSink.blocking
    assert MediaSource.blocking
    assert MediaSink("a.mp4").outputs == {}
