"""A process of a stage: makes its ends of the cables, then does jobs as it is told.

Whatever happens it ends: when the director hangs up, or by an alarm.
"""

from __future__ import annotations

import gc
import os
import signal
import traceback
from multiprocessing.connection import Client, Connection
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.ipc.jobs import JOBS, Told
from benchmarks.ipc.peers import peer
from benchmarks.ipc.peers.base import Lost, Peer, Play, Receiver, Sender
from benchmarks.ipc.sweep import shared_files

PATIENCE = 60
"""Seconds for which a side does one thing before it ends itself."""

Ends = dict[str, Sender | Receiver]


def main(address: str, side: str, given: Any = None) -> None:
    """Connect with the director, and do what it says until it hangs up."""
    signal.alarm(PATIENCE)
    with Client(address) as director:
        director.send(side)
        try:
            perform(director, side, given)
        except EOFError:
            return
        except Lost as lost:
            director.send(("lost", f"side {side}: {lost}"))
        except Exception:
            director.send(("failed", f"side {side}: {traceback.format_exc()}"))


def perform(director: Connection, side: str, given: Any) -> None:
    """Set up, in step with the other sides; then jobs."""
    play: Play = director.recv()
    player = peer(play.peer)(side, play, given)
    ends: Ends = {c.name: player.sender(c) for c in play.cables if c.writer == side}
    in_step(director)
    ends |= {c.name: player.receiver(c) for c in play.cables if side in c.readers}
    in_step(director)
    player.settle()
    signal.alarm(0)
    director.send(("done", {"files": shared_files()}))
    gc.disable()
    try:
        work(director, ends)
    finally:
        close(player, ends)


def work(director: Connection, ends: Ends) -> None:
    """Jobs, one after the other, until the director hangs up or says None."""
    while (order := director.recv()) is not None:
        signal.alarm(PATIENCE)
        job, names, count = order
        gc.collect()
        began = process_time()
        told: Told = JOBS[job](*(ends[name] for name in names), count)
        told |= {"cpu": process_time() - began, "peak": peak(), "files": shared_files()}
        # Whoever waits for orders waits as long as there is a director.
        signal.alarm(0)
        director.send(("done", told))


def in_step(director: Connection) -> None:
    """Wait until the other sides are as far."""
    director.send(("done", None))
    director.recv()


def close(player: Peer, ends: Ends) -> None:
    """Let go of the ends first: some keep what the peer wants to close."""
    ends.clear()
    gc.collect()
    player.close()


def peak() -> int:
    """Bytes that this process had resident at most."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":  # a node of a dataflow
    main(os.environ["STAGE_ADDRESS"], os.environ["STAGE_SIDE"])
