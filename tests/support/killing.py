"""Killing programs at random points of their work, and starting them again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(shape: str, folder: Path) -> subprocess.Popen[bytes]:
    """The program `survivor`, at work."""
    command = [sys.executable, "-m", "tests.support.survivor", shape, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def finish(shape: str, folder: Path) -> bytes:
    """Its output, once it has come to its end."""
    with start(shape, folder) as program:
        _, errors = program.communicate()
    assert program.returncode == 0, errors.decode()
    return (folder / "out").read_bytes()


def kill_at(size: int, shape: str, folder: Path) -> bool:
    """Start it, and kill it once its output has so many bytes; false if it ended before."""
    with start(shape, folder) as program:
        while program.poll() is None:
            if _size(folder / "out") >= size:
                os.kill(program.pid, signal.SIGKILL)
                program.communicate()
                return True
            time.sleep(0.0005)
        program.communicate()
        return False


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def survive(shape: str, folder: Path, kills: int, whole: int, seed: int) -> tuple[bytes, int]:
    """Kill the program so often at random points, then let it end.

    Returns:
        Its output, and how often it was killed.
    """
    choose, killed = random.Random(seed), 0
    for _ in range(kills):
        # Beyond what the run before it has written: it is to be killed at work.
        size = _size(folder / "out") + choose.randrange(1, whole // kills)
        killed += kill_at(size, shape, folder)
    return finish(shape, folder), killed
