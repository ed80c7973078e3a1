"""Shared budgets: one bound on the bytes that wait on all links of all processes together.

Each process writes down what waits on its own links, in a word of memory that
all of them read. Two that spend at once may overshoot by an item each; nobody
waits for a lock.
"""

from __future__ import annotations

import asyncio
from typing import Final

from streamflow.flow.limits import Budget
from streamflow.ipc.segment import Segment, attach, create

LOOK_AGAIN: Final = 0.005
"""Seconds after which a sender looks whether another process has given bytes back."""

WORD: Final = 8


class SharedBudget(Budget):
    """One process's share in a budget.

    Args:
        max_bytes: the bound, for all together.
        memory: a word for each process.
        number: of this process.
    """

    def __init__(self, max_bytes: int, memory: Segment, number: int) -> None:
        super().__init__(max_bytes)
        self.memory, self._number = memory, number
        self._words = memoryview(memory.map).cast("Q")
        self._looking: set[asyncio.AbstractEventLoop] = set()

    @classmethod
    def create(cls, max_bytes: int, processes: int) -> SharedBudget:
        """A budget for so many processes; this one is number 0."""
        return cls(max_bytes, create(processes * WORD, guarded=False), 0)

    @classmethod
    def join(cls, max_bytes: int, fd: int, number: int) -> SharedBudget:
        """The share of another process; the descriptor is owned from here on."""
        return cls(max_bytes, attach(fd, writable=True, least=(number + 1) * WORD), number)

    def fits(self, nbytes: int) -> bool:
        """Whether so many bytes more keep within the bound."""
        if sum(self._words) + nbytes <= self.max_bytes:
            return True
        self._look_again()
        return False

    def spend(self, nbytes: int) -> None:
        """Count bytes that were queued."""
        super().spend(nbytes)
        self._words[self._number] = max(self.spent, 0)

    def refund(self, nbytes: int) -> None:
        """Count bytes that were taken; wakes senders, since any link may have been waiting."""
        self._words[self._number] = max(self.spent - nbytes, 0)
        super().refund(nbytes)

    def forget(self, number: int) -> None:
        """A process has died: what waited on its links is gone."""
        self._words[number] = 0

    def _look_again(self) -> None:
        """Wake senders in a moment: other processes cannot."""
        loop = asyncio.get_running_loop()
        if loop not in self._looking:
            self._looking.add(loop)
            loop.call_later(LOOK_AGAIN, self._wake, loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking.discard(loop)
        for signal in self.freed:
            if signal.waiters:
                signal.wake()

    def close(self) -> None:
        """Let go of the memory; what is counted from here on is counted in private."""
        shared, self._words = self._words, memoryview(bytearray(self._words)).cast("Q")
        shared.release()
        self.memory.close()
