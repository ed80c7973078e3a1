"""Both ends of a link: in this process, or one of them in a child's."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamflow.frames import VideoFrame
from streamflow.ipc.layout import Policy
from streamflow.ipc.receiver import EMPTY, Receiver
from streamflow.ipc.sender import Sender
from streamflow.ipc.wire import Wire

ROOT = Path(__file__).parents[2]

PROLOGUE = """
import sys, socket
import numpy as np
from streamflow.frames import VideoFrame
from streamflow.ipc.layout import Policy
from streamflow.ipc.receiver import EMPTY, Control, Receiver
from streamflow.ipc.sender import Sender
from streamflow.ipc.wire import Wire
from streamflow.ipc import Reader, Writer

def say(*words):
    print(*words, flush=True)

def wire(index=1):
    return Wire(socket.socket(fileno=int(sys.argv[index])))

def take(receiver):
    while (value := receiver.try_take()) is EMPTY and not receiver.closed:
        receiver.wait(None)
    return value

def send(sender, value):
    while not sender.try_send(value):
        sender.wait(None)
"""


class Ends:
    """Senders and receivers of one test, closed when it is over."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()

    def sender(self, **options: Any) -> Sender:
        """A sender."""
        sender = Sender(**options)
        self._open.callback(sender.close, 0.0)
        return sender

    def join(
        self,
        sender: Sender,
        policy: Policy = Policy.BLOCK,
        depth: int | None = None,
        **options: Any,
    ) -> Receiver:
        """A receiver of a sender, in the same process."""
        near, far = self.wires()
        sender.connect(near, policy, depth)
        options.setdefault("trusted", True)
        receiver = Receiver(far, **options)
        self._open.callback(receiver.close)
        return receiver

    def wires(self) -> tuple[Wire, Wire]:
        """Both ends of a new wire."""
        near, far = Wire.pair()
        self._open.callback(near.close)
        self._open.callback(far.close)
        return near, far

    def close(self) -> None:
        """Close all, the last one first."""
        self._open.close()


def taken(receiver: Receiver) -> list[Any]:
    """All that is there, one by one."""
    values: list[Any] = []
    while (value := receiver.try_take()) is not EMPTY:
        values.append(value)
    return values


def picture(number: int, height: int = 180, width: int = 320) -> VideoFrame:
    """A frame that shows its number."""
    return VideoFrame.from_ndarray(np.full((height, width, 3), number % 251, np.uint8), pts=number)


def shows(frame: VideoFrame) -> int:
    """The number that a whole frame shows; -1 if it is torn."""
    pixels = frame.planes[0]
    return int(pixels.flat[0]) if (pixels == pixels.flat[0]).all() else -1


def open_fds() -> int:
    """How many descriptors this process has."""
    gc.collect()
    return len(list(Path("/dev/fd").iterdir()))


@contextlib.contextmanager
def program(
    code: str, *arguments: object, fds: Sequence[int] = ()
) -> Generator[subprocess.Popen[str]]:
    """A Python program that runs beside the test; killed if it is not done in the end."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=fds,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def line(child: subprocess.Popen[str]) -> str:
    """The next line that a program prints."""
    assert child.stdout is not None
    return child.stdout.readline().rstrip("\n")


def tell(child: subprocess.Popen[str], words: str = "") -> None:
    """Give a program a line to read."""
    assert child.stdin is not None
    child.stdin.write(words + "\n")
    child.stdin.flush()
