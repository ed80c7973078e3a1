"""The part of an execution that runs in a worker, as the pipeline's own process sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from streamflow.errors import LinkClosed, NodeError, NodeTimeoutError, PeerLost
from streamflow.events import Event
from streamflow.flow.ring_inlet import RingInlet
from streamflow.ipc.wire import Wire
from streamflow.metrics import Stall
from streamflow.process import Process
from streamflow.scheduler.accounts import summed
from streamflow.scheduler.calls import Calls, unpack_error
from streamflow.scheduler.child import Worker
from streamflow.scheduler.cut import ANY, Share, nobody, nobody_asks
from streamflow.scheduler.death import Death
from streamflow.scheduler.heard import log, warn
from streamflow.scheduler.part import Mended, Snapshot
from streamflow.scheduler.spawn import start, started
from streamflow.scheduler.stall import Overdue
from streamflow.scheduler.taps import Taps

ENTRY: Final = "streamflow.scheduler.worker:main"

PATIENCE: Final = 4.0
"""Seconds that a worker has to end what it was told to, before it is killed."""


class Remote:
    """A worker; see `Part`.

    Args:
        process: which one.
        nodes: ids of those that live there.
        outlets: by (node, port), what the worker sends here although no edge does.
        crossing: names of edges that lead to other processes, or come from there.
        mend: called when the worker has died; it may start another.

    Attributes:
        budget: number and descriptor of its share in what may wait, or None.
        restarts: how often it was started anew.
        died: whether it has died, once at least.
        cancelling: whether it was told to end where it stands.
        resumed: whether the run goes on from a checkpoint.
        feeding: what sends it the inputs of the run.
    """

    def __init__(
        self,
        process: Process,
        nodes: frozenset[str],
        outlets: Mapping[tuple[str, str], RingInlet],
        crossing: frozenset[str],
        mend: Callable[[Remote, PeerLost | NodeTimeoutError], Awaitable[Mended]],
    ) -> None:
        self.process, self.nodes = process, nodes
        self.initialized: set[str] = set()
        self.budget: tuple[int, int] | None = None
        self.restarts = 0
        self.died = self.resumed = False
        self.feeding: list[asyncio.Task[None]] = []
        self._crossing, self._mend = crossing, mend
        self._past = Snapshot()
        self._stalls: list[Stall] = []
        self._states: dict[str, bytes] = {}
        self._paused = False
        self._calls: Calls | None = None
        self._worker: Worker | None = None
        self._ended: asyncio.Future[BaseException | None] | None = None
        self._snapshot, self._progress = Snapshot(), dict[str, float | None]()
        self._overdue: Overdue | None = None
        self._taps = Taps(outlets)
        self.cancelling = self._over = self._launched = False
        self.listen(nobody, nobody_asks)
        self.on_log, self.on_warn = log, warn
        self._failure: BaseException | None = None

    @property
    def name(self) -> str:
        """What it is called in errors: with its nodes."""
        return f"process {self.process.name!r} ({', '.join(sorted(self.nodes))})"

    async def start(self, task: bytes, wires: Mapping[int, Wire]) -> None:
        """Start the worker, and tell it what to do.

        Raises:
            PeerLost: it died over it.
            StreamflowError: it could not begin.
        """
        loop = asyncio.get_running_loop()
        if self._ended is None:
            self._ended = loop.create_future()
        make = partial(start, str(self.process.name), entry=ENTRY, options=self.process)
        try:
            self._worker = await started(make)
            loop.add_reader(self._worker.fileno(), self._died)
            self._calls = Calls(Wire(self._worker.control), self.name, self._method, self._died)
            self._calls.listen()
            for number, wire in wires.items():
                self._calls.post("wire", number, fds=[wire.fileno()])
        finally:
            for wire in wires.values():
                wire.close()
        if self.budget is not None:
            number, memory = self.budget
            self._calls.post("budget", number, fds=[memory])
        await self._call("assign", task)

    async def start_anew(self, task: bytes, wires: Mapping[int, Wire]) -> None:
        """Start another worker in the place of the one that has died, and go on.

        Raises:
            StreamflowError: it could not begin, or a node of it not be initialized.
        """
        self._over = False
        await self.start(task, wires)
        await self.initialize()
        await self._call("restore", self._states)
        if self._calls is not None:
            self._taps.renew(self._calls)
        if self._paused:
            self._post("gate", True)
        self._post("launch")
        # Markers that were sent meanwhile are lost.
        self._tell(Share(self.name, ANY, fault=f"{self.name} was started again"))

    def rewire(self, number: int, wire: Wire) -> None:
        """What is at the other end of one of its streams was started anew."""
        if self._calls is not None:
            self._calls.post("rewire", number, fds=[wire.fileno()])
        wire.close()

    def abandon(self, number: int) -> None:
        """What is at the other end of one of its streams has died for good."""
        self._post("abandon", number)

    def _method(self, name: str) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self, f"on_{name}"))

    async def _call(self, method: str, *arguments: Any) -> Any:
        if self._calls is None:
            raise self._lost(None)
        try:
            return await self._calls.call(method, *arguments)
        except PeerLost:
            raise self._lost(await self._death()) from None

    async def _death(self) -> Death | None:
        return await asyncio.to_thread(self._worker.wait, PATIENCE) if self._worker else None

    def _post(self, method: str, *arguments: Any) -> None:
        if self._calls is not None:
            self._calls.post(method, *arguments)

    def _lost(self, death: Death | None) -> PeerLost | NodeTimeoutError:
        if self._overdue is not None:
            return self._overdue.error()
        return PeerLost(self.name, str(death) if death is not None else "it has hung up")

    def _died(self) -> None:
        """The worker is gone; called by whoever notices first."""
        if self._worker is None or self._over:
            return
        self._over = True
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._worker.fileno())
        self._dying = loop.create_task(self._bury())

    async def _bury(self) -> None:
        failure = self._lost(await self._death())
        self._let_go()
        self.died = True
        self._tell(Share(self.name, ANY, fault=str(failure)))
        self.initialized.clear()
        self._past = summed(self._past, self._snapshot, self._crossing)
        self._snapshot = Snapshot()
        if self._ended is None or self._ended.done():
            return
        try:
            mended = await self._mend(self, failure)
        except Exception as error:  # what a dying process leaves behind may be anything
            error.__cause__ = failure
            mended = Mended(goes_on=False, failure=error)
        if not mended.goes_on:
            self._ended.set_result(mended.failure)

    def _let_go(self) -> None:
        if self._calls is not None:
            self._calls.close()
        if self._worker is not None:
            self._worker.close()
        self._calls = self._worker = None

    def on_snapshot(
        self,
        snapshot: Snapshot,
        progress: dict[str, float | None],
        states: dict[str, bytes],
    ) -> None:
        """The worker tells what it has done so far."""
        self._snapshot, self._progress, self._states = snapshot, progress, states

    def on_stall(self, found: Stall) -> None:
        """A node of the worker holds its thread."""
        self._stalls.append(found)

    def on_ended(self, errors: list[BaseException]) -> None:
        """All its segments have ended."""
        failure = unpack_error(errors)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(self._failure or failure)

    def on_overdue(self, found: Overdue) -> None:
        """A call exceeds its node's timeout: nothing but the end of its process ends it."""
        self._overdue = found
        self.kill()

    def fail(self, failure: BaseException) -> None:
        """What feeds it has failed: end it, and say why."""
        self._failure = failure
        self.cancel()

    def kill(self) -> None:
        """End the worker at once."""
        if self._worker is not None:
            self._worker.kill()

    async def initialize(self) -> None:
        self.initialized, errors = await self._call("initialize")
        if (failure := unpack_error(errors)) is not None:
            raise failure

    def expect(self) -> None:
        self.resumed = True

    def listen(self, tell: Callable[[Share], None], due: Callable[[], None]) -> None:
        self._tell, self.on_due = tell, due

    def ask(self, number: int, names: Collection[str]) -> None:
        if self._calls is None:  # no marker would come through
            self._tell(Share(self.name, number, fault=f"{self.name} has died"))
        elif mine := self.nodes.intersection(names):
            self._post("ask", number, mine)

    def on_share(self, share: Share) -> None:
        """A segment gives its share in a checkpoint."""
        self._tell(share)

    async def restore(self, shares: Mapping[str, Share]) -> None:
        mine = {name: share for name, share in shares.items() if name in self.nodes}
        await self._call("resume", mine)

    async def rehearse(self) -> None:
        await self._call("rehearse")

    def launch(self) -> None:
        # In the next turn, as the nodes here: outputs that are asked for now miss nothing.
        asyncio.get_running_loop().call_soon(self._launch)

    def _launch(self) -> None:
        self._launched = True
        self._post("launch")

    async def ended(self) -> BaseException | None:
        return await self._ended if self._ended is not None else None

    @property
    def finished(self) -> bool:
        return self._ended is None or (self._ended.done() and self._ended.result() is None)

    async def has_finished(self) -> bool:
        # What it sent last may be here before it has told of its end.
        if self._ended is None or self._ended.done():
            return self.finished
        try:
            async with asyncio.timeout(PATIENCE / 8):
                return bool(await self._call("finished"))
        except (PeerLost, NodeTimeoutError, TimeoutError):
            return False

    def cancel(self) -> None:
        if self._ended is None or self._ended.done():
            return
        self.cancelling = True
        self._post("cancel")
        self._deadline = asyncio.get_running_loop().call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        if self._ended is not None and not self._ended.done():
            self.kill()

    async def cleanup(self, id: str) -> NodeError | None:
        self.initialized.discard(id)
        try:
            async with asyncio.timeout(PATIENCE):
                error: NodeError | None = await self._call("cleanup", id)
        except (PeerLost, NodeTimeoutError):
            return None  # told already
        except TimeoutError:
            self.kill()
            message = f"it has not returned after {PATIENCE:g} s"
            return NodeTimeoutError(id, "cleanup", "TimeoutError", message)
        return error

    async def settle(self, failure: BaseException | None) -> None:
        self._taps.fail(failure)
        try:
            async with asyncio.timeout(PATIENCE):
                self._snapshot = await self._call("settle")
        except (PeerLost, NodeTimeoutError, TimeoutError):
            return

    async def close(self) -> list[NodeError]:
        failures: list[NodeError] = []
        self._taps.free()
        if self._worker is None or self._calls is None:
            return failures
        try:
            async with asyncio.timeout(PATIENCE):
                failures = await self._call("close")
                self._over = True
                await self._call("release")
        except (PeerLost, NodeTimeoutError, TimeoutError):
            self.kill()
        self._over = True
        if self._worker is not None:
            asyncio.get_running_loop().remove_reader(self._worker.fileno())
            if await asyncio.to_thread(self._worker.wait, PATIENCE) is None:
                self.kill()
            self._let_go()
        return failures

    def gate(self, *, closed: bool) -> None:
        self._paused = closed
        self._post("gate", closed)

    def stop(self) -> None:
        for task in self.feeding:
            task.cancel()
        self._post("stop")

    def end_inputs(self) -> None:
        self._post("end_inputs")

    async def inject(self, node: str, port: str, item: Any) -> None:
        self._check_open(node, port)
        await self._call("inject", node, port, item)

    def send_event(self, node: str, port: str, event: Event) -> None:
        self._check_open(node, port)
        self._post("send_event", node, port, event)

    def _check_open(self, node: str, port: str) -> None:
        if self.finished or node in self._snapshot.finished:
            raise LinkClosed(f"cannot inject into {node}.{port}: its stream has ended")

    def urge(self, below: frozenset[str], *, interrupt: bool) -> None:
        self._post("urge", below, interrupt)

    def outputs(self, node: str, port: str) -> AsyncIterator[Any]:
        return self._taps.read(node, port, self._calls, launched=self._launched)

    async def holder(self) -> str:
        if self._ended is None or self._ended.done():
            return ""
        if self._stalls:
            return self._stalls[-1].node
        try:
            async with asyncio.timeout(PATIENCE / 8):
                holder: str = await self._call("holder")
                return holder
        except (PeerLost, TimeoutError):
            return min(self.nodes)

    def snapshot(self, duration: float) -> Snapshot:
        found = summed(self._past, self._snapshot, self._crossing)
        return replace(found, stalls=tuple(self._stalls))

    def progress(self) -> Mapping[str, float | None]:
        return self._progress
