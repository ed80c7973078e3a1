from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest
from av.error import OSError as AvOSError

from streamflow import Clock
from streamflow.nodes import MediaSource
from streamflow.nodes.media import track
from streamflow.testing import NodeRunner
from tests.support.clips import NTSC, make_clip, number_of
from tests.support.media import on, read, times


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
