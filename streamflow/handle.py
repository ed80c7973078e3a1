"""Handles: what was added to a pipeline, and its ports, to be connected with ``>>``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, overload

from streamflow.errors import GraphError
from streamflow.graph import GraphNode, Place, Queue
from streamflow.node import Node

if TYPE_CHECKING:
    from streamflow.builder import Builder

Side = Literal["input", "output"]


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

    def place(self, side: Side) -> Place:
        """The node and port of the graph that it stands for.

        Raises:
            GraphError: what it belongs to has no such port on that side.
        """
        return self.handle.place(self.port, side)

    def __repr__(self) -> str:
        return f"<port {self.handle.id}.{self.port}>"


class Handle:
    """What was added to a pipeline under one id: a node, or a graph of nodes.

    ``handle["port"]`` is one of its ports; the handle itself stands for its only
    port, or for ``in`` and ``out``.

    Attributes:
        pipeline: where it was added.
        id: unique in the pipeline.
        inputs: its input ports, and where in the graph each of them is.
        outputs: the same of its output ports.
    """

    def __init__(
        self, pipeline: Builder, id: str, inputs: Mapping[str, Place], outputs: Mapping[str, Place]
    ) -> None:
        self.pipeline, self.id, self.inputs, self.outputs = pipeline, id, inputs, outputs

    def __getitem__(self, port: str) -> PortHandle:
        known = {*self.inputs, *self.outputs}
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
        return self._default(self.inputs, "in", "input")

    def output(self) -> PortHandle:
        """Its only output port, or ``out``; see `input`."""
        return self._default(self.outputs, "out", "output")

    def place(self, port: str, side: Side) -> Place:
        """The node and port of the graph that one of its ports stands for.

        Raises:
            GraphError: it has no such port on that side.
        """
        ports = self.inputs if side == "input" else self.outputs
        if port not in ports:
            known = ", ".join(ports) if ports else f"no {side}s"
            raise GraphError(f"node {self.id!r} has no {side} port {port!r}; it has {known}")
        return ports[port]

    def _default(self, ports: Mapping[str, Place], name: str, side: str) -> PortHandle:
        if name in ports:
            return PortHandle(self, name)
        if len(ports) == 1:
            return PortHandle(self, next(iter(ports)))
        known = ", ".join(ports) or "none"
        raise GraphError(f"name the {side} port of node {self.id!r}: it has {known}")

    def __repr__(self) -> str:
        return f"<node {self.id}>"


class NodeHandle(Handle):
    """A node in a pipeline.

    Attributes:
        node: the instance; where each execution makes its own, the first of them.
    """

    def __init__(self, pipeline: Builder, node: GraphNode) -> None:
        inputs = {port: (node.id, port) for port in node.shape.inputs}
        outputs = {port: (node.id, port) for port in node.outputs}
        super().__init__(pipeline, node.id, inputs, outputs)
        self.node = node.node
