"""Access: the ports of an execution's nodes from outside, in whichever process they live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from streamflow.errors import GraphError
from streamflow.events import Event, Interrupt
from streamflow.scheduler.part import Part
from streamflow.scheduler.plan import Plan


class Access:
    """Finds what is at a port.

    Args:
        plan: of the whole.
        parts: of the execution, that of the pipeline's own process first.
    """

    def __init__(self, plan: Plan, parts: Sequence[Part]) -> None:
        self._plan, self._parts = plan, parts

    def input(self, node: str, port: str) -> Part:
        """The part where a node takes items at a port.

        Raises:
            GraphError: there is no such node or input port.
        """
        nodes = self._plan.graph.nodes
        if node not in nodes or port not in nodes[node].shape.inputs:
            known = [f"{id}.{name}" for id, n in nodes.items() for name in n.shape.inputs]
            raise GraphError(f"no input port {node}.{port}; there are {', '.join(known)}")
        return self._home(node)

    def _home(self, node: str) -> Part:
        return next((part for part in self._parts[1:] if node in part.nodes), self._parts[0])

    def send_event(self, node: str, port: str, event: Event) -> None:
        """Send a control event into a node.

        Raises:
            GraphError: there is no such node or input port.
            LinkClosed: the node has come to its end.
        """
        part = self.input(node, port)
        if event.urgent:
            # It overtakes everything: whatever waits further down is dropped
            # now, so that nobody blocks the way of the event itself.
            below = self._plan.graph.below(node)
            for other in self._parts:
                other.urge(below, interrupt=isinstance(event, Interrupt))
        part.send_event(node, port, event)

    def outputs(self, node: str, port: str) -> AsyncIterator[Any]:
        """Items that leave a port.

        Raises:
            GraphError: there is no such node or port, or it is connected and
                items flow already.
        """
        nodes = self._plan.graph.nodes
        if node not in nodes or port not in nodes[node].outputs:
            known = [f"{id}.{name}" for id, n in nodes.items() for name in n.outputs]
            raise GraphError(f"no output port {node}.{port}; there are {', '.join(known)}")
        return self._home(node).outputs(node, port)
