"""One call: run a pipeline to its end, whatever form it comes in.

A manifest, a pipeline, a node, or a list of nodes and manifest entries: what is
an instance runs as that very instance, and what is text is made into one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, cast

from streamflow.blocking import complete
from streamflow.clock import Clock
from streamflow.errors import GraphError
from streamflow.graph import unique_id
from streamflow.metrics import Report
from streamflow.node import Node
from streamflow.pipeline import ClockName, Inputs, Pipeline
from streamflow.registry import Registry, snake_case
from streamflow.registry import registry as default_registry

Entry: TypeAlias = Node | type[Node] | str | Mapping[str, Any]
"""A node of a chain: an instance, a class, the name of a type, or a manifest's entry."""

Executable: TypeAlias = (
    Pipeline | Node | Sequence[Entry] | Mapping[str, Any] | str | os.PathLike[str]
)
"""What can be executed: a pipeline, nodes, or a manifest as a dict, text or path."""


async def execute_pipeline(
    pipeline: Executable,
    *,
    registry: Registry = default_registry,
    allow_imports: bool = False,
    clock: Clock | ClockName | None = None,
    timeout: float | None = None,
) -> Report:
    """Run a pipeline that has sources of its own to its end.

    Args:
        pipeline: a `Pipeline`; a node, or a list of nodes that form a chain, each
            an instance, a class, a type's name or a manifest's entry; or a
            manifest, as a dict, a text or a path.
        registry: where names of types are looked up.
        allow_imports: whether a manifest may name classes by their import paths.
        clock: how time passes; ``offline`` if the manifest does not say.
        timeout: seconds for the whole run.

    Returns:
        The report; ``report.results`` holds what came out of the last node.

    Raises:
        GraphError: an instance lacks what a node needs, or nodes cannot be connected.
        ManifestError: a manifest cannot be read, or says what cannot be.
        NodeError: a node failed.
        TimeoutError: the run took longer than ``timeout``.

    >>> import asyncio, streamflow as sf
    >>> @sf.node
    ... def numbers():
    ...     yield from range(3)
    >>> asyncio.run(sf.execute_pipeline([numbers, "PassThrough"])).results
    [0, 1, 2]
    """
    made = pipeline_of(pipeline, registry, allow_imports=allow_imports)
    execution = made.start(clock=_clock(made, clock), collect=True)
    return await complete(execution, timeout=timeout)


async def execute_pipeline_with_input(
    pipeline: Executable,
    inputs: Inputs | Mapping[str, Inputs],
    *,
    registry: Registry = default_registry,
    allow_imports: bool = False,
    clock: Clock | ClockName | None = None,
    timeout: float | None = None,
) -> Report:
    """Feed items to a pipeline, and run it to its end.

    Args:
        pipeline: as in `execute_pipeline`.
        inputs: items for the node that no edge feeds; by id if there are several.
        registry: as in `execute_pipeline`.
        allow_imports: as in `execute_pipeline`.
        clock: as in `execute_pipeline`.
        timeout: as in `execute_pipeline`.

    Returns:
        As `execute_pipeline`; and it raises the same.

    >>> import asyncio
    >>> chain = [{"node_type": "Multiply", "params": {"factor": 2}}, "PassThrough"]
    >>> asyncio.run(execute_pipeline_with_input(chain, [1, 2])).results
    [2, 4]
    """
    made = pipeline_of(pipeline, registry, allow_imports=allow_imports)
    execution = made.start(inputs, clock=_clock(made, clock), collect=True)
    return await complete(execution, timeout=timeout)


def execute_pipeline_sync(
    pipeline: Executable,
    *,
    registry: Registry = default_registry,
    allow_imports: bool = False,
    clock: Clock | ClockName | None = None,
    timeout: float | None = None,
) -> Report:
    """`execute_pipeline` for callers that do not await, also within a running loop."""
    made = pipeline_of(pipeline, registry, allow_imports=allow_imports)
    return made.run(clock=clock, collect=True, timeout=timeout, progress=False)


def execute_pipeline_with_input_sync(
    pipeline: Executable,
    inputs: Inputs | Mapping[str, Inputs],
    *,
    registry: Registry = default_registry,
    allow_imports: bool = False,
    clock: Clock | ClockName | None = None,
    timeout: float | None = None,
) -> Report:
    """`execute_pipeline_with_input` for callers that do not await, also within a running loop.

    >>> execute_pipeline_with_input_sync(["PassThrough"], [1, 2]).results
    [1, 2]
    """
    made = pipeline_of(pipeline, registry, allow_imports=allow_imports)
    return made.run(inputs, clock=clock, timeout=timeout, progress=False)


def pipeline_of(
    executable: Executable, registry: Registry = default_registry, *, allow_imports: bool = False
) -> Pipeline:
    """The pipeline that something executable stands for; a pipeline is its own.

    Raises:
        GraphError: it is nothing of the kind, or a node lacks what it needs.
        ManifestError: it is a manifest that cannot be read, or says what cannot be.
    """
    if isinstance(executable, Pipeline):
        return executable
    if isinstance(executable, Node):
        return Pipeline(executable)
    if isinstance(executable, str | os.PathLike | Mapping):
        return Pipeline.from_manifest(executable, registry=registry, allow_imports=allow_imports)
    given: object = executable
    if not isinstance(given, Sequence) or not given:
        raise GraphError(
            "a pipeline, a manifest, a node or a list of nodes is needed, "
            f"not {'an empty list' if given == [] else type(given).__name__}"
        )
    chain = executable
    if any(_is_text(entry, registry) for entry in chain):
        return Pipeline.from_manifest(
            _manifest(chain), registry=registry, allow_imports=allow_imports
        )
    pipeline = Pipeline()
    handles = [pipeline.add(_made(entry, registry)) for entry in chain]
    for left, right in pairwise(handles):
        pipeline.connect(left, right)
    return pipeline


def _is_text(entry: Any, registry: Registry) -> bool:
    """Whether an entry is for a manifest: only there do names of the original runtime hold."""
    return isinstance(entry, Mapping) or (isinstance(entry, str) and not registry.has(entry))


def _made(entry: Any, registry: Registry) -> Node | type[Node]:
    if isinstance(entry, str):
        return registry.create(entry)
    if isinstance(entry, Node) or (isinstance(entry, type) and issubclass(entry, Node)):
        return entry
    raise GraphError(f"a chain is made of nodes, not {entry.__class__.__name__}")


def _manifest(chain: Sequence[Any]) -> dict[str, Any]:
    """A chain with entries of a manifest among its nodes, as a whole manifest."""
    nodes: dict[str, Any] = {}
    for entry in chain:
        node = _as_entry(entry)
        instance: object = node.get("instance")
        name = node.get("node_type") or node.get("nodeType") or type(instance).__name__
        id = node.setdefault("id", unique_id(snake_case(str(name)), nodes))
        nodes[id] = node
    edges = [{"from": left, "to": right} for left, right in pairwise(nodes)]
    return {"version": "v1", "nodes": list(nodes.values()), "connections": edges}


def _as_entry(entry: Any) -> dict[str, Any]:
    if isinstance(entry, Mapping):
        return dict(cast("Mapping[str, Any]", entry))
    if isinstance(entry, str):
        return {"node_type": entry}
    return {"instance": entry() if isinstance(entry, type) else entry}


def _clock(pipeline: Pipeline, clock: Clock | ClockName | None) -> Clock | ClockName:
    return clock or pipeline.defaults.clock or "offline"
