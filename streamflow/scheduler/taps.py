"""Taps: ports of a worker's nodes that are read in the pipeline's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from streamflow.errors import GraphError
from streamflow.flow.outlet import read
from streamflow.flow.ring_inlet import RingInlet
from streamflow.graph import Queue
from streamflow.ipc.wire import Wire
from streamflow.scheduler.calls import Calls


class Taps:
    """What is read, and what could be.

    Args:
        outlets: by (node, port), what the worker sends here although no edge does.
    """

    def __init__(self, outlets: Mapping[tuple[str, str], RingInlet]) -> None:
        self._outlets = dict(outlets)
        self._read: set[tuple[str, str]] = set()
        self._made: dict[tuple[str, str], RingInlet] = {}

    def read(
        self, node: str, port: str, calls: Calls | None, *, launched: bool
    ) -> AsyncIterator[Any]:
        """Items that leave a port.

        Args:
            node: which node.
            port: its port.
            calls: to the worker, if there is one.
            launched: whether items flow already.

        Raises:
            GraphError: it is read already; or it is connected, and items flow.
        """
        where = node, port
        if where in self._read:
            raise GraphError(f"{node}.{port} is read already")
        self._read.add(where)
        if where not in self._outlets:
            self._outlets[where] = self._tap(node, port, calls, launched=launched)
        elif calls is not None:
            calls.post("attach", node, port)
        return read(self._outlets[where])

    def _tap(self, node: str, port: str, calls: Calls | None, *, launched: bool) -> RingInlet:
        """Let a connected port be read too."""
        if launched or calls is None:
            raise GraphError(
                f"outputs of {node}.{port}, which is connected, must be asked for "
                "before the first item: before the first await after start"
            )
        inlet = self._made[node, port] = RingInlet(f"{node}.{port}", Queue())
        _wire(node, port, inlet, calls)
        return inlet

    def renew(self, calls: Calls) -> None:
        """Go on with a worker that took the place of another."""
        for where in self._read - self._made.keys():
            calls.post("attach", *where)
        for (node, port), inlet in self._made.items():
            _wire(node, port, inlet, calls)

    def fail(self, failure: BaseException | None) -> None:
        """Let those who read know how the run ended."""
        for inlet in self._outlets.values():
            inlet.failure = failure

    def free(self) -> None:
        """Give up the rings; what was received stays readable."""
        for inlet in self._made.values():
            inlet.free()


def _wire(node: str, port: str, inlet: RingInlet, calls: Calls) -> None:
    here, there = Wire.pair()
    inlet.connect(here)
    calls.post("outlet", node, port, fds=[there.fileno()])
    there.close()
