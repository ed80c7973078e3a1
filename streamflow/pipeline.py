"""Pipelines: the front door. Build a graph with ``>>``, then run it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import PurePath
from typing import Any, Literal, cast

from streamflow.assemble import Assembler, describe
from streamflow.blocking import complete, run_blocking
from streamflow.builder import Builder
from streamflow.clock import Clock, make_clock
from streamflow.errors import GraphError
from streamflow.execution import STALL_AFTER, Execution
from streamflow.manifest.spec import Manifest, RunSpec
from streamflow.metrics import Report
from streamflow.node import Node
from streamflow.progress import Watcher
from streamflow.registry import Registry
from streamflow.registry import registry as default_registry
from streamflow.scheduler.build import Machine, Options
from streamflow.scheduler.checkpointing import Checkpointing, wanted
from streamflow.scheduler.placement import new_event_loop
from streamflow.scheduler.plan import Plan, plan

Inputs = Iterable[Any] | AsyncIterator[Any]
ClockName = Literal["live", "offline"]


class Pipeline(Builder):
    """A graph of nodes that can be run.

    Args:
        name_or_node: a name; or the first node of a chain.
        nodes: the rest of the chain.
        metadata: for the nodes' contexts.

    Attributes:
        name: for reports and errors.
        graph: nodes and edges.
        defaults: how it is run where `run` and `start` are not told otherwise.

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
        super().__init__(name_or_node, *nodes, metadata=metadata)
        self.defaults = RunSpec()
        # Of the last run, with what it was made of.
        self._planned: tuple[object, Plan] | None = None
        self._running: Execution | None = None

    @classmethod
    def from_manifest(
        cls,
        source: Any,
        *,
        registry: Registry = default_registry,
        allow_imports: bool = False,
    ) -> Pipeline:
        """The pipeline that a manifest says.

        Args:
            source: a path; or the text, as JSON or YAML; or what it holds, as a
                dict, whose nodes may be instances. Of the original runtime (v1),
                of ours (v2), or a Symbia graph.
            registry: where node types are looked up.
            allow_imports: whether a type may be ``package.module:Class``.

        Raises:
            ManifestError: it cannot be read, or says what cannot be; all faults
                are told at once, each with its place.
        """
        from streamflow.manifest import load

        manifest = load(source, registry=registry, allow_imports=allow_imports)
        is_path = isinstance(source, PurePath)
        name = str(source) if is_path else f"manifest {manifest.name!r}"
        return cls._assembled(manifest, name, registry, allow_imports=allow_imports)

    @classmethod
    def from_launch(cls, text: str, *, registry: Registry = default_registry) -> Pipeline:
        """The pipeline that a launch string says: ``test-video ! scale width=640 ! snapshot``.

        Raises:
            ManifestError: it cannot be read, or says what cannot be.
        """
        from streamflow.manifest import parse_launch

        return cls._assembled(parse_launch(text), "the launch string", registry)

    @classmethod
    def _assembled(
        cls, manifest: Manifest, source: str, registry: Registry, *, allow_imports: bool = False
    ) -> Pipeline:
        pipeline = cls(manifest.name, metadata=manifest.metadata)
        pipeline.defaults = manifest.run
        Assembler(manifest, registry, allow_imports=allow_imports).build(pipeline, source)
        return pipeline

    def to_manifest(self) -> dict[str, Any]:
        """What a manifest (v2) says of it, as a dict; `from_manifest` makes the same of it.

        Raises:
            GraphError: it holds instances, which no text can say; they are named.
        """
        manifest = replace(describe(self), run=self.defaults)
        from streamflow.manifest import dump

        return dump(manifest, "dict")

    def plan(self, *, threads: bool = True) -> Plan:
        """The graph, cut into segments.

        Raises:
            GraphError: the graph is empty or cannot be cut.
        """
        if not self.graph.nodes:
            raise GraphError(f"pipeline {self.name!r} has no nodes")
        key = threads, tuple(self.graph.nodes.values()), tuple(self.graph.edges)
        if self._planned is None or self._planned[0] != key:
            self._planned = key, plan(self.graph, threads=threads)
        return self._planned[1]

    def explain(self) -> str:
        """The generated source, with what each name and border stands for."""
        made = self.plan()
        instances = {id: node.node for id, node in made.graph.nodes.items()}
        return Machine(made, instances, _NoContexts()).explain()

    def start(
        self,
        inputs: Inputs | Mapping[str, Inputs] | None = None,
        *,
        clock: Clock | ClockName | None = None,
        collect: bool = False,
        max_bytes: int | None = None,
        timing: Literal["sampled", "exact"] = "sampled",
        timeout: float | None = None,
        session_id: str | None = None,
        stall_after: float = STALL_AFTER,
        checkpoint: str | PathLike[str] | None = None,
        every: float | str | None = None,
        items: int | None = None,
        resume: bool = False,
    ) -> Execution:
        """A new execution, to be entered with ``async with``.

        Args:
            inputs: items for the node that no edge feeds; by id if there are several.
            clock: how time passes; here and below, None is what the manifest says if
                there is one, else ``live``, and no limit.
            collect: keep what unconnected ``out`` ports emit in the report.
            max_bytes: bound on what waits on all links together.
            timing: time one item in 64, or all.
            timeout: seconds for the whole run; then it fails with a `TimeoutError`.
            session_id: for the nodes' contexts.
            stall_after: seconds after which a node that holds its thread is reported.
            checkpoint: directory for checkpoints, of this pipeline alone; None for none.
            every: seconds between two, or such as ``"500ms"`` or ``"2m"``; 10 s
                where neither this nor ``items`` is given.
            items: items of any one source, or of the inputs, between two.
            resume: go on from the newest checkpoint that is there; inputs are to be
                given again, and what was used of them is passed over. Pickles run
                code: resume from directories of your own only.

        Raises:
            GraphError: it holds instances and has an execution already, or the
                graph or the inputs do not fit.
            ValueError: one of the arguments cannot be.
        """
        return self._execution(
            inputs,
            make_clock(clock or self.defaults.clock or "live"),
            Options(collect, not collect, max_bytes, timing == "exact"),
            session_id=session_id,
            stall_after=stall_after,
            timeout=self.defaults.timeout if timeout is None else timeout,
            checkpointing=self._wanted(checkpoint, every, items, resume=resume),
        )

    def _wanted(
        self,
        directory: str | PathLike[str] | None,
        every: float | str | None,
        items: int | None,
        *,
        resume: bool,
    ) -> Checkpointing | None:
        """What is wanted of checkpoints: as asked for, else as the manifest says."""
        if directory is None:
            directory = self.defaults.checkpoint
        if every is None and items is None and directory is not None:
            every, items = self.defaults.every, self.defaults.items
        return wanted(directory, every, items, resume=resume)

    def _execution(
        self,
        inputs: Inputs | Mapping[str, Inputs] | None,
        clock: Clock,
        options: Options,
        checkpointing: Checkpointing | None,
        **more: Any,
    ) -> Execution:
        if options.max_bytes is None:
            options = replace(options, max_bytes=self.defaults.max_bytes)
        if checkpointing is not None:
            options = replace(options, cuts=True, cut_items=checkpointing.items)
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
            checkpointing=checkpointing,
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
        clock: Clock | ClockName | None = None,
        collect: bool = False,
        max_bytes: int | None = None,
        timing: Literal["sampled", "exact"] = "sampled",
        timeout: float | None = None,
        session_id: str | None = None,
        stall_after: float = STALL_AFTER,
        progress: bool | Watcher | None = None,
        checkpoint: str | PathLike[str] | None = None,
        every: float | str | None = None,
        items: int | None = None,
        resume: bool = False,
    ) -> Report:
        """Run to the end, and report.

        Inside a running loop (Jupyter, FastAPI) it uses a loop of its own on a
        thread.

        Args:
            inputs: as in `start`.
            clock: as in `start`, but else ``offline``.
            collect: as in `start`; always so where there are inputs.
            max_bytes: as in `start`.
            timing: as in `start`.
            session_id: as in `start`.
            stall_after: as in `start`.
            timeout: seconds for the whole run.
            progress: a progress bar on stderr; None shows it on a terminal. Or a
                function of the execution that gives an async context manager, which
                is entered before the first item and left after the last.
            checkpoint: as in `start`.
            every: as in `start`.
            items: as in `start`.
            resume: as in `start`; a run that had come to its end gives its results again.

        Raises:
            NodeError: a node failed.
            TimeoutError: the run took longer than ``timeout``.
            CheckpointError: checkpoints cannot be taken, or not be gone on from.
        """
        timeout = self.defaults.timeout if timeout is None else timeout
        execution = self._execution(
            inputs,
            make_clock(clock or self.defaults.clock or "offline"),
            Options(collect or inputs is not None, False, max_bytes, timing == "exact"),
            session_id=session_id,
            stall_after=stall_after,
            checkpointing=self._wanted(checkpoint, every, items, resume=resume),
        )
        return run_blocking(
            lambda: complete(execution, timeout=timeout, progress=progress),
            lambda: execution.clock.new_event_loop() or new_event_loop(),
        )


class _NoContexts(dict[str, Any]):
    """Stands in for contexts where code is generated but not run."""

    def __missing__(self, key: str) -> Any:
        from streamflow.context import NodeContext

        self[key] = NodeContext(key, "")
        return self[key]
