"""What somebody wants who asks for checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

from streamflow.errors import CheckpointError
from streamflow.units import parse_seconds

EVERY: Final = 10.0
"""Seconds between two checkpoints where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """Where, how often, and whether to go on from what is there.

    Attributes:
        directory: where checkpoints are written.
        every: seconds between two, or None.
        items: items of any one source, or of the inputs, between two; or None.
        resume: go on from the newest that is there.
    """

    directory: Path
    every: float | None = EVERY
    items: int | None = None
    resume: bool = False


class NoCheckpoints:
    """What an execution does about checkpoints that takes none: nothing.

    Attributes:
        warnings: what went wrong, in words.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def open(self) -> None:
        """See that there can be checkpoints, and read the one to go on from."""

    async def restore(self) -> None:
        """Make everything what it was at the checkpoint, once all nodes are initialized."""

    def launch(self) -> None:
        """Begin to take checkpoints."""

    async def take(self) -> Path:
        """Take a checkpoint that holds all that has happened until now; its file.

        Raises:
            CheckpointError: it could not be taken.
        """
        raise CheckpointError("the execution", "it was started without checkpoint=, a directory")

    async def conclude(self) -> None:
        """The run has come to its end: leave a checkpoint that says so."""

    def stop(self) -> None:
        """Take no more."""

    async def close(self) -> None:
        """Let what is being written reach the disk, and the directory go."""


def wanted(
    directory: str | PathLike[str] | None,
    every: float | str | None,
    items: int | None,
    *,
    resume: bool,
) -> Checkpointing | None:
    """What the arguments of a run ask for; None for no checkpoints.

    Raises:
        ValueError: one of them cannot be, or needs a directory.

    >>> wanted("run", "500ms", None, resume=False).every
    0.5
    >>> wanted("run", None, 1000, resume=True).every is None
    True
    """
    if directory is None:
        given = {"every": every is not None, "items": items is not None, "resume": resume}
        for name, is_given in given.items():
            if is_given:
                raise ValueError(f"{name} needs checkpoint=, the directory for checkpoints")
        return None
    if items is not None and items < 1:
        raise ValueError(f"items must be 1 or more, not {items}")
    seconds = seconds_of(every) if every is not None else None
    if every is None and items is None:
        seconds = EVERY
    return Checkpointing(Path(directory), seconds, items, resume)


def seconds_of(every: float | str) -> float:
    """Seconds, from a number or such as ``"10s"``, ``"500ms"``, ``"2m"`` and ``"1h"``.

    Raises:
        ValueError: it is no duration, or not more than 0.

    >>> seconds_of("1.5 h")
    5400.0
    """
    try:
        seconds = parse_seconds(every) if isinstance(every, str) else float(every)
    except ValueError as error:
        raise ValueError(f"every {error}, not {every!r}") from None
    if not 0 < seconds < math.inf:
        raise ValueError(f"every must be more than 0 seconds, not {every}")
    return seconds
