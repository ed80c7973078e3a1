from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from streamflow import AudioFrame, VideoFrame
from streamflow.nodes import MediaSink, MediaSource
from streamflow.testing import NodeRunner
from tests.support.clips import (
    NTSC,
    audio_frames,
    make_clip,
    read_times,
    tone,
)
from tests.support.media import (
    MILLI,
    heard,
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
