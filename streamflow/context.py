"""The context: everything a node may know and do beyond its own item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from streamflow.clock import Clock
from streamflow.events import Event
from streamflow.ipc.pool import Pool, PoolStatistics
from streamflow.state import NodeState

if TYPE_CHECKING:
    import logging

MAX_EMITTED = 1_024
"""Items that one call may emit through the context before it returns."""

NOTHING_LENT: Final = PoolStatistics(0, 0)
"""Of a node that has never allocated."""


class NodeContext:
    """Given to `Node.initialize`; one for each node of each execution.

    Attributes:
        node_id: id of the node in the graph.
        node_type: name of its class.
        execution_id: unique to the run.
        instance_id: unique to this node in this run.
        session_id: the caller's, or None.
        params: what the constructor was given, where the pipeline knows it; read-only.
        metadata: the pipeline's; read-only.
        state: named values, private to this node of this execution.
        clock: the execution's clock.
        resumed: whether the run goes on from a checkpoint. What an earlier run left
            is to be kept then: `Node.set_state` follows `initialize`.
        connected: names of the node's ports, in and out, that an edge ends at;
            None where nobody knows, and then all are to be served.
    """

    def __init__(
        self,
        node_id: str,
        node_type: str,
        *,
        execution_id: str = "",
        session_id: str | None = None,
        params: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        connected: frozenset[str] | None = None,
        charge: Callable[[int, str | None], None] | None = None,
        send_event: Callable[[Event], None] | None = None,
        make_pool: Callable[[], Pool] = Pool,
    ) -> None:
        self.node_id, self.node_type = node_id, node_type
        self.execution_id, self.session_id = execution_id, session_id
        self.instance_id = f"{execution_id}:{node_id}"
        self.params = MappingProxyType(dict(params or {}))
        self.metadata = MappingProxyType(dict(metadata or {}))
        self.state = NodeState()
        self.clock = clock or Clock()
        self.resumed = False
        self.connected = connected
        self.emitted: list[tuple[str, Any]] = []
        self._charge = charge
        self._send_event = send_event
        self._make_pool = make_pool

    @cached_property
    def _pool(self) -> Pool:
        return self._make_pool()

    @property
    def memory(self) -> PoolStatistics:
        """Bytes lent through `allocate`: alive now, and at most so far."""
        return self._pool.statistics() if "_pool" in vars(self) else NOTHING_LENT

    @cached_property
    def logger(self) -> logging.Logger:
        """``streamflow.node.<id>``."""
        import logging

        return logging.getLogger(f"streamflow.node.{self.node_id}")

    def emit(self, port: str, value: Any) -> None:
        """Emit an item after the ones before it, once the current call has returned.

        Raises:
            OverflowError: this call has emitted `MAX_EMITTED` items already;
                a generator has no such limit.
        """
        if len(self.emitted) >= MAX_EMITTED:
            raise OverflowError(
                f"one call of {self.node_id!r} emitted {MAX_EMITTED} items; "
                "make process a generator, which waits for room"
            )
        self.emitted.append((port, value))

    def emit_batch(self, port: str, values: Iterable[Any]) -> None:
        """Emit several items, in order; see `emit`."""
        for value in values:
            self.emit(port, value)

    def send_event(self, event: Event) -> None:
        """Send a control event down every output, behind what was emitted before."""
        if self._send_event is not None:
            self._send_event(event)

    def allocate(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """Memory for a frame to be emitted, with whatever was in it before.

        Args:
            shape: dimensions.
            dtype: element type.

        Raises:
            ValueError: shape or dtype cannot be.
        """
        return self._pool.allocate(shape, dtype)

    def count_copy(self, nbytes: int, port: str | None = None) -> None:
        """Enter a copy that the node itself made into the copy ledger.

        Args:
            nbytes: how much was copied.
            port: the output whose edges it is charged to; None for the input.
        """
        if self._charge is not None:
            self._charge(nbytes, port)
