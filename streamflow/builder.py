"""Builders: a graph, made step by step with ``>>``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, overload

from streamflow.errors import GraphError
from streamflow.flow.merge import make_merge
from streamflow.function import FunctionNode
from streamflow.graph import (
    ErrorPolicy,
    Graph,
    GraphNode,
    NodeOptions,
    Place,
    Placement,
    Queue,
    unique_id,
)
from streamflow.handle import Handle, NodeHandle, PortHandle, Side
from streamflow.node import Node
from streamflow.registry import bind, registry, snake_case
from streamflow.retry import CircuitBreaker, Retry


class Builder:
    """Makes a graph.

    Args:
        name_or_node: a name; or the first node of a chain.
        nodes: the rest of the chain.
        metadata: for the nodes' contexts.

    Attributes:
        name: for reports and errors.
        graph: nodes and edges.
    """

    def __init__(
        self,
        name_or_node: str | Node = "pipeline",
        *nodes: Node,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        named = isinstance(name_or_node, str)
        self.name: str = name_or_node if isinstance(name_or_node, str) else "pipeline"
        self.graph = Graph()
        self.metadata = dict(metadata or {})
        self._handles: dict[str, Handle] = {}
        self._instances: dict[int, NodeHandle] = {}
        self._exposed: dict[Side, dict[str, Place]] = {"input": {}, "output": {}}
        chain = nodes if named else (name_or_node, *nodes)
        last: Handle | None = None
        for node in chain:
            if not isinstance(node, Node):
                raise GraphError(f"a chain is made of nodes, not {type(node).__name__}")
            handle = self.add(node)
            if last is not None:
                self.connect(last, handle)
            last = handle

    @overload
    def add(self, node: Builder, /, *, id: str | None = None) -> Handle: ...
    @overload
    def add(
        self,
        node: Node | type[Node] | str,
        /,
        *,
        id: str | None = None,
        on: Placement = "inline",
        error: ErrorPolicy = "fail",
        timeout: float | None = None,
        concurrency: int = 1,
        retry: Retry | None = None,
        breaker: CircuitBreaker | None = None,
        **params: Any,
    ) -> NodeHandle: ...
    def add(
        self,
        node: Node | type[Node] | str | Builder,
        /,
        *,
        id: str | None = None,
        on: Placement = "inline",
        error: ErrorPolicy = "fail",
        timeout: float | None = None,
        concurrency: int = 1,
        retry: Retry | None = None,
        breaker: CircuitBreaker | None = None,
        **params: Any,
    ) -> Handle:
        """Add a node, or all nodes of another pipeline.

        Args:
            node: an instance, which is the very one that runs; or a class, or the
                name of a node type, of which each execution makes its own; or a
                pipeline, whose nodes are taken in as ``id/node`` and whose open
                ports are those of the handle.
            id: unique; the class name in snake case if not given.
            on: where it runs: ``inline``, ``thread``, ``process`` or a `Process`.
            error: what happens to an item it fails on.
            timeout: seconds that one call may take.
            concurrency: calls under way at once.
            retry: makes a call again that has failed, before ``error`` holds.
            breaker: lets it rest when it keeps failing.
            params: for the constructor, where a class or a name is given.

        Raises:
            GraphError: an option cannot be, the id is taken, the instance is in
                the pipeline already, or lacks what a node needs.
            UnknownNodeError: no node type has that name.
        """
        options = NodeOptions(on, error, timeout, concurrency, retry, breaker)
        if isinstance(node, Builder):
            if params or options != NodeOptions():
                raise GraphError("options go with the nodes of a pipeline, not with the whole")
            return self._include(node, id)
        factory: Callable[[], Node] | None = None
        name = ""
        if isinstance(node, str):
            name = registry.name_of(node)
            factory = bind(registry.get(name), params)
            node = factory()
        elif isinstance(node, type):
            factory = bind(node, params)
            node = factory()
        elif params:
            raise GraphError(f"unknown option {', '.join(params)}; parameters go with a class")
        id = id or unique_id(default_id(node), self._handles)
        return self.place(id, node, options, factory, params, name)

    def place(
        self,
        id: str,
        node: Node,
        options: NodeOptions,
        factory: Callable[[], Node] | None = None,
        params: Mapping[str, Any] | None = None,
        type: str = "",
    ) -> NodeHandle:
        """Add a node that has been made; `add` is what calls this.

        Args:
            id: unique.
            node: the instance.
            options: how it is run.
            factory: makes one for each execution; None: the very instance runs.
            params: what the factory gives the constructor.
            type: name by which a manifest calls it, if that is known.

        Raises:
            GraphError: as `add`.
        """
        self._check_new(node)
        self._check_id(id)
        return self._handle(self.graph.add(id, node, options, factory, params, type))

    def expose(self, port: str, end: Handle | PortHandle, side: Side) -> None:
        """Name a port by which this pipeline is connected where it stands within another.

        Args:
            port: the name. Once one is named, the other open ports of that side
                cannot be reached from outside.
            end: what it stands for.
            side: ``input`` or ``output``.

        Raises:
            GraphError: there is no such port on that side.
        """
        if isinstance(end, Handle):
            end = end.input() if side == "input" else end.output()
        self._exposed[side][port] = end.place(side)

    def _check_new(self, node: Node) -> None:
        known = self._instances.get(builtin_id(node))
        if known is not None:
            raise GraphError(f"this instance is in the pipeline already, as {known.id!r}")

    def _check_id(self, id: str) -> None:
        if id in self._handles:
            raise GraphError(f"the graph has a node {id!r} already")

    def _handle(self, node: GraphNode) -> NodeHandle:
        handle = NodeHandle(self, node)
        self._handles[node.id] = self._instances[builtin_id(node.node)] = handle
        return handle

    def _include(self, other: Builder, id: str | None) -> Handle:
        id = id or unique_id(re.sub(r"\W+", "_", other.name.lower()), self._handles)
        self._check_id(id)
        for node in other.graph.nodes.values():
            if node.factory is None:
                self._check_new(node.node)
        self.graph.include(id, other.graph)
        for inner in other.graph.nodes:
            self._handle(self.graph.nodes[f"{id}/{inner}"])
        open_inputs, open_outputs = other.graph.open_ports()
        inputs, outputs = (
            {name: (f"{id}/{node}", port) for name, (node, port) in places.items()}
            for places in (
                other._exposed["input"] or open_inputs,
                other._exposed["output"] or open_outputs,
            )
        )
        handle = self._handles[id] = Handle(self, id, inputs, outputs)
        return handle

    def __contains__(self, id: str) -> bool:
        """Whether something was added under that id."""
        return id in self._handles

    def __getitem__(self, id: str) -> Handle:
        """The handle of a node by its id."""
        if id not in self._handles:
            raise GraphError(f"pipeline {self.name!r} has no node {id!r}")
        return self._handles[id]

    def end(self, end: Handle | PortHandle | Node) -> Handle | PortHandle:
        """An end to connect: a node's handle, added if it is not there yet.

        Raises:
            GraphError: it belongs to another pipeline.
        """
        if isinstance(end, Node):
            return self._instances.get(builtin_id(end)) or self.add(end)
        owner = end.handle.pipeline if isinstance(end, PortHandle) else end.pipeline
        if owner is not self:
            raise GraphError(f"{end!r} belongs to another pipeline, {owner.name!r}")
        return end

    def connect(
        self,
        source: Handle | PortHandle | Node,
        target: Handle | PortHandle | Node,
        *,
        queue: Queue | None = None,
    ) -> None:
        """Connect an output to an input; what ``>>`` does.

        Raises:
            GraphError: an end is ambiguous, or from another pipeline.
            PortMismatchError: the ports cannot meet.
        """
        left, right = self.end(source), self.end(target)
        out = left if isinstance(left, PortHandle) else left.output()
        into = right if isinstance(right, PortHandle) else right.input()
        self.graph.connect(*out.place("output"), *into.place("input"), queue)

    def merge(
        self, *sources: Handle | PortHandle | Node, policy: str = "interleave", **options: Any
    ) -> NodeHandle:
        """Merge streams into one.

        Args:
            sources: two or more ends; their order is the order in each tuple.
            policy: ``interleave`` (arrival), ``zip`` (index), ``sync`` (pts;
                ``tolerance``, ``timeout``), ``combine_latest``, ``concat``
                (whole streams in order) or ``select`` (``initial``).
            options: of the policy.

        Returns:
            The merge's handle. All policies but ``interleave``, ``concat`` and
            ``select`` emit tuples.

        Raises:
            ValueError: no such policy, or it does not take an option.
        """
        make = partial(make_merge, policy, len(sources), **options)
        merge = make()
        # A stream is selected on the very merge that runs; the others know nothing of outside.
        factory = None if policy == "select" else make
        params = {"policy": policy, "inputs": len(sources), **options}
        id = unique_id(f"merge_{policy}", self._handles)
        handle = self.place(id, merge, NodeOptions(), factory, params, "Merge")
        for source, port in zip(sources, merge.ports, strict=True):
            self.connect(source, handle[port])
        return handle


builtin_id = id
"""``id`` is a parameter here."""


def default_id(node: Node) -> str:
    """The id that a node gets: its class, or its function, in snake case."""
    if isinstance(node, FunctionNode):
        name = node.__name__
        return "function" if name == "<lambda>" else snake_case(name)
    return snake_case(type(node).__name__)
