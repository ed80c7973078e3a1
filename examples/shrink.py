"""Shrink a film: the pictures are scaled, the sound passes through.

    python shrink.py [INPUT OUTPUT]

Without arguments it makes a film of its own first, out of test signals.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import streamflow as sf
from streamflow.nodes import MediaSink, MediaSource, Scale, TestAudio, TestVideo


def shrink(source_path: str | Path, target_path: str | Path) -> sf.Pipeline:
    """A pipeline from file to file."""
    pipeline = sf.Pipeline("shrink")
    source = pipeline.add(MediaSource(source_path))
    sink = pipeline.add(MediaSink(target_path, crf=28, preset="veryfast"))
    # The width follows from the height, so that nothing is squeezed.
    source["video"] >> Scale(height=180) >> sink["video"]
    source["audio"] >> sink["audio"]
    return pipeline


def make_film(path: Path) -> None:
    """Three seconds of colour bars with a tick at each full second."""
    pipeline = sf.Pipeline("film")
    sink = pipeline.add(MediaSink(path))
    pipeline.add(TestVideo(width=640, height=360, duration=3)) >> sink["video"]
    pipeline.add(TestAudio(waveform="ticks", duration=3)) >> sink["audio"]
    pipeline.run()


def main() -> None:
    """Shrink the file named first into the one named second."""
    if len(sys.argv) == 3:
        source_path, target_path = map(Path, sys.argv[1:])
    else:
        folder = Path(tempfile.mkdtemp(prefix="streamflow-"))
        source_path, target_path = folder / "film.mp4", folder / "small.mp4"
        make_film(source_path)

    report = shrink(source_path, target_path).run()

    for path in (source_path, target_path):
        print(f"{path}: {path.stat().st_size:,} bytes")
    print(f"{report.nodes['scale'].emitted} pictures in {report.duration:.2f} s")


if __name__ == "__main__":
    main()
