"""Nothing stays behind: neither the folder of a stage, nor what peers put into /dev/shm.

Both the director and the stage sweep, should the other have been killed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.ipc.jobs import Told
from benchmarks.ipc.peers.base import Play

SHARED = "/dev/shm/"  # noqa: S108 - where peers put files, not we


def shared_files() -> list[str]:
    """Files there that this process has mapped: its own, should they be left behind."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    paths = {line[line.index("/") :] for line in maps if SHARED in line}
    return sorted(path for path in paths if not path.endswith("(deleted)"))


def note(told: Mapping[str, Told], files: set[str]) -> None:
    """Remember which files the sides have mapped."""
    files.update(file for part in told.values() for file in part["files"])


def sweep(play: Play, files: set[str]) -> None:
    """Remove the folder, and files that the sides have mapped or that bear the stage's token."""
    shutil.rmtree(play.folder, ignore_errors=True)
    for path in {Path(file) for file in files} | set(Path(SHARED).glob(f"sf_{play.token}_*")):
        path.unlink(missing_ok=True)
