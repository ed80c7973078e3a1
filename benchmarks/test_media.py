"""A whole file: what the library adds to the work of libav."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import av
import pytest

import streamflow as sf
from benchmarks.harness import Comparison, Contender, Goal
from benchmarks.pyav_loop import transcode
from streamflow.nodes import MediaSink, MediaSource, Scale, TestAudio, TestVideo

CLIP = Path(__file__).parents[2] / "shared" / "media" / "bigbuckbunny.mp4"
WIDTH, HEIGHT = 640, 360


@pytest.fixture
def clip(compare: Comparison, tmp_path: Path) -> Path:
    """The clip beside the checkout, or, where there is none or one would do, test signals."""
    if CLIP.exists() and not compare.smoke:
        return CLIP
    seconds = 1 if compare.smoke else 4
    path = tmp_path / "test signals.mp4"
    pipeline = sf.Pipeline("signals")
    sink = pipeline.add(MediaSink(path))
    pipeline.connect(pipeline.add(TestVideo(1280, 720, duration=seconds)), sink["video"])
    pipeline.connect(pipeline.add(TestAudio(duration=seconds)), sink["audio"])
    pipeline.run()
    return path


# The timer counts the processor's work on all threads, of libav's too.
@pytest.mark.benchmark(timer=process_time)
@pytest.mark.timeout(240)
def test_transcoding_against_a_loop_of_pyav(
    compare: Comparison, clip: Path, tmp_path: Path
) -> None:
    made, by_hand = tmp_path / "made.mp4", tmp_path / "by hand.mp4"

    def run() -> None:
        pipeline = sf.Pipeline("shrink")
        source = pipeline.add(MediaSource(clip))
        scale, sink = pipeline.add(Scale(WIDTH, HEIGHT)), pipeline.add(MediaSink(made))
        pipeline.connect(source["video"], scale)
        pipeline.connect(scale, sink["video"])
        pipeline.connect(source["audio"], sink["audio"])
        pipeline.run()

    compare(
        f"decode, scale to {WIDTH}x{HEIGHT} and encode {clip.name}: CPU time",
        run,
        Contender(
            "a loop of PyAV",
            lambda: transcode(clip, by_hand, WIDTH, HEIGHT),
            timer=process_time,
        ),
        nbytes=clip.stat().st_size,
        rounds=7,
        goal=Goal(1.05),
    )

    assert packets(made) == packets(by_hand)


def packets(path: Path) -> dict[str, list[tuple[int | None, int]]]:
    """Time and size of each packet, by kind of stream: equal if both did the same work."""
    found: dict[str, list[tuple[int | None, int]]] = {}
    with av.open(path) as container:
        for packet in container.demux():
            found.setdefault(packet.stream.type, []).append((packet.pts, packet.size))
    return found
