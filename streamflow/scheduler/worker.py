"""Workers: the part of an execution that lives in an interpreter of its own.

A worker does what it is told and says what has happened. It ends when it is
told to, and when whoever tells it has gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TextIO, cast

from streamflow import pickling
from streamflow.errors import NodeError
from streamflow.events import Event
from streamflow.flow.budget import SharedBudget
from streamflow.flow.merge import Merge
from streamflow.flow.ring_inlet import RingInlet
from streamflow.flow.ring_outlet import RingOutlet
from streamflow.graph import Queue
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Wire
from streamflow.metrics import Stall
from streamflow.node import Node
from streamflow.scheduler.assignment import Assignment, with_instances
from streamflow.scheduler.build import Ends
from streamflow.scheduler.calls import Calls, pack_error
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.cut import Share
from streamflow.scheduler.local import Local
from streamflow.scheduler.part import Snapshot
from streamflow.scheduler.placement import new_event_loop
from streamflow.scheduler.stall import Overdue
from streamflow.usage import peak_resident

REPORT_EVERY: Final = 0.25
"""Seconds between two accounts of what a worker has done."""


def main(control: socket.socket, _fds: Sequence[int]) -> None:
    """Serve until told to end; the entry of a worker process."""
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(Service(Wire(control)).serve())
    finally:
        loop.close()


class Service:
    """Answers the calls of the pipeline's own process.

    Args:
        wire: to it.
    """

    def __init__(self, wire: Wire) -> None:
        self._calls = Calls(wire, "the pipeline", self._method, self._orphaned)
        self._released = asyncio.Event()
        self._wires: dict[int, Wire] = {}
        self._inlets: dict[int, RingInlet] = {}
        self._outlets: dict[int, RingOutlet] = {}
        self._pool = SharedPool()
        self._budget: tuple[int, int] | None = None
        self._local: Local | None = None
        self._restart = 0
        self._telling: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer until `release` is called, or nobody is there any more."""
        self._calls.listen()
        await self._released.wait()
        self._calls.close()

    def _method(self, name: str) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self, f"on_{name}"))

    def _orphaned(self) -> None:
        # Nobody is left to clean up for, or to tell.
        os._exit(1)

    @property
    def _part(self) -> Local:
        if self._local is None:
            raise RuntimeError("a worker without an assignment")
        return self._local

    def on_wire(self, number: int, fds: list[int]) -> None:
        """Here is one end of a stream's wire."""
        self._wires[number] = Wire(socket.socket(fileno=fds[0]))

    def on_budget(self, number: int, fds: list[int]) -> None:
        """Here is our share in what may wait."""
        self._budget = number, fds[0]

    def on_assign(self, data: bytes) -> None:
        """Build what is to be run."""
        task = Assignment.loads(data)
        _report_to(self._calls, task.levels)
        warnings.resetwarnings()
        for filter in reversed(task.filters):
            warnings.filterwarnings(*filter)
        self._restart = task.process.restart
        instances: dict[str, Node] = pickling.loads(task.instances)
        self._local = Local(
            task.about,
            with_instances(task.plan, instances),
            instances,
            clock=task.clock,
            options=task.options,
            inputs={},
            ends=self._connect(task),
            make_pool=SharedPool,
            stall_after=task.stall_after,
            overdue=self._overdue,
            stalled=self._stalled,
        )
        self._local.listen(
            lambda share: self._calls.post("share", share), lambda: self._calls.post("due")
        )

    def _connect(self, task: Assignment) -> Ends:
        budget = None
        if self._budget is not None and task.options.max_bytes is not None:
            number, memory = self._budget
            budget = SharedBudget.join(task.options.max_bytes, memory, number)
        ends = Ends({}, {}, {}, {}, budget)
        for crossing in task.crossings:
            wire = self._wires.pop(crossing.number)
            where = crossing.node, crossing.port
            if crossing.target == task.process.name:
                inlet = self._inlets[crossing.number] = RingInlet(
                    crossing.name, crossing.queue, singly=crossing.mends
                )
                inlet.connect(wire)
                if crossing.edge is None:
                    ends.inputs[where] = inlet
                else:
                    ends.incoming[crossing.edge] = inlet
                continue
            outlet = self._outlets[crossing.number] = RingOutlet(
                crossing.name,
                crossing.queue,
                budget,
                attached=crossing.attached,
                mends=crossing.mends,
            )
            outlet.connect(wire, self._pool)
            if crossing.edge is None:
                ends.outlets[where] = outlet
            else:
                ends.outgoing[crossing.edge] = outlet
        return ends

    def on_rewire(self, number: int, fds: list[int]) -> None:
        """Here is a stream's wire to the process that took the place of one that died."""
        wire = Wire(socket.socket(fileno=fds[0]))
        if number in self._outlets:
            self._outlets[number].reconnect(wire, self._pool)
        else:
            self._inlets[number].connect(wire)

    def on_abandon(self, number: int) -> None:
        """What is at the other end of a stream has died, and nothing takes its place."""
        (self._outlets.get(number) or self._inlets[number]).abandon()

    def _overdue(self, found: Overdue) -> None:
        """Tell, from the watchdog's thread, of a call that exceeds its node's timeout."""
        self._calls.post("overdue", found)

    def _stalled(self, found: Stall) -> None:
        """Tell, from the watchdog's thread, of a node that holds its own."""
        self._calls.post("stall", found)

    def on_ask(self, number: int, names: Collection[str]) -> None:
        """Give shares in a checkpoint."""
        self._part.ask(number, names)

    async def on_resume(self, shares: dict[str, Share]) -> None:
        """Go on from these shares."""
        await self._part.restore(shares)

    async def on_rehearse(self) -> None:
        """See that every node can tell its state."""
        await self._part.rehearse()

    def on_restore(self, states: dict[str, bytes]) -> None:
        """Go on from these states."""
        for id, state in states.items():
            self._part.machine.instances[id].set_state(pickling.loads(state))

    async def on_initialize(self) -> tuple[set[str], list[BaseException]]:
        """Initialize the nodes; which of them were, and what failed."""
        failure: Exception | None = None
        try:
            await self._part.initialize()
        except Exception as error:
            failure = error
        return self._part.initialized, pack_error(failure)

    def on_launch(self) -> None:
        """Let items flow."""
        self._part.launch()
        self._telling = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        ended = asyncio.ensure_future(self._part.ended())
        while not ended.done():
            await asyncio.wait([ended], timeout=REPORT_EVERY)
            self._calls.post("snapshot", self._snapshot(), self._part.progress(), self._states())
        self._calls.post("ended", pack_error(ended.result()))

    def _states(self) -> dict[str, bytes]:
        """States of the nodes that have one, where the process may be started anew.

        Those on threads of their own are left out: they may be in the middle of an item.
        """
        if not self._restart:
            return {}
        machine = self._part.machine
        found = {
            id: machine.instances[id].get_state()
            for driver in machine.drivers
            if not driver.segment.plan.threaded
            for id in driver.segment.nodes
            # Of these, what is under way counts too, and checkpoints alone know that.
            if not isinstance(machine.instances[id], (Merge, Concurrent))
        }
        return {id: pickling.dumps(state, id) for id, state in found.items() if state is not None}

    def _snapshot(self) -> Snapshot:
        found = self._part.snapshot(self._part.clock.time())
        # What is worked out when it is read is worked out here.
        return replace(
            found, nodes=dict(found.nodes), edges=dict(found.edges), rss_peak=peak_resident()
        )

    def on_cancel(self) -> None:
        """End all segments where they stand."""
        self._part.clock.stop()
        self._part.cancel()

    def on_gate(self, closed: bool) -> None:  # noqa: FBT001 - arguments travel by position
        """Close the gate, or open it."""
        self._part.gate(closed=closed)

    def on_stop(self) -> None:
        """End the sources."""
        self._part.stop()

    def on_end_inputs(self) -> None:
        """Let nothing more be injected."""
        self._part.end_inputs()

    async def on_inject(self, node: str, port: str, item: Any) -> None:
        """Send an item into a node."""
        await self._part.inject(node, port, item)

    def on_send_event(self, node: str, port: str, event: Event) -> None:
        """Send a control event into a node."""
        self._part.send_event(node, port, event)

    def on_urge(self, below: frozenset[str], interrupt: bool) -> None:  # noqa: FBT001 - likewise
        """Drop what waits for these nodes."""
        self._part.urge(below, interrupt=interrupt)

    def on_attach(self, node: str, port: str) -> None:
        """Let what leaves a port be read."""
        self._part.machine.ends.outlets[node, port].attached = True

    def on_outlet(self, node: str, port: str, fds: list[int]) -> None:
        """Let what leaves a connected port be read too."""
        outlet = RingOutlet(f"{node}.{port}", Queue())
        outlet.connect(Wire(socket.socket(fileno=fds[0])), self._pool)
        self._part.machine.add_remote_outlet(node, port, outlet)

    def on_finished(self) -> bool:
        """Whether all segments have come to their end by themselves."""
        return self._part.finished

    async def on_holder(self) -> str:
        """The node that keeps us from ending."""
        return await self._part.holder()

    async def on_cleanup(self, id: str) -> NodeError | None:
        """Clean up one node."""
        return await self._part.cleanup(id)

    async def on_settle(self) -> Snapshot:
        """Account for what is left, and tell all."""
        await self._part.settle(None)
        return self._snapshot()

    async def on_close(self) -> list[NodeError]:
        """End the threads."""
        return await self._part.close()

    def on_release(self) -> None:
        """There is nothing more to do."""
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        self._released.set()


class _Forward(logging.Handler):
    """Sends what is logged to the pipeline's own process."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls

    def emit(self, record: logging.LogRecord) -> None:
        # As logging.handlers.QueueHandler.prepare: what is formatted travels.
        record.msg, record.args = record.getMessage(), None
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        self._calls.post("log", vars(record))


def _report_to(calls: Calls, levels: Mapping[str, int]) -> None:
    """Let logging and warnings reach the pipeline's own process."""
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)
    logging.getLogger().handlers = [_Forward(calls)]

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del file, line  # the program shows it as it shows its own
        calls.post("warn", str(message), category.__name__, filename, lineno)

    warnings.showwarning = show
