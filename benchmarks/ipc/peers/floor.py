"""The floor: two eventfds and nothing else, which is what waking another process costs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing.reduction import DupFd
from typing import Any, ClassVar

from benchmarks.ipc.peers.base import Cable, Lossless, Plain


class Eventfd(Plain):
    """A counter in the kernel: a mark is added to it, and taken from it. There is no payload."""

    title: ClassVar[str] = "bare eventfd"
    needs: ClassVar[tuple[str, ...]] = ()
    copies: ClassVar[int] = 0

    @staticmethod
    def give(cables: Sequence[Cable]) -> dict[str, dict[str, Any]]:
        """A counter for each cable, for both of its sides."""
        given: dict[str, dict[str, Any]] = {}
        for cable in cables:
            counter = os.eventfd(0)
            given[cable.name] = {end: DupFd(counter) for end in (cable.writer, *cable.readers)}
            os.close(counter)
        return given

    def sender(self, cable: Cable) -> Counter:
        """Adds."""
        return Counter(self.given[cable.name][self.side].detach())

    def receiver(self, cable: Cable) -> Counter:
        """Takes."""
        return Counter(self.given[cable.name][self.side].detach())


class Counter(Lossless):
    """Either end."""

    def __init__(self, counter: int) -> None:
        self.counter = counter

    def send(self, mark: int) -> None:
        """Add a mark; 0 would not wake anyone."""
        os.eventfd_write(self.counter, mark + 1)

    def take(self) -> int:
        """Wait for a mark."""
        return os.eventfd_read(self.counter) - 1

    def forward(self, sender: Counter) -> int:
        """Pass it on."""
        sender.send(self.take())
        return 0
