"""Entries of workers: what tests have other processes do."""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

import numpy as np


def echo(control: socket.socket, fds: list[int]) -> None:
    """Send back what comes, until nothing does."""
    while data := control.recv(1_024):
        control.sendall(data)


def report(control: socket.socket, fds: list[int]) -> None:
    """Tell what the process is like, and wait for the end."""
    usable = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    told: dict[str, Any] = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "path": sys.path,
        "folder": os.getcwd(),  # noqa: PTH109 - as text
        "environ": dict(os.environ),
        "main": sorted(name for name in vars(sys.modules["__main__"]) if name[:2] != "__"),
        "threads": threading.active_count(),
        "ignored": [
            number.name
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
            if signal.getsignal(number) == signal.SIG_IGN
        ],
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "nice": os.nice(0),
        "cores": usable,
        "random": [random.random(), float(np.random.rand())],  # noqa: NPY002 - its global one
        "open": len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0,  # noqa: PTH208
    }
    control.sendall(json.dumps(told).encode() + b"\n")
    echo(control, fds)


def read_handed(control: socket.socket, fds: list[int]) -> None:
    """Send what the descriptors that were handed over hold."""
    for fd in fds:
        control.sendall(os.read(fd, 100))


def hang(control: socket.socket, fds: list[int]) -> None:
    """Look up no more, whatever happens."""
    control.sendall(b".")
    while True:
        with suppress(BaseException):
            threading.Event().wait()


def print_and_hang(control: socket.socket, fds: list[int]) -> None:
    """Print, and look up no more."""
    print("printed by a node")  # noqa: T201
    hang(control, fds)


def exit_with_3(control: socket.socket, fds: list[int]) -> None:
    """Exit with code 3."""
    sys.exit(3)


def exit_with_words(control: socket.socket, fds: list[int]) -> None:
    """Exit, saying why."""
    sys.exit("enough")


def fail(control: socket.socket, fds: list[int]) -> None:
    """Fail with a ValueError."""
    raise ValueError("out of cheese")


def crash(control: socket.socket, fds: list[int]) -> None:
    """Read where no memory is."""
    ctypes.string_at(0)


def fill_memory(control: socket.socket, fds: list[int]) -> None:
    """Make arrays without end, and keep them."""
    kept: list[Any] = []
    while True:
        kept.append(np.ones(2**20, np.uint8))


def fill_memory_in_c(control: socket.socket, fds: list[int]) -> None:
    """Fill memory almost to the limit, and then use what malloc did not give."""
    kept: list[Any] = []
    with suppress(MemoryError):
        while True:
            kept.append(np.ones(2**20, np.uint8))
    ctypes.string_at(0)


def try_to_allocate(control: socket.socket, fds: list[int]) -> None:
    """Send how each kind of allocation ends that is too much for 64 MiB."""
    attempts: dict[str, Any] = {
        "array": lambda: np.ones(2**28, np.uint8),
        "arrays": lambda: [np.ones(2**20, np.uint8) for _ in range(256)],
        "list": lambda: [object() for _ in range(2**24)],
        "dict": lambda: {number: str(number) for number in range(2**22)},
        "bytes": lambda: bytes(2**28),
        "text": lambda: "x" * 2**28,
    }
    ends: dict[str, str] = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            ends[name] = "allocated"
        except BaseException as error:
            ends[name] = type(error).__name__
    control.sendall(json.dumps(ends).encode() + b"\n")


def map_shared(control: socket.socket, fds: list[int]) -> None:
    """Map memory that others share, and write all of it."""
    import mmap

    with mmap.mmap(fds[0], os.fstat(fds[0]).st_size) as shared:
        np.frombuffer(shared, np.uint8)[:] = 1
        control.sendall(b"mapped")


def at_exit(control: socket.socket, fds: list[int]) -> None:
    """Have something done at exit."""
    import atexit

    atexit.register(os.write, fds[0], b"at exit")
