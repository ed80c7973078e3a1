"""Spawning in tests: workers, programs that start workers, and whether they are gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from streamflow.scheduler import spawn
from streamflow.scheduler.child import Worker
from streamflow.scheduler.spawn import Starter

WORKERS = "tests.support.workers"
ROOT = Path(__file__).parents[2]

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="processes need POSIX")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="this is Linux's")
forks_only = pytest.mark.skipif(not spawn.FORKS, reason="the system has no pidfds")


def started(starter: Starter, entry: str, **more: Any) -> Worker:
    return starter.start("worker", entry=f"{WORKERS}:{entry}", **more)


def told(worker: Worker) -> Any:
    """The line of JSON that a worker sends."""
    with worker.control.makefile("rb") as file:
        return json.loads(file.readline())


def is_gone(pid: int) -> bool:
    """Whether no process has this number, not even as a zombie."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


def run(code: str, *, own_group: bool = False) -> subprocess.Popen[bytes]:
    """Run a program of our own that starts workers."""
    setup = (
        "import os, sys, threading, signal\n"
        "from streamflow.scheduler.spawn import *\n"
        f"W = {WORKERS!r}\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", setup + code],
        start_new_session=own_group,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def pids_from(program: subprocess.Popen[bytes]) -> list[int]:
    assert program.stdout is not None
    return [int(word) for word in program.stdout.readline().split()]


def wait_until_gone(*pids: int) -> None:
    """Return once none of them is left; the test's watchdog ends what never does."""
    while not all(is_gone(pid) or state_of(pid) == "Z" for pid in pids):
        threading.Event().wait(0.005)


def state_of(pid: int) -> str:
    """The letter that the system gives: an orphan's zombie is for process 1 to reap."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
