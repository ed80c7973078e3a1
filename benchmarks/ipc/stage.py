"""A stage: two or more processes that a peer connects, kept running between rounds.

Peers take turns round by round while their processes stay, so that no start is
measured, and whatever else the machine does meets all alike. A stage is bounded
in time, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from benchmarks.ipc import peers
from benchmarks.ipc.jobs import Told
from benchmarks.ipc.peers.base import Cable, Play
from benchmarks.ipc.sweep import note, sweep

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0
"""Seconds for a start, or for a round."""

Orders = dict[str, tuple[str, tuple[str, ...], int]]
"""For each side: the job, the cables it is done with, and how many frames."""


class StageError(Exception):
    """A stage failed; the reason is what its processes said."""


class StageLost(StageError):
    """A frame was lost, or did not come in time: peers do that where there is much else to do."""


class Stage:
    """The processes of one peer.

    Args:
        peer: its name.
        cables: what connects them.
    """

    def __init__(self, peer: str, cables: Sequence[Cable]) -> None:
        self.peer = peer
        folder = Path(tempfile.mkdtemp(prefix="streamflow-bench-"))
        self.play = Play(peer, tuple(cables), folder)
        self._files: set[str] = set()
        self._director, theirs = Pipe()
        command = [sys.executable, "-m", "benchmarks.ipc.director", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            env=os.environ | peers.peer(peer).environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._director.send(self.play)

    def ready(self) -> None:
        """Wait until every side is connected."""
        self._files.update(self._reply())

    def perform(self, orders: Orders) -> dict[str, Told]:
        """Play one round; returns what each side told."""
        self._director.send(orders)
        told: dict[str, Told] = self._reply()
        note(told, self._files)
        return told

    def _reply(self) -> Any:
        if not self._director.poll(PATIENCE):
            raise StageLost(f"{self.peer}: no answer within {PATIENCE:.0f} s")
        try:
            word, content = self._director.recv()
        except EOFError:
            raise StageError(f"{self.peer}: its director has died") from None
        if word == "lost":
            raise StageLost(content)
        if word != "done":
            raise StageError(f"{self.peer}: {content}")
        return content

    def close(self) -> None:
        """End all processes, and remove what they left."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._director.send(None)
            self._process.wait(10)
        self._director.close()
        end_session(self._process)
        sweep(self.play, self._files)


def end_session(leader: subprocess.Popen[bytes]) -> None:
    """Kill whoever is left of a session that we began: dora makes groups of its own in it."""
    for member in members(leader.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    leader.wait(10)


def members(session: int) -> list[int]:
    """The processes of a session."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name comes second, in brackets, and may contain anything.
            state, _, _, belongs = path.read_text().rpartition(")")[2].split()[:4]
            if int(belongs) == session and state != "Z":
                found.append(int(path.parent.name))
    return found
