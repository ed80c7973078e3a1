"""What a way of moving frames between processes has to offer, to be compared with the others.

Every frame is written once by its producer, each byte the frame's mark, and read
by its consumer at every 4096th byte. Marks count up and start again: a frame
that is lost, torn or out of place is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

MARKS = 251
"""How many marks there are; a prime, so that no power of two hides a lost frame."""

END = -1
"""Taken instead of a mark when a round is over, from peers that lose frames."""

STEP = 4096
SMALL = 64 * 1024
"""Bytes below which a payload stands ready, one for each mark."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Cable:
    """A one-way connection.

    Attributes:
        name: its name, unique on a stage.
        size: bytes of each frame.
        writer: the side that sends.
        readers: the sides that each receive every frame.
    """

    name: str
    size: int
    writer: str
    readers: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Frames that may be on their way: the same for everyone."""
        return 8 if self.size > SMALL else 256


@dataclass(frozen=True)
class Play:
    """What all sides of a stage know.

    Attributes:
        peer: the name of the peer.
        cables: the connections.
        folder: a folder of this stage's own, removed at its end.
    """

    peer: str
    cables: tuple[Cable, ...]
    folder: Path

    @property
    def sides(self) -> tuple[str, ...]:
        """The processes, in order of their names."""
        return tuple(sorted({side for c in self.cables for side in (c.writer, *c.readers)}))

    @property
    def token(self) -> str:
        """A word that no other stage has; for what a peer puts elsewhere than in the folder."""
        return self.folder.name.rpartition("-")[2]


class Lost(Exception):
    """A peer lost a frame where it may not: its round counts for nothing."""


class End(Protocol):
    """Either end of a cable."""

    def finish(self) -> None:
        """A round is over; called at both ends."""


class Sender(End, Protocol):
    """The writing end of a cable."""

    def send(self, mark: int) -> None:
        """Write a frame of this mark, and send it; waits while the cable is full."""


class Receiver(End, Protocol):
    """A reading end of a cable."""

    def take(self) -> int:
        """Wait for the next frame, read it, let it go; returns its mark."""
        ...

    def forward(self, sender: Any) -> int:
        """Wait for the next frame, and send it on unread, as cheaply as this peer can.

        Returns:
            `END`, or anything else.
        """
        ...


class Lossless:
    """An end of a cable that loses nothing: there is nothing to do after a round."""

    def finish(self) -> None:
        """Nothing."""


class Peer(Protocol):
    """One way of moving frames; made once in every side.

    Attributes:
        title: what the table calls it.
        needs: the modules to import.
        copies: how often a frame is copied behind its producer, before its consumer reads it.
        lossy: whether frames may be missing: its rates are of those that came.
        environment: variables for its processes.
    """

    title: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    copies: ClassVar[int]
    lossy: ClassVar[bool]
    environment: ClassVar[Mapping[str, str]]

    def __init__(self, side: str, play: Play, given: Any) -> None:
        """Get ready; ``given`` is this side's share of what `give` made."""

    @staticmethod
    def give(cables: Sequence[Cable]) -> Any:
        """What the sides must inherit, made before they start; None if nothing."""

    def sender(self, cable: Cable) -> Sender:
        """The writing end; all of these are made before any reading one."""
        ...

    def receiver(self, cable: Cable) -> Receiver:
        """This side's reading end."""
        ...

    def settle(self) -> None:
        """Wait until whoever is connected with us can be reached; called when all ends are made."""

    def close(self) -> None:
        """Let go of everything."""


class Plain:
    """What most peers have in common: nothing to inherit, nothing to wait for, nothing to close."""

    lossy: ClassVar[bool] = False
    environment: ClassVar[Mapping[str, str]] = {}

    def __init__(self, side: str, play: Play, given: Any) -> None:
        self.side, self.play, self.given = side, play, given

    @staticmethod
    def give(cables: Sequence[Cable]) -> Any:
        """Nothing."""

    def settle(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def ready_made(size: int) -> list[bytes]:
    """A payload for each mark, of small frames; empty for large ones."""
    return [bytes([mark]) * size for mark in range(MARKS)] if size <= SMALL else []


def look(frame: Bytes) -> int:
    """Read every 4096th byte, and return the mark.

    Raises:
        ValueError: the bytes are not all the same.
    """
    seen = frame[::STEP]
    mark = int(seen[0])
    if seen.size > 1 and not (seen == mark).all():
        raise ValueError(f"torn: a frame of mark {mark} has {np.unique(seen).tolist()}")
    return mark


def mark_of(payload: bytes | memoryview) -> int:
    """The mark of a payload of any size."""
    return payload[0] if len(payload) <= STEP else look(np.frombuffer(payload, np.uint8))
