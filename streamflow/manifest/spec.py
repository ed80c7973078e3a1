"""Specs: what every kind of manifest says, in plain values that the runtime can build from.

A spec has been read, but nothing has been made of it: types are names still, and
params are what the text held. Two specs are equal where their texts mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from streamflow.graph import NodeOptions, Queue
from streamflow.node import Node


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node.

    Attributes:
        id: unique among its graph's nodes.
        type: name of its type in the registry, or of a class that may be
            imported, ``package.module:Class``; empty where there is an instance
            or a graph.
        params: for the constructor.
        options: how it is run.
        instance: the very node that runs; no text can say it.
        graph: name of the graph that stands in its place, or None.
        metadata: what else was said of it (capabilities, host, …), kept as it was.
    """

    id: str
    type: str = ""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: NodeOptions = field(default_factory=NodeOptions)
    instance: Node | None = None
    graph: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class EdgeSpec:
    """A connection.

    Attributes:
        source: id of the node it leaves.
        target: id of the node it enters.
        source_port: None: the only output, or ``out``.
        target_port: None: the only input, or ``in``.
        queue: what stands between the two, or None.
    """

    source: str
    target: str
    source_port: str | None = None
    target_port: str | None = None
    queue: Queue | None = None


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """Nodes and edges.

    Attributes:
        nodes: in the order of the text.
        edges: in the order of the text.
        inputs: where it stands in for a node: the port by which that is
            fed → (node, port) within; a port of None is the only one.
        outputs: the same for what it emits.
    """

    nodes: tuple[NodeSpec, ...] = ()
    edges: tuple[EdgeSpec, ...] = ()
    inputs: Mapping[str, tuple[str, str | None]] = field(
        default_factory=dict[str, tuple[str, str | None]]
    )
    outputs: Mapping[str, tuple[str, str | None]] = field(
        default_factory=dict[str, tuple[str, str | None]]
    )


@dataclass(frozen=True, slots=True)
class RunSpec:
    """How the whole is run, as far as a manifest says; None leaves it to the caller.

    Attributes:
        clock: ``offline`` or ``live``.
        max_bytes: bound on what waits on all links together.
        timeout: seconds for the whole run.
        checkpoint: directory for checkpoints.
        every: seconds between checkpoints.
        items: items of the sources between checkpoints.
    """

    clock: Literal["live", "offline"] | None = None
    max_bytes: int | None = None
    timeout: float | None = None
    checkpoint: str | None = None
    every: float | None = None
    items: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A pipeline.

    Attributes:
        name: of the pipeline.
        graph: its nodes and edges.
        graphs: name → a graph that nodes may stand for.
        run: how it is run.
        metadata: what else was said of it, kept as it was.
    """

    name: str = "pipeline"
    graph: GraphSpec = field(default_factory=GraphSpec)
    graphs: Mapping[str, GraphSpec] = field(default_factory=dict[str, GraphSpec])
    run: RunSpec = field(default_factory=RunSpec)
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
