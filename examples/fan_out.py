"""Three processes look at one stream of pictures, which all of them read where it lies.

A picture is drawn in shared memory, once. What crosses to the other processes is
its place: no byte of it is copied, however many there are.
"""

from __future__ import annotations

import os

import numpy as np

import streamflow as sf
from streamflow.nodes import TestVideo

Finding = tuple[str, float, int]
"""What was measured, how much it is, and in which process."""


@sf.node
def brightness(frame: sf.VideoFrame) -> Finding:
    """Mean of the luma plane, 0 to 255."""
    return "brightness", float(frame.planes[0].mean()), os.getpid()


@sf.node
def contrast(frame: sf.VideoFrame) -> Finding:
    """Standard deviation of the luma plane."""
    return "contrast", float(np.std(frame.planes[0])), os.getpid()


@sf.node
def color(frame: sf.VideoFrame) -> Finding:
    """Mean distance of the chroma planes from gray."""
    chroma = np.stack(frame.planes[1:]).astype(np.int16)
    return "color", float(np.abs(chroma - 128).mean()), os.getpid()


def main() -> None:
    """Fan a second of test pictures out to three processes, and gather what they found."""
    pipeline = sf.Pipeline("fan_out")
    source = pipeline.add(TestVideo(width=1280, height=720, duration=1))
    branches = [pipeline.add(node, on="process") for node in (brightness, contrast, color)]
    for branch in branches:
        source >> branch
    pipeline.merge(*branches, policy="zip")

    report = pipeline.run(collect=True)

    for name, value, process in report.results[-1]:
        print(f"{name:10} {value:6.1f}, measured in process {process}")
    print("this is process", os.getpid())
    print(f"{report.nodes['test_video'].emitted} pictures, copied: {report.copied_bytes} bytes")


if __name__ == "__main__":
    main()
