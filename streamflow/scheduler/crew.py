"""Crews: the workers of an execution, and the streams between them and the pipeline's process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from streamflow.clock import Clock
from streamflow.errors import GraphError, NodeError, NodeTimeoutError, PeerLost, StreamflowError
from streamflow.flow.budget import SharedBudget
from streamflow.flow.ring_inlet import RingInlet
from streamflow.flow.ring_outlet import RingOutlet
from streamflow.graph import Queue
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Wire
from streamflow.metrics import ProcessReport
from streamflow.node import Node
from streamflow.scheduler.assignment import (
    Assignment,
    Crossing,
    logging_levels,
    pack,
    warning_filters,
    without_instances,
)
from streamflow.scheduler.build import Ends, Options, link_queue
from streamflow.scheduler.deadlock import blame_merge, can_deadlock
from streamflow.scheduler.feed import Collector, Feeder
from streamflow.scheduler.local import Local
from streamflow.scheduler.part import About, Mended
from streamflow.scheduler.plan import Plan
from streamflow.scheduler.remote import PATIENCE, Remote
from streamflow.usage import resident

logger: Final = logging.getLogger("streamflow.process")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for a standstill: workers tell what they do a few times in it."""

BACKOFF: Final = 0.1
"""Seconds until a worker is started anew; twice as long each time."""

Inputs = Mapping[str, Iterable[Any] | AsyncIterator[Any]]


