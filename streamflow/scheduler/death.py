"""Deaths: how a worker ended, in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final

from streamflow.units import human_bytes

OUT_OF_MEMORY: Final = 109
"""Exit code of a worker that ended with a MemoryError."""

WORDS: Final = {
    "SIGABRT": "aborted",
    "SIGBUS": "bus error",
    "SIGFPE": "arithmetic error",
    "SIGILL": "illegal instruction",
    "SIGSEGV": "segmentation fault",
}

NEAR: Final = 0.9
"""Share of its limit that a worker has in use where it died of having no more."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Attributes:
        code: its exit code, or minus the number of the signal that killed it;
            None if it ended unseen, because what starts workers was killed too.
        limit: bytes it might allocate, or None.
        peak: most bytes it had in memory at once, or None if that is unknown.

    >>> str(Death(3)), str(Death(-9)), str(Death(-11))
    ('exited with code 3', 'killed by SIGKILL', 'segmentation fault')
    >>> str(Death(OUT_OF_MEMORY, limit=2**31))
    'out of memory under its limit of 2.0 GiB'
    """

    code: int | None
    limit: int | None = None
    peak: int | None = None

    @property
    def signal(self) -> int | None:
        """Number of the signal that killed it, or None."""
        return -self.code if self.code is not None and self.code < 0 else None

    def __str__(self) -> str:
        if self.code is None:
            return "ended unseen: the process that starts workers was killed"
        if self.code == OUT_OF_MEMORY:
            return self._out_of_memory()
        if self.signal is None:
            return f"exited with code {self.code}"
        name = _signal_name(self.signal)
        words = WORDS.get(name, f"killed by {name}")
        # Code that does not look at what malloc gave it dies of that, not of a MemoryError.
        if self.limit and self.peak and self.peak > NEAR * self.limit:
            return f"{self._out_of_memory()} ({words})"
        return words

    def _out_of_memory(self) -> str:
        return "out of memory" + (
            f" under its limit of {human_bytes(self.limit)}" if self.limit else ""
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
