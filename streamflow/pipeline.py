"""Pipelines: the front door. Build a graph with ``>>``, then run it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Literal, cast

from streamflow.blocking import complete, run_blocking
from streamflow.clock import Clock, make_clock
from streamflow.errors import GraphError
from streamflow.execution import STALL_AFTER, Execution
from streamflow.flow.merge import make_merge
from streamflow.function import FunctionNode
from streamflow.graph import (
    ErrorPolicy,
    Graph,
    NodeOptions,
    Placement,
    Queue,
    unique_id,
)
from streamflow.handle import Handle, PortHandle
from streamflow.metrics import Report
from streamflow.node import Node
from streamflow.registry import snake_case
from streamflow.retry import CircuitBreaker, Retry
from streamflow.scheduler.build import Machine, Options
from streamflow.scheduler.placement import new_event_loop
from streamflow.scheduler.plan import Plan, plan
from streamflow.schema import check_params

Inputs = Iterable[Any] | AsyncIterator[Any]
ClockName = Literal["live", "offline"]


class Pipeline:
    """A graph of nodes that can be run.

    Args:
        name_or_node: a name; or the first node of a chain.
        nodes: the rest of the chain.
        metadata: for the nodes' contexts.

    Attributes:
        name: for reports and errors.
        graph: nodes and edges.

    >>> from streamflow.nodes import PassThrough
    >>> from streamflow.function import node
    >>> Pipeline(PassThrough(), node(lambda x: x * 2)).run([1, 2, 3]).results
    [2, 4, 6]
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
        self._handles: dict[int, Handle] = {}
        self._running: Execution | None = None
        chain = nodes if named else (name_or_node, *nodes)
        last: Handle | None = None
        for node in chain:
            if not isinstance(node, Node):
                raise GraphError(f"a chain is made of nodes, not {type(node).__name__}")
            handle = self.add(node)
            if last is not None:
                self.connect(last, handle)
            last = handle

    def add(
        self,
        node: Node | type[Node],
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
        """Add a node.

        Args:
            node: an instance, which is the very one that runs; or a class, of
                which each execution makes its own.
            id: unique; the class name in snake case if not given.
            on: where it runs: ``inline``, ``thread``, ``process`` or a `Process`.
            error: what happens to an item it fails on.
            timeout: seconds that one call may take.
            concurrency: calls under way at once.
            retry: makes a call again that has failed, before ``error`` holds.
            breaker: lets it rest when it keeps failing.
            params: for the constructor, where a class is given.

        Raises:
            GraphError: an option cannot be, the id is taken, the instance is in
                the pipeline already, or lacks what a node needs.
        """
        factory: Callable[[], Node] | None = None
        if isinstance(node, type):
            cls = node
            check_params(cls, params)
            factory = lambda: cls(**params)  # noqa: E731 - closes over cls and params
            node = factory()
        elif params:
            raise GraphError(f"unknown option {', '.join(params)}; parameters go with a class")
        if builtin_id(node) in self._handles:
            known = self._handles[builtin_id(node)].id
            raise GraphError(f"this instance is in the pipeline already, as {known!r}")
        options = NodeOptions(on, error, timeout, concurrency, retry, breaker)
        id = id or unique_id(default_id(node), self.graph.nodes)
        added = self.graph.add(id, node, options, factory, params)
        handle = self._handles[builtin_id(node)] = Handle(self, added)
        return handle

    def __getitem__(self, id: str) -> Handle:
        """The handle of a node by its id."""
        for handle in self._handles.values():
            if handle.id == id:
                return handle
        raise GraphError(f"pipeline {self.name!r} has no node {id!r}")

    def end(self, end: Handle | PortHandle | Node) -> Handle | PortHandle:
        """An end to connect: a node's handle, added if it is not there yet.

        Raises:
            GraphError: it belongs to another pipeline.
        """
        if isinstance(end, Node):
            return self._handles.get(builtin_id(end)) or self.add(end)
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
        self.graph.connect(out.handle.id, out.port, into.handle.id, into.port, queue)

    def merge(
        self, *sources: Handle | PortHandle | Node, policy: str = "interleave", **options: Any
    ) -> Handle:
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
        merge = make_merge(policy, len(sources), **options)
        handle = self.add(merge, id=unique_id(f"merge_{policy}", self.graph.nodes))
        for source, port in zip(sources, merge.ports, strict=True):
            self.connect(source, handle[port])
        return handle

    def plan(self, *, threads: bool = True) -> Plan:
        """The graph, cut into segments.

        Raises:
            GraphError: the graph is empty or cannot be cut.
        """
        if not self.graph.nodes:
            raise GraphError(f"pipeline {self.name!r} has no nodes")
        return plan(self.graph, threads=threads)

    def explain(self) -> str:
        """The generated source, with what each name and border stands for."""
        made = self.plan()
        instances = {id: node.node for id, node in made.graph.nodes.items()}
        return Machine(made, instances, _NoContexts()).explain()

    def start(
        self,
        inputs: Inputs | Mapping[str, Inputs] | None = None,
        *,
        clock: Clock | ClockName = "live",
        collect: bool = False,
        max_bytes: int | None = None,
        timing: Literal["sampled", "exact"] = "sampled",
        session_id: str | None = None,
        stall_after: float = STALL_AFTER,
    ) -> Execution:
        """A new execution, to be entered with ``async with``.

        Args:
            inputs: items for the node that no edge feeds; by id if there are several.
            clock: how time passes.
            collect: keep what unconnected ``out`` ports emit in the report.
            max_bytes: bound on what waits on all links together.
            timing: time one item in 64, or all.
            session_id: for the nodes' contexts.
            stall_after: seconds after which a node that holds its thread is reported.

        Raises:
            GraphError: it holds instances and has an execution already, or the
                graph or the inputs do not fit.
        """
        return self._execution(
            inputs,
            make_clock(clock),
            Options(collect, not collect, max_bytes, timing == "exact"),
            session_id=session_id,
            stall_after=stall_after,
        )

    def _execution(
        self,
        inputs: Inputs | Mapping[str, Inputs] | None,
        clock: Clock,
        options: Options,
        **more: Any,
    ) -> Execution:
        made = self.plan(threads=clock.threads)
        feeds = self._feeds(inputs, made)
        instances = {
            id: node.factory() if node.factory else node.node
            for id, node in made.graph.nodes.items()
        }
        execution = Execution(
            self.name,
            made,
            instances,
            clock=clock,
            options=options,
            inputs=feeds,
            metadata=self.metadata,
            **more,
        )
        self._claim(execution)
        return execution

    def _claim(self, execution: Execution) -> None:
        """Let one execution at a time have the instances."""
        shared = [node.id for node in self.graph.nodes.values() if node.factory is None]
        if shared and self._running is not None and not self._running.state.final:
            raise GraphError(
                f"pipeline {self.name!r} is running already, and holds instances "
                f"({', '.join(shared[:3])}): add classes with their parameters to run several"
            )
        self._running = execution

    def _feeds(
        self, inputs: Inputs | Mapping[str, Inputs] | None, made: Plan
    ) -> Mapping[str, Inputs]:
        if inputs is None:
            return {}
        graph = made.graph
        fed = {edge.target for edge in graph.edges}
        open_nodes = [id for id in graph.nodes if graph.nodes[id].shape.inputs and id not in fed]
        if isinstance(inputs, Mapping):
            feeds = cast("Mapping[str, Inputs]", inputs)
            unknown = feeds.keys() - set(open_nodes)
            if unknown:
                raise GraphError(
                    f"inputs name {', '.join(sorted(unknown))}; open are {', '.join(open_nodes)}"
                )
            return feeds
        if len(open_nodes) != 1:
            raise GraphError(
                f"inputs need one node without edges into it; there are "
                f"{len(open_nodes)} ({', '.join(open_nodes)}): pass a dict by node id"
            )
        return {open_nodes[0]: inputs}

    def run(
        self,
        inputs: Inputs | Mapping[str, Inputs] | None = None,
        *,
        clock: Clock | ClockName = "offline",
        collect: bool = False,
        max_bytes: int | None = None,
        timing: Literal["sampled", "exact"] = "sampled",
        timeout: float | None = None,
        session_id: str | None = None,
        stall_after: float = STALL_AFTER,
        progress: bool | None = None,
    ) -> Report:
        """Run to the end, and report.

        Inside a running loop (Jupyter, FastAPI) it uses a loop of its own on a
        thread.

        Args:
            inputs: as in `start`.
            clock: as in `start`.
            collect: as in `start`; always so where there are inputs.
            max_bytes: as in `start`.
            timing: as in `start`.
            session_id: as in `start`.
            stall_after: as in `start`.
            timeout: seconds for the whole run.
            progress: a progress bar on stderr; None shows it on a terminal.

        Raises:
            NodeError: a node failed.
            TimeoutError: the run took longer than ``timeout``.
        """
        execution = self._execution(
            inputs,
            make_clock(clock),
            Options(collect or inputs is not None, False, max_bytes, timing == "exact"),
            session_id=session_id,
            stall_after=stall_after,
        )
        return run_blocking(
            lambda: complete(execution, timeout=timeout, progress=progress),
            lambda: execution.clock.new_event_loop() or new_event_loop(),
        )


builtin_id = id
"""``id`` is a parameter here."""


def default_id(node: Node) -> str:
    """The id that a node gets: its class, or its function, in snake case."""
    if isinstance(node, FunctionNode):
        name = node.__name__
        return "function" if name == "<lambda>" else snake_case(name)
    return snake_case(type(node).__name__)


class _NoContexts(dict[str, Any]):
    """Stands in for contexts where code is generated but not run."""

    def __missing__(self, key: str) -> Any:
        from streamflow.context import NodeContext

        self[key] = NodeContext(key, "")
        return self[key]
