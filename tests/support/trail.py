"""Trails: what nodes did, in the order they did it, in whichever process they live."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Trail:  # noqa: PLW1641 - as a list, it is not hashable
    """A list that one can only append to, kept in a file; it may travel to other processes.

    An entry is written by one call that appends, so that entries of several
    processes never mix.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def append(self, entry: Any) -> None:
        """Add an entry, which must be picklable and small."""
        line = pickle.dumps(entry).hex().encode() + b"\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)

    def __iter__(self) -> Iterator[Any]:
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return (pickle.loads(bytes.fromhex(line.decode())) for line in lines)  # noqa: S301 - ours

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, entry: object) -> bool:
        return any(known == entry for known in self)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    def __repr__(self) -> str:
        return repr(list(self))

    def count(self, entry: Any) -> int:
        """How often an entry is there."""
        return list(self).count(entry)
