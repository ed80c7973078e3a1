"""Checkpoints: asked for at the sources, gathered from all segments, written beside the run.

One is under way at a time. What fails of it spoils that one, and is told; the
run goes on, and the files before it stay.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from streamflow import pickling
from streamflow.errors import CheckpointError, PicklingError
from streamflow.flow.checkpoint import Found, Store
from streamflow.scheduler.build import Machine
from streamflow.scheduler.checkpointing import Checkpointing, NoCheckpoints
from streamflow.scheduler.cut import ANY, Share
from streamflow.scheduler.part import Part
from streamflow.scheduler.plan import Plan
from streamflow.scheduler.resumable import check_print, check_resumable, print_of

logger: Final = logging.getLogger("streamflow.checkpoint")

LAST: Final = 10.0
"""Seconds that a run which has ended waits for its last checkpoint."""


class Stream(Protocol):
    """A stream between processes that has a share: inputs on their way, results that come."""

    name: str
    tell: Callable[[Share], None]
    due: Callable[[], None]

    def ask(self, number: int) -> None:
        """Tell the share, at once or as soon as it is known."""
        ...

    def restore(self, share: Share) -> None:
        """Go on from a share."""
        ...


@dataclass(eq=False)
class _Cut:
    """A checkpoint under way."""

    number: int
    missing: set[str]
    asked: set[str] = field(default_factory=set[str])
    finished: set[str] = field(default_factory=set[str])
    shares: dict[str, Share] = field(default_factory=dict[str, Share])
    complete: bool = False
    written: asyncio.Future[Path] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Checkpoints(NoCheckpoints):
    """Takes the checkpoints of one execution; all its methods are for the execution's loop.

    Args:
        wanted: where and how often.
        plan: of the whole execution.
        parts: of it, by process.
        streams: between processes, that are no edges.
        machine: of the pipeline's own process, where results are.

    Attributes:
        warnings: what went wrong, in words.
    """

    def __init__(
        self,
        wanted: Checkpointing,
        plan: Plan,
        parts: Sequence[Part],
        streams: Iterable[Stream],
        machine: Machine,
    ) -> None:
        super().__init__()
        self._wanted, self._plan, self._parts = wanted, plan, parts
        self._streams = {stream.name: stream for stream in streams}
        self._machine = machine
        self._store = Store(wanted.directory)
        self._print: dict[str, str] = {}
        self._above = _feeders(plan, self._streams)
        self._number = 0
        self._cut: _Cut | None = None
        self._is_due = self._stopped = False
        self._shares: dict[str, Share] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None

    def open(self) -> None:
        """See that there can be checkpoints, and read the one to go on from.

        Raises:
            CheckpointError: the directory cannot be used, a node cannot take part,
                or the checkpoint is of another graph.
        """
        directory = str(self._wanted.directory)
        check_resumable(self._plan, directory)
        self._print = print_of(self._plan)
        self._store.open()
        if not self._wanted.resume:
            if set_aside := self._store.set_aside():
                names = ", ".join(path.name for path in set_aside)
                logger.info("%s: set aside from an earlier run: %s", directory, names)
        elif (found := self._store.find()) is not None:
            self._read(found)
        else:
            self._warn(f"{directory}: no checkpoint is there; the run begins from its start")

    def _read(self, found: Found) -> None:
        for damage in found.damaged:
            self._warn(f"{damage}; gone on from {found.path.name}, the one before")
        try:
            there, self._shares = pickling.loads(found.body)
        except PicklingError as error:
            raise CheckpointError(str(found.path), str(error)) from error
        check_print(str(found.path), there, self._print)
        numbers = self._store.numbers()
        self._number = max(numbers)
        for part in self._parts:
            part.expect()
        logger.info("%s: the run goes on from it", found.path)

    async def restore(self) -> None:
        """Make everything what it was at the checkpoint, once all nodes are initialized.

        Raises:
            CheckpointError: a node does not take its state, or cannot tell it.
        """
        loop = asyncio.get_running_loop()

        def tell(share: Share) -> None:
            loop.call_soon_threadsafe(self._gather, share)

        def due() -> None:
            loop.call_soon_threadsafe(self._due)

        for part in self._parts:
            part.listen(tell, due)
        for stream in self._streams.values():
            stream.tell, stream.due = self._gather, self._due
        if shares := self._shares:
            self._machine.restore([pair for s in shares.values() for pair in s.results])
            for name in shares.keys() & self._streams.keys():
                self._streams[name].restore(shares[name])
            for part in self._parts:
                await part.restore(shares)
        self._shares = {}
        for part in self._parts:
            await part.rehearse()

    def launch(self) -> None:
        """Begin to take checkpoints."""
        if self._wanted.every is not None:
            self._timer = asyncio.ensure_future(self._regularly(self._wanted.every))

    async def _regularly(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            if self._cut is None:
                self._begin()

    def _due(self) -> None:
        """So many items have come: take a checkpoint now, or behind the one under way."""
        self._is_due = True
        if self._cut is None and not self._stopped:
            self._begin()

    def _begin(self) -> _Cut:
        self._is_due = False
        self._number += 1
        cut = self._cut = _Cut(self._number, set(self._above))
        # Nobody may be waiting for it.
        cut.written.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._ask(cut)
        return cut

    def _ask(self, cut: _Cut) -> None:
        """Ask whoever no marker will reach: sources, and what only streams that ended fed."""
        names = {name for name in cut.missing - cut.asked if self._above[name] <= cut.finished}
        cut.asked |= names
        for part in self._parts:
            part.ask(cut.number, names)
        for name in names & self._streams.keys():
            self._streams[name].ask(cut.number)

    def _gather(self, share: Share) -> None:
        cut = self._cut
        if cut is None or share.number not in (cut.number, ANY) or not cut.missing:
            return
        if share.fault:
            self._spoil(cut, CheckpointError(share.name, share.fault))
            return
        cut.shares[share.name] = share
        cut.missing.discard(share.name)
        if share.finished:
            cut.finished.add(share.name)
            self._ask(cut)
        if not cut.missing and not cut.complete:
            cut.complete = True
            task = asyncio.ensure_future(self._write(cut))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _write(self, cut: _Cut) -> None:
        try:
            # Not on the loop: no item waits for a disk.
            path = await asyncio.to_thread(self._write_file, cut.number, cut.shares)
        except Exception as error:
            self._spoil(cut, error)
            return
        self._finish(cut)
        cut.written.set_result(path)

    def _write_file(self, number: int, shares: Mapping[str, Share]) -> Path:
        return self._store.write(number, pickle.dumps((self._print, dict(shares)), 5))

    def _spoil(self, cut: _Cut, error: Exception) -> None:
        self._warn(f"a checkpoint could not be taken: {error}")
        self._finish(cut)
        if not cut.written.done():
            cut.written.set_exception(error)

    def _finish(self, cut: _Cut) -> None:
        if self._cut is cut:
            self._cut = None
        if self._is_due and not self._stopped:
            self._begin()

    async def take(self) -> Path:
        """Take a checkpoint that holds all that has happened until now; its file.

        Raises:
            CheckpointError: it could not be taken, or the run ended over it.
        """
        while self._cut is not None:
            with suppress(Exception):  # of that one it was told
                await asyncio.shield(self._cut.written)
        if self._stopped:
            raise CheckpointError(str(self._wanted.directory), "the run has ended")
        return await asyncio.shield(self._begin().written)

    async def conclude(self) -> None:
        """The run has come to its end: leave a checkpoint that says so."""
        try:
            async with asyncio.timeout(LAST):
                await self.take()
        except TimeoutError:
            silent = ", ".join(sorted(self._cut.missing)) if self._cut is not None else "the disk"
            self._warn(f"the last checkpoint could not be taken: nothing came from {silent}")
        except CheckpointError:
            pass  # it was told

    def stop(self) -> None:
        """Take no more: what runs is being ended, and its end is not that of its streams."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        cut, self._cut = self._cut, None
        if cut is not None and cut.missing:
            cut.missing.clear()
            reason = "the run ended before it was taken"
            cut.written.set_exception(CheckpointError(str(self._wanted.directory), reason))

    async def close(self) -> None:
        """Let what is being written reach the disk, and the directory go."""
        self.stop()
        await asyncio.gather(*self._tasks)
        self._store.close()

    def _warn(self, text: str) -> None:
        if text not in self.warnings:  # a full disk is full every second
            self.warnings.append(text)
            logger.warning("%s", text)


def _feeders(plan: Plan, streams: Collection[str]) -> dict[str, set[str]]:
    """Who has a share: the head of each segment, and each stream; and who feeds them."""
    home = plan.home
    above: dict[str, set[str]] = {segment.head: set() for segment in plan.segments}
    for edge in plan.borders:
        above[home[edge.target].head].add(home[edge.source].head)
    for name in streams:
        begin, arrow, end = name.partition(" -> ")
        node = (end if arrow else begin).rpartition(".")[0]
        if arrow:
            above[home[node].head].add(name)
        above[name] = set() if arrow else {home[node].head}
    return above
