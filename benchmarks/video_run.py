"""Runs so many seconds of 720p at 25 frames a second, scaled to a quarter, and keeps nothing.

A program: it takes the seconds, and prints the most memory it ever held, in bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamflow as sf
from benchmarks.nodes import Swallow
from streamflow.nodes import Scale, TestVideo


def peak() -> int:
    """Bytes that this program had resident at most."""
    # Not getrusage: on Linux a child starts with the peak of whoever started it.
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell a program's peak of memory")


def main(seconds: int) -> None:
    """Run, and print the peak."""
    sf.Pipeline(
        TestVideo(1280, 720, rate=25, duration=seconds),
        Scale(320, 180, interpolation="fast_bilinear"),
        Swallow(),
    ).run()
    print(peak())


if __name__ == "__main__":
    main(int(sys.argv[1]))
