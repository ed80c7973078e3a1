"""Partaking: the segments of one process in the checkpoints of the whole execution."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial

from streamflow.errors import CheckpointError
from streamflow.scheduler.build import Machine
from streamflow.scheduler.cut import Share, freeze_states
from streamflow.scheduler.driver import Driver

Home = Callable[[Driver, Callable[[], None]], Awaitable[None]]
"""Calls a function where a driver lives."""


class Partaking:
    """Asks segments for their shares, and makes them go on from those.

    Args:
        machine: whose segments.
        at_home: calls a function on the thread of a driver.
    """

    def __init__(self, machine: Machine, at_home: Home) -> None:
        self._machine, self._at_home = machine, at_home

    def listen(self, tell: Callable[[Share], None], due: Callable[[], None]) -> None:
        """Let shares go to ``tell``, and wishes for a checkpoint to ``due``; from any thread."""
        for driver in self._machine.drivers:
            if driver.cutter is not None:
                driver.cutter.tell, driver.cutter.due = tell, due

    def ask(self, number: int, names: Collection[str]) -> None:
        """Ask the segments with these heads for a cut."""
        for driver in self._machine.drivers:
            if driver.segment.head in names:
                driver.ask(number)

    async def restore(self, shares: Mapping[str, Share]) -> None:
        """Make segments go on from their shares, by name of their heads.

        Raises:
            CheckpointError: a node does not take its state.
        """
        for driver in self._machine.drivers:
            share = shares.get(driver.segment.head)
            if share is not None:
                await self._at_home(driver, partial(_restore, driver, share))

    async def rehearse(self) -> None:
        """See that every node can tell its state, before anything depends on it.

        Raises:
            CheckpointError: one cannot; it is named.
        """
        for driver in self._machine.drivers:
            await self._at_home(driver, partial(_rehearse, driver))


def _restore(driver: Driver, share: Share) -> None:
    if driver.cutter is None:
        return
    try:
        driver.cutter.restore(share)
    except CheckpointError:
        raise
    except Exception as error:
        words = f"it does not take its state: {type(error).__name__}: {error}"
        raise CheckpointError(f"segment {driver.segment.head!r}", words) from error


def _rehearse(driver: Driver) -> None:
    freeze_states(driver.segment)


async def call(function: Callable[[], None]) -> None:
    """Call a function, as a coroutine."""
    function()
