from __future__ import annotations

import asyncio
import logging
import socket
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest
from av.error import InvalidDataError
from av.error import OSError as AvOSError
from av.error import PermissionError as AvPermissionError
from av.stream import Disposition

from streamflow import Clock, MediaError
from streamflow.nodes import MediaSource
from streamflow.nodes.media import track
from streamflow.testing import NodeRunner
from tests.support.clips import NTSC, make_clip, number_of, read_times
from tests.support.media import on, read, times


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


@pytest.mark.parametrize("start", [0.1, 0.4, 0.44, 0.75])
def test_seeking_is_exact_to_the_picture_and_to_the_sample(tmp_path: Path, start: float) -> None:
    clip = make_clip(tmp_path / "a.mp4", codec="libx264", b_frames=2)

    items = read(clip, start=start)

    first = on(items)[0]
    expected = -(-round(start * 100) // 4)
    assert first.time == pytest.approx(expected / 25)
    assert number_of(first, expected) == expected
    assert times(items, "audio")[0] == pytest.approx(start, abs=1 / 48_000)


def test_a_duration_ends_at_the_picture_and_at_the_sample(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    items = read(clip, start=0.2, duration=0.3)

    last = on(items, "audio")[-1]
    assert times(items) == pytest.approx([n / 25 for n in range(5, 13)])
    assert last.time + last.duration == pytest.approx(0.5, abs=1 / 48_000)
    assert sum(f.samples_per_channel for f in on(items, "audio")) == pytest.approx(14_400, abs=1)


def test_a_start_behind_the_end_gives_nothing(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    assert read(clip, start=100) == []


def test_a_duration_of_less_than_a_sample_gives_no_sound(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.ts", codec="mpeg2video")

    assert read(clip, connected=["audio"], start=0.2, duration=0.000_01) == []


def test_start_counts_from_the_files_own_beginning(tmp_path: Path) -> None:
    pts = [n + 250 for n in range(20)]
    clip = make_clip(tmp_path / "a.ts", pts=pts, sounds=(), codec="mpeg2video")
    first = on(read(clip))[0].time

    items = read(clip, start=0.2)

    assert first > 5
    assert times(items)[0] == pytest.approx(first + 0.2)


def test_loops_go_on_without_a_seam_and_keep_sound_and_picture_together(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", rate=NTSC, seconds=0.7)
    once = read(clip)

    items = read(clip, loop=3)

    assert len(on(items)) == 60
    for port in ("video", "audio"):
        passes = np.array_split(times(items, port), 3)
        shifts = [np.unique(np.round(p - np.array(times(once, port)), 6)) for p in passes]
        assert [len(shift) for shift in shifts] == [1, 1, 1]
        assert shifts[2][0] == pytest.approx(2 * shifts[1][0], abs=0.002)
    ends = [frame.time + frame.duration for frame in on(once, "audio")]
    assert times(items)[20] == pytest.approx(max(ends), abs=0.002)


def test_a_part_can_be_looped(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    items = read(clip, start=0.2, duration=0.2, loop=3)

    assert times(items) == pytest.approx([0.2 + n / 25 for n in range(15)])
    sounds = on(items, "audio")
    ends = [frame.time + frame.duration for frame in sounds]
    assert times(items, "audio")[1:] == pytest.approx(ends[:-1], abs=1 / 48_000)


def test_loop_zero_never_ends(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())
    source = MediaSource(clip, loop=0)

    with NodeRunner(source, connected=["video"]) as runner:
        runner.run(limit=70)

        assert runner.outputs("video")[-1].time == pytest.approx(69 / 25)
        assert source.progress() is None


def test_a_loop_over_nothing_ends(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    assert read(clip, start=100, loop=0) == []


def test_progress_grows_from_nothing_to_one(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())
    source = MediaSource(clip, loop=2)
    seen: list[float | None] = [source.progress()]

    with NodeRunner(source, connected=["video"]) as runner:
        seen.append(source.progress())
        runner.run()
        seen.append(source.progress())

    assert seen == [None, 0.0, 1.0]


def test_progress_counts_what_has_been_emitted_of_all_loops(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())
    source = MediaSource(clip, loop=2)
    seen: list[float | None] = []

    async def scenario() -> None:
        async with NodeRunner(source, connected=["video"]) as runner:
            items = runner.items()
            for _ in range(30):
                await anext(items)
            seen.append(source.progress())

    asyncio.run(scenario())

    assert seen == [pytest.approx(30 / 40)]


class Script(Clock):
    """A live clock that remembers for which times it was asked, and stops after a few."""

    live: ClassVar[bool] = True

    def __init__(self, stop_after: int = 1_000) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.stop_after = stop_after

    def time(self) -> float:
        return 7.0

    def wait_until(self, time: float) -> bool:
        self.waits.append(time)
        return len(self.waits) <= self.stop_after


def test_a_live_clock_is_asked_for_each_frames_time_in_order(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.ts", pts=[n + 250 for n in range(20)], codec="mpeg2video")
    clock = Script()

    items = read(clip, clock=clock)

    first = min(times(items) + times(items, "audio"))
    assert clock.waits == pytest.approx([value.time - first + 7.0 for _, value in items])
    assert clock.waits == sorted(clock.waits)


def test_a_stopped_clock_ends_the_source(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    items = read(clip, clock=Script(stop_after=5))

    assert len(items) == 5


def test_a_stream_without_an_end_is_not_read_ahead_of_the_clock() -> None:
    source = MediaSource("testsrc=size=32x32:rate=10", format="lavfi", loop=0)

    with NodeRunner(source, connected=["video"], clock=Script()) as runner:
        items = runner.run(limit=3)

    assert times(items) == pytest.approx([0.0, 0.1, 0.2])
    assert source.progress() is None


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


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"start": -1}, "start must be 0 or more, not -1"),
        ({"loop": -1}, "loop must be 0 or more, not -1"),
        ({"duration": 0}, "duration must be more than 0, not 0"),
        ({"timeout": 0}, "timeout must be more than 0, not 0"),
        ({"video": -1}, "video must be 0 or more, not -1"),
        ({"audio": (0, 0)}, r"audio must name each stream once, not \[0, 0\]"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_range(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MediaSource("a.mp4", **params)


def test_a_missing_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.mp4: there is no such file$"):
        read(tmp_path / "a.mp4")


def test_a_directory_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"it is a directory, not a media file$"):
        read(tmp_path)


def test_an_empty_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()

    with pytest.raises(MediaError, match=r"the file is empty$"):
        read(tmp_path / "a.mp4")


def test_an_empty_path_is_said_in_one_sentence() -> None:
    with pytest.raises(MediaError, match="the path is empty"):
        read("")


def test_a_text_is_said_to_be_no_media_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("Dear diary,\n" * 100)

    with pytest.raises(MediaError, match="it is not a media file"):
        read(tmp_path / "a.mp4")


def test_an_unknown_protocol_is_named() -> None:
    with (
        pytest.raises(MediaError, match="no protocol 'carrier' is known"),
        NodeRunner(MediaSource("carrier://pigeon")),
    ):
        pass


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    with pytest.raises(MediaError, match="no container format 'papyrus'"):
        read(clip, format="papyrus")


def test_an_address_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = MediaSource(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout=0.2)

        with pytest.raises(MediaError, match="tcp://"), NodeRunner(source):
            pass


def test_a_file_may_be_named_like_an_address(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4").rename(tmp_path / "take:2.mp4")

    assert len(on(read(clip))) == 20


def test_a_stream_number_beyond_the_last_is_said_with_the_count(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    with pytest.raises(MediaError, match="it has 1 audio stream, so there is no audio stream 3"):
        read(clip, audio=3)


def test_a_number_of_a_kind_that_is_missing_is_said_too(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())

    with pytest.raises(MediaError, match="it has no audio streams, so there is no audio stream 1"):
        read(clip, audio=1)


def test_a_file_with_none_of_the_connected_streams_is_an_error(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())

    with pytest.raises(MediaError, match=r"it has no audio stream$"):
        read(clip, connected=["audio"])


def test_a_codec_that_nothing_decodes_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "a.mkv", sounds=())
    # A codec id that no decoder answers to, of the same length in the file.
    clip.write_bytes(clip.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_QUANTUM/FOAM1"))

    with pytest.raises(MediaError, match="nothing here decodes video stream 0"):
        read(clip, connected=["video"])


def test_an_unreadable_file_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    clip.chmod(0)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AvPermissionError(13, "Permission denied")

    monkeypatch.setattr(av, "open", refuse)  # root may read everything

    with pytest.raises(MediaError, match="it may not be read: permission denied"):
        read(clip)


def faststart(path: Path, **params: Any) -> Path:
    """A clip whose index stands before its data, so that the data can be hurt alone."""
    return make_clip(
        path, codec="libx264", options={"movflags": "faststart"}, pictures=60, **params
    )


def test_a_file_cut_short_in_its_data_gives_what_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = faststart(tmp_path / "a.mp4")
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])

    items = read(clip, connected=None)

    outcome = on(items, "metadata")[-1]
    assert 0 < len(on(items)) < 60
    assert all(number_of(frame, n) == n for n, frame in enumerate(on(items)[:10]))
    assert outcome["missing"] > 0
    assert "is damaged" in caplog.text


def test_a_file_whose_index_was_cut_off_is_said_to_lack_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"moov") - 100])

    with pytest.raises(MediaError, match=r"its index \(moov\) is missing"):
        read(clip)


def test_flipped_bits_cost_frames_but_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = faststart(tmp_path / "a.mp4")
    data = bytearray(clip.read_bytes())
    begin = data.index(b"mdat") + 8
    generator = np.random.default_rng(1)
    for place in generator.integers(begin, len(data), 60):
        data[place] ^= 1 << int(generator.integers(8))
    clip.write_bytes(data)
    source = MediaSource(clip)

    with NodeRunner(source) as runner, caplog.at_level(logging.WARNING):
        runner.run()

    outcome = runner.outputs("metadata")[-1]
    assert len(runner.outputs("video")) > 30
    assert outcome["corrupt"] == source.damage.undecodable + source.damage.damaged > 0
    assert outcome["undecodable"] == source.decode_errors
    assert caplog.text.count("is damaged") == 1


def test_a_file_in_which_nothing_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    clip = faststart(tmp_path / "a.mp4", sounds=())
    data = bytearray(clip.read_bytes())
    begin = data.index(b"mdat") + 8
    data[begin:] = np.random.default_rng(1).integers(0, 256, len(data) - begin, np.uint8).tobytes()
    clip.write_bytes(data)

    with pytest.raises(MediaError, match="nothing in it could be decoded"):
        read(clip)


def test_reading_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    source = MediaSource(clip)

    class Breaks:
        def demux(self, streams: Any) -> Any:
            raise AvOSError(5, "Input/output error")
            yield

        def close(self) -> None:
            pass

    with NodeRunner(source, connected=["video"]) as runner:
        assert source._reader is not None
        source._reader.container.close()
        source._reader.container = Breaks()  # type: ignore[assignment]

        with pytest.raises(MediaError, match="input/output error"):
            runner.run()


def test_data_that_makes_no_sense_ends_the_file(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    source = MediaSource(clip)

    with NodeRunner(source, connected=["video"]) as runner:
        reader = source._reader
        assert reader is not None
        real: Any = reader.container

        class Breaks:
            def demux(self, streams: Any) -> Any:
                for number, packet in enumerate(real.demux(streams)):
                    if number == 10:
                        raise InvalidDataError(1, "no")
                    yield packet

            def close(self) -> None:
                real.close()

        reader.container = Breaks()  # type: ignore[assignment]
        runner.run()

    assert len(runner.outputs("video")) == 10
    assert source.damage.missing == 10


def test_a_stream_that_cannot_seek_is_read_up_to_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())
    real: Any = av.open

    class Tape:
        """A container that cannot be wound."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.real: Any = real(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def seek(self, offset: int) -> None:
            raise AvOSError(29, "Illegal seek")

    monkeypatch.setattr(av, "open", Tape)

    assert times(read(clip, start=0.4)) == pytest.approx([n / 25 for n in range(10, 20)])


def test_a_decimal_start_means_the_decimal() -> None:
    assert track.exact(0.1) == Fraction(1, 10)
