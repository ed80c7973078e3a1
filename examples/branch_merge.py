"""Branches and merges: one stream of pictures, measured twice, put together again by time.

Branches share each frame without a copy. One of them runs on a thread; the merge
pairs what belongs to the same moment, whichever branch is faster.
"""

from __future__ import annotations

import numpy as np

import streamflow as sf
from streamflow.nodes import TestVideo

RATE = 10


def timed(frame: sf.VideoFrame, value: float) -> sf.Packet:
    """A number has no time of its own: a packet gives it the frame's."""
    return sf.Packet(value, frame.pts, frame.time_base)


@sf.node(format="gray8")
def brightness(frame: sf.VideoFrame) -> sf.Packet:
    """Mean brightness, 0 to 255. The conversion to gray8 is put in by the pipeline."""
    return timed(frame, float(frame.planes[0].mean()))


@sf.node(format="gray8")
def contrast(frame: sf.VideoFrame) -> sf.Packet:
    """Standard deviation of the brightness."""
    return timed(frame, float(np.std(frame.planes[0])))


@sf.node
def row(pair: tuple[sf.Packet, sf.Packet]) -> str:
    """A line of the table. A merge emits tuples, in the order of its sources."""
    light, spread = pair
    return f"{light.time:5.1f} s   brightness {light.value:6.1f}   contrast {spread.value:5.1f}"


def main() -> None:
    """Measure two seconds of test pictures."""
    pipeline = sf.Pipeline("branches")
    source = pipeline.add(TestVideo(width=320, height=180, rate=RATE, duration=2))
    left = pipeline.add(brightness)
    right = pipeline.add(contrast, on="thread")
    source >> left
    source >> right
    pipeline.merge(left, right, policy="sync", tolerance=0.5 / RATE) >> row

    report = pipeline.run(collect=True)

    print(*report.results, sep="\n")
    print("copied for the branches:", report.copied_bytes, "bytes")


if __name__ == "__main__":
    main()
