"""Memory: a run holds what is in flight, however long it lasts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from benchmarks.harness import Comparison, Goal, Row

ROOT = Path(__file__).parents[1]
LEAK = 1.25
"""More than the kernel's and the collector's moods explain; one picture in a hundred, kept,
would make it 4."""


def peak_of_a_run(seconds: int) -> int:
    """Bytes resident at most in a program that runs so many seconds of 720p."""
    command = [sys.executable, "-m", "benchmarks.video_run", str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.timeout(240)
def test_memory_of_ten_minutes_against_ten_seconds(compare: Comparison) -> None:
    short, long = (1, 2) if compare.smoke else (10, 600)
    peaks: list[int] = []

    compare.once(lambda: peaks.append(peak_of_a_run(long)))

    # The peak differs from run to run by a few pictures in flight.
    brief = median(peak_of_a_run(short) for _ in range(1 if compare.smoke else 3))
    work = f"peak memory of {long} s of 720p"
    compare.note(Row(work, peaks[-1], f"{short} s", brief, Goal(1.05), unit="B"))

    assert peaks[-1] <= LEAK * brief
