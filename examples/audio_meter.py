"""An audio meter: how loud a sound is, tenth by tenth of a second, and a picture of it.

    python audio_meter.py [INPUT]

Without an argument it listens to a tone that swells up and down.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import streamflow as sf
from streamflow.nodes import AudioLevel, MediaSource, TestAudio, Waveform


@sf.node
def swell(frame: sf.AudioFrame) -> sf.AudioFrame:
    """Loud in the middle of each second; a new frame, for those that come are read-only."""
    samples = frame.to_ndarray()
    numbers = (frame.pts or 0) + np.arange(samples.shape[1], dtype=np.float64)
    louder = (samples * np.sin(np.pi * (numbers / frame.rate % 1.0))).astype(np.float32)
    return sf.AudioFrame(louder, layout=frame.layout, rate=frame.rate, pts=frame.pts)


@sf.node
def bar(level: sf.Packet) -> str:
    """Sixty dB as sixty columns."""
    rms: float = level.value["rms"]
    return f"{rms:7.1f} dBFS  " + "#" * max(0, round(60 + rms))


def main() -> None:
    """Measure, draw and print."""
    picture = Path(tempfile.mkdtemp(prefix="streamflow-")) / "waveform.png"
    pipeline = sf.Pipeline("meter")
    level = pipeline.add(AudioLevel(window=0.1))
    if len(sys.argv) > 1:
        pipeline.add(MediaSource(sys.argv[1]))["audio"] >> level
    else:
        pipeline.add(TestAudio(duration=2.0)) >> swell >> level
    level["level"] >> bar
    level["out"] >> Waveform(picture)

    report = pipeline.run(collect=True)

    print(*(line for line in report.results if isinstance(line, str)), sep="\n")
    print("drawn:", picture)


if __name__ == "__main__":
    main()
