"""Runners: run generated code over items, and account for the one that breaks it off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NoReturn, cast

from streamflow.errors import DeadlockError
from streamflow.flow.ends import ReceivingEnd
from streamflow.metrics import FOLD
from streamflow.scheduler.guard import timed
from streamflow.scheduler.segment import Entry, Segment
from streamflow.scheduler.window import LARGEST

SAMPLE: Final = 64
"""One item of so many is timed and checked."""


class Runner:
    """Runs the code of one segment.

    Args:
        segment: whose code.
        exact: time and check every item, not one in 64.

    Attributes:
        task: what an interrupt cancels.
    """

    def __init__(self, segment: Segment, *, exact: bool = False) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._segment, self._exact = segment, exact
        self._samples = 0
        self._unsampled = SAMPLE - 1  # so that the first item of all is checked
        self._in_hand = self._interrupted = False

    @property
    def in_hand(self) -> str | None:
        """The node whose asynchronous call is under way, if one is."""
        if self.task is None or not self._in_hand:
            return None
        return self._segment.node_awaiting(self.task)

    def interrupt(self) -> None:
        """Cancel the asynchronous call in hand, if there is one; on the runner's own thread."""
        if self._in_hand and self.task is not None:
            self._interrupted = True
            self.task.cancel()

    def due(self, count: int) -> int:
        """How many of the next items to check: one in 64, the very first among them."""
        if self._exact:
            return count
        due, self._unsampled = divmod(self._unsampled + count, SAMPLE)
        if due:
            self._samples += due
            if self._samples >= FOLD:
                self._segment.ledger.fold()
                self._samples = 0
        return due

    async def batch(
        self, entry: Entry, batch: Sequence[Any], link: ReceivingEnd | None = None
    ) -> None:
        """Run a batch, some of it checked; what is left of it goes back to its link."""
        if not entry.is_async:
            self.batch_plain(entry, batch, link)
            return
        items = iter(batch)
        try:
            if due := self.due(len(batch)):
                if link is not None:
                    await self.run(entry, islice(items, self._place(batch)))
                await self.run(entry, islice(items, due), checked=True)
            await self.run(entry, items)
        finally:
            self._give_back(items, link)

    def batch_plain(
        self, entry: Entry, batch: Sequence[Any], link: ReceivingEnd | None = None
    ) -> None:
        """The same, for code that awaits nothing."""
        items = iter(batch)
        try:
            if due := self.due(len(batch)):
                if link is not None:
                    entry.fast(islice(items, self._place(batch)))
                entry.checked(islice(items, due))
            (entry.checked if self._exact else entry.fast)(items)
        except Exception as error:
            self._raise(error)
        finally:
            left = self._give_back(items, link)
            self._segment.ledger.counts[entry.root] += len(batch) - left

    async def pull(
        self,
        entry: Entry,
        source: Iterator[Any],
        count: int,
        add: Callable[[float], None] | None = None,
    ) -> bool:
        """Run over the next items of an iterator, some of them checked; false if it has ended.

        Args:
            entry: what runs.
            source: where the items come from; no more are taken than run.
            count: how many.
            add: takes the seconds for which a checked item let itself be waited for.
        """
        due = self.due(count)
        if due:
            items: Iterator[Any] = islice(source, due)
            if await self.run(entry, timed(items, add) if add else items, checked=True) < due:
                return False
        left = count - due
        return not left or await self.run(entry, islice(source, left)) >= left

    def _place(self, batch: Sequence[Any]) -> int:
        # Another place in each batch: behind a merge only every other item may
        # reach a node, and always the same one of a batch.
        return self._samples * 7 % len(batch)

    def _give_back(self, items: Iterator[Any], link: ReceivingEnd | None) -> int:
        rest = list(items)
        if rest and link is not None:
            link.untake(rest)
        return len(rest)

    async def run(self, entry: Entry, items: Iterator[Any], *, checked: bool = False) -> int:
        """Run over some items.

        Returns:
            How many there were, where the code counts them.

        Raises:
            NodeError: a node failed.
            DeadlockError: the graph has locked itself.
        """
        function = entry.checked if checked or self._exact else entry.fast
        self._in_hand = entry.is_async
        try:
            return cast("int", await function(items) if entry.is_async else function(items))
        except asyncio.CancelledError as error:
            if not self._interrupted or self.task is None:
                self._segment.abandon(error, "stopped")
                raise
            self._segment.abandon(error, "interrupted")
            self._interrupted = False
            self.task.uncancel()
            return LARGEST
        except Exception as error:
            self._raise(error)
        finally:
            self._in_hand = False

    def _raise(self, error: Exception) -> NoReturn:
        """Account for the item in hand, and raise what tells of it."""
        self._segment.abandon(error, None)
        if isinstance(error, DeadlockError):
            raise error
        made = self._segment.explain_error(error)
        raise made from made.__cause__
