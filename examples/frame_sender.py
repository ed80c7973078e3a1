"""Share frames with programs that know nothing of this one but a path.

Start it beside `frame_receiver.py`, in any order, and as many of those as you
like. Each frame is written into shared memory once; all of them read it there.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import streamflow as sf
from streamflow.ipc import Writer

PATH = Path(tempfile.gettempdir(), "streamflow-frames.sock")
WIDTH, HEIGHT, FRAMES = 1920, 1080, 100


def pictures() -> Iterator[sf.VideoFrame]:
    """A bright bar that moves from left to right."""
    for number in range(FRAMES):
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        pixels[:, number * 16 : number * 16 + 16] = (255, 160, 0)
        yield sf.VideoFrame.from_ndarray(
            pixels, format="rgb24", pts=number, time_base=Fraction(1, 25)
        )


def main() -> None:
    """Wait for one reader, then send all frames; others may join meanwhile."""
    path = sys.argv[1] if len(sys.argv) > 1 else PATH
    with Writer(path, slots=4) as writer:
        print("waiting for a reader at", path, flush=True)
        writer.wait_for_readers(1, timeout=30)
        for frame in pictures():
            writer.send(frame)
        sent = writer.statistics()
    print(f"{sent.sent} frames sent, {sent.copied // sent.sent} bytes written for each")


if __name__ == "__main__":
    main()
