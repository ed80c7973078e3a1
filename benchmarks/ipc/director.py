"""The program behind a stage: starts its sides, passes orders on to them, gathers what they tell.

It takes the number of a file descriptor, over which it is told what to play. It
ends when that is closed, or by an alarm, and its sides with it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Listener, wait
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.ipc import side
from benchmarks.ipc.jobs import Told
from benchmarks.ipc.peers import peer
from benchmarks.ipc.peers.base import Lost, Play
from benchmarks.ipc.sweep import note, sweep

PATIENCE = side.PATIENCE + 10
GRACE = 3
"""Seconds in which a side may close what it has opened, before it is killed."""

ROOT = Path(__file__).parents[2]

Ender = Callable[[], None]
Sides = dict[str, Connection]


def main(number: int) -> None:
    """Play what is told over that descriptor."""
    for ending in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(ending, give_up)
    signal.alarm(PATIENCE)
    house = Connection(number)
    play: Play = house.recv()
    files: set[str] = set()
    try:
        direct(house, play, files)
    except (EOFError, BrokenPipeError):
        return
    except Lost as lost:
        house.send(("lost", str(lost)))
    except Exception:
        log = play.folder / "dora.log"
        more = log.read_text(errors="replace") if log.exists() else ""
        house.send(("failed", traceback.format_exc() + more))
    finally:
        sweep(play, files)


def give_up(number: int, _frame: FrameType | None) -> None:
    """What the alarm does, and whoever ends us: as an error, it ends the sides."""
    raise TimeoutError(f"{signal.Signals(number).name} came before the sides were done")


def direct(house: Connection, play: Play, files: set[str]) -> None:
    """Start, pass on orders until there are no more, end; notes which files the sides mapped."""
    address = str(play.folder / "director.sock")
    with Listener(address) as listener:
        start = start_dataflow if play.peer == "dora" else start_processes
        end = start(play, address)
        try:
            sides = gather(listener, play, files)
            signal.alarm(0)
            house.send(("done", sorted(files)))
            while (orders := house.recv()) is not None:
                signal.alarm(PATIENCE)
                told = perform(sides, orders)
                signal.alarm(0)
                note(told, files)
                house.send(("done", told))
            for connection in sides.values():
                connection.send(None)
        finally:
            end()


def gather(listener: Listener, play: Play, files: set[str]) -> Sides:
    """Wait for all sides, and lead them through their beginning, each step together."""
    sides: Sides = {}
    for _ in play.sides:
        connection: Any = listener.accept()
        sides[connection.recv()] = connection
    for connection in sides.values():
        connection.send(play)
    for _ in range(2):
        replies(sides)
        for connection in sides.values():
            connection.send("on")
    note(replies(sides), files)
    return sides


def perform(sides: Sides, orders: dict[str, Any]) -> dict[str, Told]:
    """One round: every side gets its order, and tells when it is done."""
    for name, order in orders.items():
        sides[name].send(order)
    return replies({name: sides[name] for name in orders})


def replies(sides: Sides) -> dict[str, Told]:
    """What each side told.

    Raises:
        Lost: a side lost a frame.
        RuntimeError: a side failed.
    """
    told: dict[str, Told] = {}
    for connection in wait_for(sides):
        name = next(n for n, c in sides.items() if c is connection)
        try:
            word, content = connection.recv()
        except EOFError:
            raise RuntimeError(f"side {name} has died") from None
        if word == "lost":
            raise Lost(content)
        if word != "done":
            raise RuntimeError(content)
        told[name] = content
    return told


def wait_for(sides: Sides) -> Iterator[Any]:
    """The connections, as something comes from each: the first failure is seen first."""
    waiting: list[Any] = list(sides.values())
    while waiting:
        for ready in wait(waiting):
            waiting.remove(ready)
            yield ready


def start_processes(play: Play, address: str) -> Ender:
    """A process for each side."""
    context = multiprocessing.get_context("spawn")
    given = peer(play.peer).give(play.cables)
    processes = [context.Process(target=side.main, args=(address, s, given)) for s in play.sides]
    for process in processes:
        process.start()

    def end(_kept: Any = given) -> None:
        # Kept until here: a queue's semaphores have no name any more once ours is gone.
        for process in processes:
            process.join(GRACE)
            process.kill()

    return end


def start_dataflow(play: Play, address: str) -> Ender:
    """A dataflow of dora with a node for each side; its daemon serves this machine alone."""
    from benchmarks.ipc.peers.dora import dataflow

    environment = {"STAGE_ADDRESS": address, "STAGE_SIDE": "{side}", "PYTHONPATH": str(ROOT)}
    described = dataflow(play, sys.executable, "-m benchmarks.ipc.side", environment)
    path = play.folder / "dataflow.yml"
    path.write_text(json.dumps(described), encoding="utf-8")  # JSON is YAML
    program = Path(sysconfig.get_path("scripts")) / "dora"
    process = subprocess.Popen(
        [program, "run", path, "--stop-after", str(PATIENCE)],
        cwd=play.folder,
        env=os.environ | {"DORA_ZENOH_MULTICAST": "false"},
        stdin=subprocess.DEVNULL,
        stdout=(play.folder / "dora.log").open("wb"),
        stderr=subprocess.STDOUT,
    )

    def end() -> None:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(GRACE)

    return end


if __name__ == "__main__":
    main(int(sys.argv[1]))
