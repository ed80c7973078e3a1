from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from streamflow.nodes import MediaSource
from streamflow.testing import NodeRunner
from tests.support.clips import NTSC, make_clip, number_of, read_times
from tests.support.media import on, read


def test_every_frame_of_a_clip_comes_once_with_the_containers_pts(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    items = read(clip)

    for port, expected in read_times(clip).items():
        assert [frame.pts * frame.time_base for frame in on(items, port)] == expected
    assert {frame.format for frame in on(items)} == {"yuv420p"}
    assert all(number_of(frame, n) == n for n, frame in enumerate(on(items)))


@pytest.mark.parametrize(
    ("rate", "time_base"), [(NTSC, None), (Fraction(30), None), (NTSC, Fraction(1, 90_000))]
)
def test_time_bases_are_exact(tmp_path: Path, rate: Fraction, time_base: Any) -> None:
    step = 1 if time_base is None else 3_003
    clip = make_clip(
        tmp_path / "a.mp4",
        codec="libx264",
        rate=rate,
        time_base=time_base,
        pts=[n * step for n in range(20)],
        sounds=(),
    )

    frames = on(read(clip))

    assert [f.pts * f.time_base for f in frames] == [n / rate for n in range(20)]


def test_pictures_with_b_frames_come_in_order_of_their_pts(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", codec="libx264", b_frames=3, sounds=())

    frames = on(read(clip))

    assert [number_of(frame, n) for n, frame in enumerate(frames)] == list(range(20))


def test_a_variable_rate_is_kept(tmp_path: Path) -> None:
    pts = [0, 40, 50, 170, 180, 300, 1_000, 1_033]
    clip = make_clip(
        tmp_path / "a.mkv", pictures=8, pts=pts, time_base=Fraction(1, 1_000), sounds=()
    )

    assert [frame.pts for frame in on(read(clip))] == pts


def test_streams_that_nobody_asks_for_are_not_decoded(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    source = MediaSource(clip)

    with NodeRunner(source, connected=["audio"]) as runner:
        runner.run()

    assert {port for port, _ in runner.emitted} == {"audio"}


def test_the_metadata_port_tells_what_the_file_is_and_how_it_went(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", rate=NTSC)

    before, after = on(read(clip, connected=None), "metadata")

    video, audio = before["streams"]
    assert (before["format"], before["complete"], after["complete"]) == (
        "matroska,webm",
        False,
        True,
    )
    assert (video["codec"], video["width"], video["height"]) == ("mpeg4", 64, 48)
    assert (video["average_rate"], video["time_base"]) == (NTSC, Fraction(1, 1_000))
    assert (audio["codec"], audio["rate"], audio["layout"]) == ("aac", 48_000, "stereo")
    assert after["emitted"]["video"] == 20
    assert (after["corrupt"], after["missing"]) == (0, 0)


def test_streams_that_are_neither_video_nor_audio_are_told_too(tmp_path: Path) -> None:
    titles = tmp_path / "a.srt"
    titles.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")

    facts = on(read(titles, connected=["metadata"]), "metadata")[0]

    assert [(stream["type"], stream["codec"]) for stream in facts["streams"]] == [
        ("subtitle", "srt")
    ]


def test_metadata_alone_decodes_nothing(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    items = read(clip, connected=["metadata"])

    assert [port for port, _ in items] == ["metadata", "metadata"]
    assert items[1][1]["emitted"] == {}


def test_several_streams_have_ports_of_their_own(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", sounds=("stereo", "mono", "5.1"))
    source = MediaSource(clip, audio=(2, 0, 1))

    with NodeRunner(source) as runner:
        runner.run()

    assert list(source.outputs) == ["video", "audio", "audio_1", "audio_2", "metadata"]
    layouts = [runner.outputs(port)[0].layout for port in ("audio", "audio_1", "audio_2")]
    assert layouts == ["5.1", "stereo", "mono"]


def test_a_kind_of_stream_can_be_left_out() -> None:
    assert list(MediaSource("a.mp4", video=None).outputs) == ["audio", "metadata"]


def test_pictures_are_not_copied(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=("mono",))

    with NodeRunner(MediaSource(clip)) as runner:
        runner.run()

    assert runner.copied == {}


def test_a_format_that_no_frame_holds_is_converted_and_charged_to_its_port(
    tmp_path: Path,
) -> None:
    clip = make_clip(tmp_path / "a.mkv", codec="ffv1", pixels="yuv422p10le", sounds=())

    with NodeRunner(MediaSource(clip), connected=["video"]) as runner:
        runner.run()

    assert {frame.format for frame in runner.outputs("video")} == {"yuv420p"}
    assert runner.copied == {"video": 20 * 64 * 48 * 3 // 2}


def test_sound_that_no_frame_holds_is_converted_and_charged_to_its_port(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "a.wav", pictures=0, sound_codec="pcm_f64le", sound_format="dbl", seconds=0.1
    )

    with NodeRunner(MediaSource(clip), connected=["audio"]) as runner:
        runner.run()

    assert {frame.format for frame in runner.outputs("audio")} == {"fltp"}
    assert runner.copied["audio"] == 4_800 * 2 * 4
    assert [frame.pts for frame in runner.outputs("audio")] == [
        round(time * 48_000) for time in read_times(clip)["audio"]
    ]


def test_a_stream_without_any_pts_is_numbered(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.h264", codec="libx264", sounds=())

    frames = on(read(clip, options={"framerate": "25"}))

    assert len(frames) == 20
    assert np.diff([frame.time for frame in frames]) == pytest.approx([1 / 25] * 19)


def test_frames_say_how_far_they_are_to_be_turned(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", rotation=90, sounds=())

    assert {frame.metadata["rotation"] for frame in on(read(clip))} == {90}


def test_a_silent_clip_ends_the_audio_port_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())

    items = read(clip)

    assert len(on(items)) == 20
    assert on(items, "audio") == []
    assert "has no stream for port 'audio'" in caplog.text


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    song = tmp_path / "a.mp3"
    with av.open(str(song), "w") as container:
        sound: Any = container.add_stream("libmp3lame", 48_000)
        cover: Any = container.add_stream("png", 25)
        cover.width = cover.height = 16
        cover.pix_fmt = "rgb24"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame(16, 16, "rgb24")))
        for n in range(20):
            frame = av.AudioFrame("fltp", "stereo", 1_152)
            frame.sample_rate, frame.pts = 48_000, n * 1_152
            container.mux(sound.encode(frame))
        container.mux(cover.encode(None))
        container.mux(sound.encode(None))

    items = read(song, connected=None)

    assert on(items) == []
    assert len(on(items, "audio")) > 15


def test_a_source_can_run_again(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    source = MediaSource(clip)

    counts: list[int] = []
    for _ in range(2):
        with NodeRunner(source) as runner:
            counts.append(len(runner.run()))

    assert counts[0] == counts[1]


def test_nothing_is_opened_before_initialize() -> None:
    source = MediaSource("nowhere.mp4")

    source.cleanup()

    assert source.decode_errors == 0