class Crew:
    """All workers of one execution.

    Args:
        about: the execution.
        plan: the whole.
        instances: all nodes.
        clock: how time passes.
        options: how it is built.
        inputs: items for input ports.
        stall_after: seconds after which a node that holds its thread is reported.

    Attributes:
        make_pool: gives a node memory that other processes can read in place.
        ends: links that lead from the pipeline's process to workers, or back.
        remotes: one for each worker.
    """

    def __init__(
        self,
        about: About,
        plan: Plan,
        instances: Mapping[str, Node],
        clock: Clock,
        options: Options,
        inputs: Inputs,
        stall_after: float,
    ) -> None:
        self._about, self._plan, self._instances = about, plan, instances
        _check_sources(plan)
        self._clock, self._options, self._stall_after = clock, options, stall_after
        self.make_pool = SharedPool
        self._pool = SharedPool()
        home = plan.home
        self._inputs = {id: items for id, items in inputs.items() if home[id].process is not None}
        self._crossings = _crossings(plan, options, self._inputs)
        self._budget: SharedBudget | None = None
        if options.max_bytes is not None:
            self._budget = SharedBudget.create(options.max_bytes, 1 + len(plan.processes))
        self._outlets: dict[int, RingOutlet] = {}
        self._inlets: dict[int, RingInlet] = {}
        for crossing in self._crossings:
            if crossing.source is None:
                outlet = RingOutlet(
                    crossing.name, crossing.queue, self._budget, mends=crossing.mends
                )
                self._outlets[crossing.number] = outlet
            if crossing.target is None:
                self._inlets[crossing.number] = RingInlet(crossing.name, crossing.queue)
        edges = [c for c in self._crossings if c.edge is not None]
        self.ends = Ends(
            {c.edge: self._outlets[c.number] for c in edges if c.edge and c.source is None},
            {c.edge: self._inlets[c.number] for c in edges if c.edge and c.target is None},
            budget=self._budget,
        )
        self.remotes = [self._remote(name) for name in plan.processes]
        self._by_name: dict[str | None, Remote] = {r.process.name: r for r in self.remotes}
        self._tasks: dict[Remote, bytes] = {}
        self.warnings: list[str] = []
        self.streams = [*self._streams()]
        self._feeding: list[asyncio.Task[None]] = []
        self._collecting: list[asyncio.Task[None]] = []

    def _streams(self) -> Iterator[Feeder | Collector]:
        """Streams that are no edges: inputs that go to workers, results that come from there."""
        for crossing in self._crossings:
            if crossing.edge is not None:
                continue
            if crossing.source is None:
                items, outlet = self._inputs[crossing.node], self._outlets[crossing.number]
                every = self._options.cut_items
                yield Feeder(crossing.name, crossing.node, items, outlet, every)
            elif self._options.collect:
                yield Collector(crossing.name, self._inlets[crossing.number])

    def _remote(self, name: str) -> Remote:
        outlets = {
            (c.node, c.port): self._inlets[c.number]
            for c in self._crossings
            if c.source == name and c.edge is None
        }
        nodes = frozenset(id for id, home in self._plan.home.items() if home.process == name)
        crossing = frozenset(edge.name for edge in self._plan.crossings)
        return Remote(self._plan.processes[name], nodes, outlets, crossing, self._mend)

    async def start(self) -> None:
        """Pickle what is to travel, then start all workers and tell them what to do.

        Raises:
            PicklingError: something cannot travel; nothing was started.
            StreamflowError: a worker could not begin.
        """
        tasks = {remote: self._assignment(remote).dumps() for remote in self.remotes}
        self._tasks = {r: task for r, task in tasks.items() if r.process.restart}
        wires: dict[Remote, dict[int, Wire]] = {remote: {} for remote in self.remotes}
        by_name = self._by_name
        for crossing in self._crossings:
            source, target = Wire.pair()
            if crossing.source is None:
                self._outlets[crossing.number].connect(source, self._pool)
            else:
                wires[by_name[crossing.source]][crossing.number] = source
            if crossing.target is None:
                self._inlets[crossing.number].connect(target)
            else:
                wires[by_name[crossing.target]][crossing.number] = target
        if self._budget is not None:
            for number, remote in enumerate(self.remotes, 1):
                remote.budget = number, self._budget.memory.fd
        starts = (remote.start(task, wires[remote]) for remote, task in tasks.items())
        results = await asyncio.gather(*starts, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _assignment(self, remote: Remote) -> Assignment:
        name = remote.process.name
        plan = self._plan.part(name)
        return Assignment(
            self._about,
            remote.process,
            without_instances(plan),
            pack({id: self._instances[id] for id in plan.graph.nodes}),
            tuple(self._crossings_of(remote)),
            self._clock,
            replace(self._options, collect=False, resumed=remote.resumed),
            self._stall_after,
            logging_levels(),
            warning_filters(),
        )

    async def _mend(self, remote: Remote, failure: PeerLost | NodeTimeoutError) -> Mended:
        """A worker has died: start another, or let its streams end, as its process says."""
        if remote.restarts < remote.process.restart and not remote.cancelling:
            remote.restarts += 1
            await asyncio.sleep(BACKOFF * 2 ** (remote.restarts - 1))
            try:
                await remote.start_anew(self._tasks[remote], self._rewire(remote))
            except StreamflowError as error:
                return Mended(goes_on=False, failure=error)
            self._warn(f"{failure}; it was started again")
            return Mended(goes_on=True)
        skips = remote.process.on_death == "skip" and not remote.cancelling
        for crossing in self._crossings_of(remote):
            # What comes out of it must not look complete where the run is to fail.
            if crossing.target == remote.process.name or skips:
                self._abandon(crossing, remote)
        if remote.cancelling:
            self._warn(f"{failure}; it had not ended when it was told to")
            return Mended(goes_on=False)
        if skips:
            self._warn(f"{failure}; its streams have ended")
            return Mended(goes_on=False)
        if isinstance(failure, PeerLost):
            failure = PeerLost(failure.peer, failure.reason + self._last_words(remote))
        return Mended(goes_on=False, failure=failure)

    def _last_words(self, remote: Remote) -> str:
        """What is known of the items that a worker had in hand."""
        ends = (self._outlets.get(c.number) for c in self._crossings_of(remote))
        taken = [f"item {end.taken} over {end.name}" for end in ends if end and end.taken]
        return f"; the last it had taken was {', '.join(taken)}" if taken else ""

    def _abandon(self, crossing: Crossing, remote: Remote) -> None:
        end = self._outlets.get(crossing.number) or self._inlets.get(crossing.number)
        if end is not None:
            end.abandon()
        else:
            self._other(crossing, remote).abandon(crossing.number)

    def _rewire(self, remote: Remote) -> dict[int, Wire]:
        """New wires for all streams of a worker; its own ends of them."""
        own: dict[int, Wire] = {}
        for crossing in self._crossings_of(remote):
            number = crossing.number
            own[number], there = Wire.pair()
            if number in self._outlets:
                self._outlets[number].reconnect(there, self._pool)
            elif number in self._inlets:
                self._inlets[number].connect(there)
            else:
                self._other(crossing, remote).rewire(number, there)
        return own

    def _crossings_of(self, remote: Remote) -> list[Crossing]:
        name = remote.process.name
        return [c for c in self._crossings if name in (c.source, c.target)]

    def _other(self, crossing: Crossing, remote: Remote) -> Remote:
        name = remote.process.name
        return self._by_name[crossing.target if crossing.source == name else crossing.source]

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        logger.warning("%s", text)

    def launch(self, here: Local) -> None:
        """Feed the inputs of nodes elsewhere, and collect their results."""
        self._feeding.append(asyncio.ensure_future(self.watch(here)))
        for stream in self.streams:
            if isinstance(stream, Feeder):
                remote = next(r for r in self.remotes if stream.node in r.nodes)
                task = asyncio.ensure_future(self._feed(stream, remote))
                remote.feeding.append(task)
                self._feeding.append(task)
            else:
                stream.gather_in(here.machine.kept())
                self._collecting.append(asyncio.ensure_future(stream.collect()))

    async def watch(self, here: Local) -> None:
        """Fail the run if nothing moves any more because a merge waits for what cannot come."""
        before: tuple[int, ...] = ()
        while can_deadlock(here.machine):
            await asyncio.sleep(LOOK_EVERY)
            parts = [here.snapshot(0.0), *(remote.snapshot(0.0) for remote in self.remotes)]
            turns = tuple(part.turns for part in parts)
            stands = all(part.waits for part in parts) and turns == before
            before = turns
            if stands and (error := blame_merge(here.machine)) is not None:
                self.remotes[0].fail(error)
                return

    def processes(self) -> tuple[ProcessReport, ...]:
        """What memory each worker holds."""
        return tuple(map(_process_report, self.remotes))

    async def _feed(self, feeder: Feeder, remote: Remote) -> None:
        try:
            await feeder.feed()
        except NodeError as error:
            remote.fail(error)

    async def finish(self, failure: BaseException | None) -> None:
        """Feed no more, and wait for the last results."""
        for task in self._feeding:
            task.cancel()
        if self._collecting:
            patience = 0.0 if failure is not None else PATIENCE
            _, late = await asyncio.wait(self._collecting, timeout=patience)
            for task in late:
                task.cancel()
        await asyncio.gather(*self._feeding, *self._collecting, return_exceptions=True)

    def close(self) -> None:
        """Give up rings and memory; what results refer to stays."""
        for outlet in self._outlets.values():
            outlet.free()
        for inlet in self._inlets.values():
            inlet.free()
        self._pool.close()
        if self._budget is not None:
            self._budget.close()


def _check_sources(plan: Plan) -> None:
    """Refuse to start a source anew that cannot go on where it was."""
    for id, node in plan.graph.nodes.items():
        name = plan.home[id].process
        if name is None or not plan.processes[name].restart or not node.shape.is_source:
            continue
        if type(node.node).get_state is Node.get_state:
            raise GraphError(
                f"process {name!r} cannot be started anew: its source {id!r} would begin again; "
                "give the source get_state() and set_state(), or another process"
            )


def _process_report(remote: Remote) -> ProcessReport:
    worker, told = remote._worker, remote.snapshot(0.0)
    rss = resident(worker.pid) if worker is not None else 0
    return ProcessReport(
        remote.process.name,
        tuple(sorted(remote.nodes)),
        rss,
        # Its peak is as old as what it last told.
        max(rss, told.rss_peak),
        remote.restarts,
    )


def _crossings(plan: Plan, options: Options, inputs: Inputs) -> list[Crossing]:
    """All streams between processes, numbered."""
    found: list[Crossing] = []
    home = plan.home
    mends = {name for name, process in plan.processes.items() if process.restart}
    for edge in plan.crossings:
        source, target = home[edge.source].process, home[edge.target].process
        number, queue = len(found), link_queue(plan, edge)
        found.append(
            Crossing(number, edge.name, source, target, queue, edge, mends=target in mends)
        )
    for id in inputs:
        port = next(iter(plan.graph.nodes[id].shape.inputs))
        name = f"inputs -> {id}.{port}"
        found.append(
            Crossing(
                len(found),
                name,
                None,
                home[id].process,
                Queue(),
                None,
                id,
                port,
                mends=home[id].process in mends,
            )
        )
    used = plan.graph.consumers()
    for id, node in plan.graph.nodes.items():
        for port in node.outputs:
            wanted = options.outlets or (options.collect and port == "out")
            if home[id].process is not None and (id, port) not in used and wanted:
                crossing = Crossing(
                    len(found),
                    f"{id}.{port}",
                    home[id].process,
                    None,
                    Queue(),
                    None,
                    id,
                    port,
                    attached=options.collect,
                )
                found.append(crossing)
    return found
