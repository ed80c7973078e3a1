"""dora-rs: the sides are nodes of a dataflow that its command line runs on this machine alone.

Its direct way between nodes, the one with shared memory, drops what comes too
fast, and the policy that does not takes another way, with copies. So the readers
acknowledge, once for half of a window, and the writer waits for that; a frame
that is lost even so is missing from the rate.
"""

from __future__ import annotations

import importlib
from collections import deque
from time import monotonic
from typing import Any, ClassVar

import numpy as np

from benchmarks.ipc.peers.base import END, Cable, Lost, Plain, Play, mark_of, ready_made

ACK = "-ack-"
WINDOW = 64
"""Frames on their way at most."""

OVERDUE = 0.2
"""Seconds after which an acknowledgement is given up."""

LOST = 5.0
"""Seconds after which a frame is."""


class Dora(Plain):
    """dora-rs; a node hands over Arrow arrays, which the library copies into shared memory."""

    title: ClassVar[str] = "dora-rs"
    needs: ClassVar[tuple[str, ...]] = ("dora", "dora_cli")
    copies: ClassVar[int] = 1
    lossy: ClassVar[bool] = True

    def __init__(self, side: str, play: Play, given: Any) -> None:
        super().__init__(side, play, given)
        self.arrow: Any = importlib.import_module("pyarrow")
        self.node: Any = importlib.import_module("dora").Node()
        self.inputs: dict[str, deque[Any]] = {}

    def next(self, name: str, patience: float) -> Any:
        """The next value of an input, or None; values of other inputs are kept until asked for.

        Raises:
            EOFError: the dataflow has ended.
        """
        mine = self.inputs.setdefault(name, deque())
        until = monotonic() + patience
        while not mine:
            event = self.node.next(timeout=patience)
            if event is None or event["type"] == "STOP":
                raise EOFError("the dataflow has ended")
            if event["type"] == "INPUT":
                self.inputs.setdefault(event["id"], deque()).append(event["value"])
            elif monotonic() > until:
                return None
        return mine.popleft()

    def token(self, number: int) -> Any:
        """An array of one byte; no frame is as small."""
        return self.arrow.array([number % 256], self.arrow.uint8())

    def sender(self, cable: Cable) -> DoraSender:
        """The output of the cable's name."""
        return DoraSender(self, cable)

    def receiver(self, cable: Cable) -> DoraReceiver:
        """The input of the cable's name."""
        return DoraReceiver(self, cable)

    def close(self) -> None:
        """A node leaves when it is no more."""
        del self.node


class DoraSender:
    """See `Dora`."""

    def __init__(self, peer: Dora, cable: Cable) -> None:
        self.peer, self.name, self.size = peer, cable.name, cable.size
        self.acks = [f"{cable.name}{ACK}{reader}" for reader in cable.readers]
        self.half, self.sent, self.rounds = window(cable) // 2, 0, 0
        self.payloads = [
            peer.arrow.array(np.frombuffer(p, np.uint8)) for p in ready_made(cable.size)
        ]

    def send(self, mark: int) -> None:
        """Write an array, hand it over."""
        if self.payloads:
            self.post(self.payloads[mark])
        else:
            self.post(self.peer.arrow.array(np.full(self.size, mark, np.uint8)))

    def post(self, array: Any) -> None:
        """Send it, once every reader has room."""
        if self.sent >= 2 * self.half and self.sent % self.half == 0:
            for ack in self.acks:
                self.peer.next(ack, OVERDUE)
        self.peer.node.send_output(self.name, array)
        self.sent += 1

    def finish(self) -> None:
        """Say so until every reader has heard it: this may be lost, too."""
        self.rounds, self.sent = self.rounds + 1, 0
        for ack in self.acks:
            heard = None
            while heard is None or heard.to_pylist() != [self.rounds % 256]:
                if heard is None:
                    self.peer.node.send_output(self.name, self.peer.token(self.rounds))
                heard = self.peer.next(ack, OVERDUE)


class DoraReceiver:
    """See `Dora`."""

    def __init__(self, peer: Dora, cable: Cable) -> None:
        self.peer, self.name = peer, cable.name
        self.ack = f"{cable.name}{ACK}{peer.side}"
        self.half, self.taken, self.rounds = window(cable) // 2, 0, 0

    def wait(self) -> Any:
        """The next array, or None if the round is over; tells the writer how far we are."""
        while True:
            array = self.peer.next(self.name, LOST)
            if array is None:
                raise Lost(f"{self.name}: nothing came for {LOST:.0f} s")
            if len(array) > 1:
                break
            self.acknowledge(array)
            if array.to_pylist() == [(self.rounds + 1) % 256]:
                self.rounds, self.taken = self.rounds + 1, 0
                return None
        self.taken += 1
        if self.taken % self.half == 0:
            self.acknowledge(self.peer.token(0))
        return array

    def acknowledge(self, token: Any) -> None:
        """Tell the writer."""
        self.peer.node.send_output(self.ack, token)

    def take(self) -> int:
        """Read an array where it lies."""
        array = self.wait()
        return END if array is None else mark_of(memoryview(array.buffers()[1]).cast("B"))

    def forward(self, sender: DoraSender) -> int:
        """Hand the array on, which copies it."""
        array = self.wait()
        if array is None:
            return END
        sender.post(array)
        return 0

    def finish(self) -> None:
        """Wait for the end of this round, unless that has been heard."""
        if self.taken:
            while self.wait() is not None:
                continue


def window(cable: Cable) -> int:
    """How many frames may be on their way."""
    return min(cable.depth, WINDOW)


def dataflow(
    play: Play, program: str, arguments: str, environment: dict[str, str]
) -> dict[str, Any]:
    """The dataflow of a stage, as dora describes it: a node for each side.

    Args:
        play: the stage.
        program: runs a side.
        arguments: of the program.
        environment: for each node, ``{side}`` standing for its side.
    """
    return {
        "nodes": [
            {
                "id": side,
                "path": program,
                "args": arguments,
                "env": {name: value.format(side=side) for name, value in environment.items()},
                "inputs": inputs(play, side),
                "outputs": outputs(play, side),
            }
            for side in play.sides
        ]
    }


def inputs(play: Play, side: str) -> dict[str, dict[str, Any]]:
    """What a side reads: frames, and acknowledgements of its own."""
    found: dict[str, dict[str, Any]] = {}
    for cable in play.cables:
        if side in cable.readers:
            source = f"{cable.writer}/{cable.name}"
            found[cable.name] = {"source": source, "queue_size": 8 * cable.depth}
        if side == cable.writer:
            for reader in cable.readers:
                name = f"{cable.name}{ACK}{reader}"
                found[name] = {"source": f"{reader}/{name}", "queue_size": 8}
    return found


def outputs(play: Play, side: str) -> list[str]:
    """What a side sends: frames, and acknowledgements."""
    frames = [cable.name for cable in play.cables if side == cable.writer]
    acks = [f"{cable.name}{ACK}{side}" for cable in play.cables if side in cable.readers]
    return frames + acks
