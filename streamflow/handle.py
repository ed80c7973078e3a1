"""Handles: a pipeline's nodes and ports, to be connected with ``>>``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from streamflow.errors import GraphError
from streamflow.graph import GraphNode, Queue
from streamflow.node import Node

if TYPE_CHECKING:
    from streamflow.pipeline import Pipeline


class PortHandle:
    """One port of a node in a pipeline; connect it with ``>>``."""

    def __init__(self, handle: Handle, port: str, queue: Queue | None = None) -> None:
        self.handle, self.port, self._queue = handle, port, queue

    @overload
    def __rshift__(self, other: Queue) -> PortHandle: ...
    @overload
    def __rshift__(self, other: Handle | PortHandle | Node) -> Handle: ...
    def __rshift__(self, other: Handle | PortHandle | Node | Queue) -> Handle | PortHandle:
        """Connect to the right; returns the right end."""
        if isinstance(other, Queue):
            if self._queue is not None:
                raise GraphError("two queues in a row: one holds what both would")
            return PortHandle(self.handle, self.port, other)
        pipeline = self.handle.pipeline
        right = pipeline.end(other)
        target = right if isinstance(right, PortHandle) else right.input()
        pipeline.connect(self, target, queue=self._queue)
        return target.handle

    def __repr__(self) -> str:
        return f"<port {self.handle.id}.{self.port}>"


class Handle:
    """A node in a pipeline.

    ``handle["port"]`` is one of its ports; the handle itself stands for its only
    port, or for ``in`` and ``out``.

    Attributes:
        pipeline: where it was added.
        id: unique in the pipeline.
        node: the instance.
    """

    def __init__(self, pipeline: Pipeline, node: GraphNode) -> None:
        self.pipeline, self.id, self.node = pipeline, node.id, node.node
        self._graph_node = node

    def __getitem__(self, port: str) -> PortHandle:
        known = {*self._graph_node.shape.inputs, *self._graph_node.outputs}
        if port not in known:
            raise GraphError(
                f"node {self.id!r} has no port {port!r}; it has {', '.join(sorted(known))}"
            )
        return PortHandle(self, port)

    @overload
    def __rshift__(self, other: Queue) -> PortHandle: ...
    @overload
    def __rshift__(self, other: Handle | PortHandle | Node) -> Handle: ...
    def __rshift__(self, other: Handle | PortHandle | Node | Queue) -> Handle | PortHandle:
        """Connect to the right; returns the right end."""
        return self.output() >> other

    def input(self) -> PortHandle:
        """Its only input port, or ``in``.

        Raises:
            GraphError: that is ambiguous; it lists the ports.
        """
        return self._default(self._graph_node.shape.inputs, "in", "input")

    def output(self) -> PortHandle:
        """Its only output port, or ``out``; see `input`."""
        return self._default(self._graph_node.outputs, "out", "output")

    def _default(self, ports: Mapping[str, Any], name: str, side: str) -> PortHandle:
        if name in ports:
            return PortHandle(self, name)
        if len(ports) == 1:
            return PortHandle(self, next(iter(ports)))
        known = ", ".join(ports) or "none"
        raise GraphError(f"name the {side} port of node {self.id!r}: it has {known}")

    def __repr__(self) -> str:
        return f"<node {self.id}>"
