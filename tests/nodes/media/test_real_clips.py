"""The media nodes on real clips, alone and in a pipeline; slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import streamflow as sf
from streamflow.nodes import MediaSink, MediaSource
from tests.support.clips import read_times
from tests.support.media import left_over, on, read, times, write

CLIPS = Path(__file__).parents[4] / "shared" / "media"
BUNNY, BIKES = CLIPS / "bigbuckbunny.mp4", CLIPS / "bikes.mp4"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BUNNY.exists(), reason=f"needs the clips in {CLIPS}"),
]


def test_a_film_with_sound_goes_through_a_pipeline_whole_and_in_sync(tmp_path: Path) -> None:
    pipeline = sf.Pipeline("copy")
    source = pipeline.add(MediaSource(BUNNY))
    sink = pipeline.add(MediaSink(tmp_path / "out.mp4", preset="ultrafast"))
    pipeline.connect(source["video"], sink["video"])
    pipeline.connect(source["audio"], sink["audio"])

    pipeline.run()

    before, after = read_times(BUNNY), read_times(tmp_path / "out.mp4")
    assert len(after["video"]) == 132
    assert after["video"] == before["video"]
    shift = np.array(after["audio"]) - np.array(before["audio"])
    assert np.abs(shift.astype(float)).max() < 1 / 25
    assert left_over(tmp_path, "out.mp4") == []


def test_a_silent_film_goes_through_although_its_audio_is_connected(tmp_path: Path) -> None:
    pipeline = sf.Pipeline("copy")
    source = pipeline.add(MediaSource(BIKES))
    sink = pipeline.add(MediaSink(tmp_path / "out.mp4", preset="ultrafast"))
    pipeline.connect(source["video"], sink["video"])
    pipeline.connect(source["audio"], sink["audio"])

    pipeline.run()

    assert list(read_times(tmp_path / "out.mp4")) == ["video"]
    assert len(read_times(tmp_path / "out.mp4")["video"]) == 250


@pytest.mark.parametrize("clip", [BUNNY, BIKES])
@pytest.mark.parametrize("start", [0.5, 3.3])
def test_a_real_clip_is_cut_exactly(clip: Path, start: float) -> None:
    whole = read(clip, connected=["video"])

    part = read(clip, connected=["video"], start=start, duration=1)

    assert times(part) == [time for time in times(whole) if start <= time < start + 1]
    expected = next(frame for frame in on(whole) if frame.time >= start)
    assert np.array_equal(on(part)[0].planes[0], expected.planes[0])


def test_a_real_clip_loops_in_sync(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mkv", read(BUNNY, start=1, duration=1.4, loop=2), codec="mpeg4")

    made = read(path)
    assert times(made) == pytest.approx([n / 25 for n in range(70)], abs=0.025)
    length = sum(frame.duration for frame in on(made, "audio"))
    assert length == pytest.approx(2.8, abs=0.05)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_real_clip_cut_short_gives_its_first_part(tmp_path: Path, share: float) -> None:
    clip = write(
        tmp_path / "in.mp4",
        read(BUNNY, duration=2),
        options={"movflags": "faststart", "preset": "ultrafast"},
    )
    data = clip.read_bytes()
    clip.write_bytes(data[: int(len(data) * share)])

    items = read(clip, connected=None)

    assert 0 < len(on(items)) < 50
    assert on(items, "metadata")[-1]["missing"] > 0
