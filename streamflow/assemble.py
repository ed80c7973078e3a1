"""Assembling: what a manifest says becomes a graph, and a graph what a manifest can say."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from streamflow.builder import Builder
from streamflow.errors import GraphError, ManifestError, StreamflowError
from streamflow.graph import GraphNode
from streamflow.handle import Handle, PortHandle, Side
from streamflow.manifest.spec import EdgeSpec, GraphSpec, Manifest, NodeSpec
from streamflow.registry import Registry, bind, registry


class Assembler:
    """Builds what a manifest says; for one use.

    Args:
        manifest: which has been checked as far as a text can be.
        registry: where types are looked up.
        allow_imports: whether a type may be the import path of a class.
    """

    def __init__(self, manifest: Manifest, registry: Registry, *, allow_imports: bool) -> None:
        self._manifest, self._registry, self._allow_imports = manifest, registry, allow_imports
        self._faults: list[tuple[str, str]] = []
        self._within: list[str] = []

    def build(self, into: Builder, source: str) -> None:
        """Add the nodes and edges.

        Raises:
            ManifestError: nodes cannot be made, or ports not be connected; all
                that is wrong is told at once.
        """
        self._fill(into, self._manifest.graph, "")
        if self._faults:
            raise ManifestError(source, tuple(self._faults))

    def _fill(self, into: Builder, spec: GraphSpec, path: str) -> None:
        faults = len(self._faults)
        for number, node in enumerate(spec.nodes):
            with self._at(f"{path}nodes[{number}]"):
                self._add(into, node)
        complete = len(self._faults) == faults
        made = {node.id for node in spec.nodes if node.id in into}
        for number, edge in enumerate(spec.edges):
            # What leads to a node that could not be made is no fault of its own.
            if complete or {edge.source, edge.target} <= made:
                with self._at(f"{path}edges[{number}]"):
                    _connect(into, edge)

    @contextmanager
    def _at(self, path: str) -> Generator[None]:
        try:
            yield
        except StreamflowError as error:
            self._faults.append((path, str(error)))
        except Exception as error:  # a constructor's own
            self._faults.append((f"{path}.params", str(error) or type(error).__name__))

    def _add(self, into: Builder, spec: NodeSpec) -> None:
        if spec.graph is not None:
            into.add(self._subgraph(spec.graph), id=spec.id)
        elif spec.instance is not None:
            into.place(spec.id, spec.instance, spec.options)
        else:
            make = self._registry.resolve(spec.type, allow_imports=self._allow_imports)
            factory = bind(make, spec.params)
            into.place(spec.id, factory(), spec.options, factory, spec.params, spec.type)

    def _subgraph(self, name: str) -> Builder:
        if name not in self._manifest.graphs:
            known = ", ".join(self._manifest.graphs) or "none"
            raise GraphError(f"there is no graph {name!r}; there are: {known}")
        if name in self._within:
            raise GraphError(f"graph {name!r} stands within itself")
        spec, inner = self._manifest.graphs[name], Builder(name)
        self._within.append(name)
        self._fill(inner, spec, f"graphs.{name}.")
        self._within.pop()
        for port, (node, inner_port) in spec.inputs.items():
            inner.expose(port, _end(inner, node, inner_port, "input"), "input")
        for port, (node, inner_port) in spec.outputs.items():
            inner.expose(port, _end(inner, node, inner_port, "output"), "output")
        return inner


def _connect(into: Builder, edge: EdgeSpec) -> None:
    source = _end(into, edge.source, edge.source_port, "output")
    target = _end(into, edge.target, edge.target_port, "input")
    into.connect(source, target, queue=edge.queue)


def _end(into: Builder, node: str, port: str | None, side: Side) -> PortHandle:
    handle: Handle = into[node]
    if port is not None:
        return PortHandle(handle, port)
    return handle.input() if side == "input" else handle.output()


def describe(builder: Builder, registry: Registry = registry) -> Manifest:
    """What a manifest would say of a pipeline; graphs within it stand there with all their nodes.

    Raises:
        GraphError: it holds instances, which no text can say; they are named.
    """
    instances = [node.id for node in builder.graph.nodes.values() if not _is_sayable(node)]
    if instances:
        raise GraphError(
            f"pipeline {builder.name!r} holds instances, which a manifest cannot say: "
            f"{', '.join(instances)}; add their classes with their parameters instead"
        )
    nodes = (
        NodeSpec(n.id, n.type or registry.name_of(type(n.node)), n.params, n.options)
        for n in builder.graph.nodes.values()
    )
    edges = (
        EdgeSpec(e.source, e.target, e.source_port, e.target_port, e.queue)
        for e in builder.graph.edges
    )
    graph = GraphSpec(tuple(nodes), tuple(edges))
    return Manifest(builder.name, graph, metadata=builder.metadata)


def _is_sayable(node: GraphNode) -> bool:
    return bool(node.type) or node.factory is not None
