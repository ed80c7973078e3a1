"""From version 2, as it was read, to specs; what is wrong becomes faults, and the rest specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from streamflow.graph import NodeOptions, Placement, Queue
from streamflow.manifest.border import read
from streamflow.manifest.exceptions import find_exception
from streamflow.manifest.faults import Faults, Where, show
from streamflow.manifest.models import (
    EdgeModel,
    GraphModel,
    ManifestModel,
    NodeModel,
    ProcessPlacement,
    QueueModel,
    RetryModel,
)
from streamflow.manifest.shapes import is_dict, is_list
from streamflow.manifest.spec import EdgeSpec, GraphSpec, Manifest, NodeSpec, RunSpec
from streamflow.node import Node
from streamflow.process import Process
from streamflow.registry import snake_case
from streamflow.retry import CircuitBreaker, Retry

MOST: Final = 50_000
"""Nodes, or edges, of a graph."""


class SpecReader:
    """Makes specs of version 2.

    What cannot be read stands in the specs as an empty id or name, so that every
    node and edge keeps its place; the faults then keep anyone from using them.

    Args:
        faults: take what is wrong.
        allow_imports: whether exceptions may be imported by name.
    """

    def __init__(self, faults: Faults, *, allow_imports: bool) -> None:
        self._faults, self._allow_imports = faults, allow_imports

    def manifest(self, data: Mapping[str, Any]) -> Manifest:
        """All of it."""
        graph = self._graph(data, ())
        named = data.get("graphs")
        graphs = {
            name: self._inner(one, ("graphs", name))
            for name, one in (named.items() if is_dict(named) else ())
        }
        # Nodes, edges and graphs have been read one by one, so that each tells its own faults.
        rest: dict[str, Any] = {**data, **_emptied(data)}
        if is_dict(named):
            rest["graphs"] = {}
        model = read(ManifestModel, rest, (), self._faults, {"nodes": []})
        if model is None:
            return Manifest(graph=graph, graphs=graphs)
        run = RunSpec(**model.run.model_dump())
        return Manifest(model.name, graph, graphs, run, model.metadata)

    def _inner(self, data: Any, where: Where) -> GraphSpec:
        if not is_dict(data):
            self._faults.add(where, f"must be a mapping, got {show(data)}")
            return GraphSpec()
        model = read(GraphModel, {**data, **_emptied(data)}, where, self._faults, {"nodes": []})
        spec = self._graph(data, where)
        if model is None:
            return spec
        inputs = {port: _split(end) for port, end in model.inputs.items()}
        outputs = {port: _split(end) for port, end in model.outputs.items()}
        return GraphSpec(spec.nodes, spec.edges, inputs, outputs)

    def _graph(self, data: Mapping[str, Any], where: Where) -> GraphSpec:
        nodes = self._bounded(data.get("nodes"), (*where, "nodes"))
        edges = self._bounded(data.get("edges"), (*where, "edges"))
        named: set[str] = set()
        return GraphSpec(
            tuple(
                self._node(node, (*where, "nodes", index), named)
                for index, node in enumerate(nodes)
            ),
            tuple(self._edge(edge, (*where, "edges", index)) for index, edge in enumerate(edges)),
        )

    def _bounded(self, listed: Any, where: Where) -> list[Any]:
        if not is_list(listed):
            return []
        if len(listed) > MOST:
            self._faults.add(where, f"holds {len(listed)} entries; {MOST} may be")
            return []
        return listed

    def _node(self, data: Any, where: Where, named: set[str]) -> NodeSpec:
        if isinstance(data, Node):
            data = {"id": default_id(data, named), "instance": data}
        instance = None
        if is_dict(data) and "instance" in data:
            data = dict(data)
            instance = data.pop("instance")
            if not isinstance(instance, Node):
                self._faults.add((*where, "instance"), f"must be a node, got {show(instance)}")
                instance = Node()
            data.setdefault("id", default_id(instance, named))
        model = read(NodeModel, data, where, self._faults, {"id": ""})
        if model is None:
            return NodeSpec("")
        named.add(model.id)
        self._check_kind(model, instance, data, where)
        options = self._options(model, where)
        return NodeSpec(
            model.id, model.type, model.params, options, instance, model.graph, model.metadata
        )

    def _check_kind(
        self, model: NodeModel, instance: Node | None, data: dict[str, Any], where: Where
    ) -> None:
        given: list[str] = [name for name in ("type", "graph") if name in data]
        given += ["instance"] if instance is not None else []
        if not given:
            self._faults.add((*where, "type"), "is missing")
        elif len(given) > 1:
            self._faults.add((*where, given[1]), f"stands beside {given[0]}; give one of them")
        elif given != ["type"]:
            # Options are of nodes; a graph's nodes have their own, an instance its params.
            for key in ("params",) if instance is not None else _OPTIONS:
                if key in data:
                    self._faults.add((*where, key), f"goes with a type, not with {given[0]}")

    def _options(self, model: NodeModel, where: Where) -> NodeOptions:
        retry = None if model.retry is None else self._retry(model.retry, (*where, "retry", "on"))
        breaker = None if model.breaker is None else CircuitBreaker(**_given(model.breaker))
        return NodeOptions(
            _placement(model),
            model.error,
            model.timeout,
            model.concurrency,
            retry,
            breaker,
        )

    def _retry(self, model: RetryModel, where: Where) -> Retry:
        kinds: list[type[Exception]] = []
        for index, name in enumerate(model.on or ()):
            try:
                kinds.append(find_exception(name, allow_imports=self._allow_imports))
            except ValueError as error:
                self._faults.add((*where, index), str(error))
        numbers = {key: value for key, value in _given(model).items() if key != "on"}
        return Retry(**numbers, on=tuple(kinds) or (Exception,))

    def _edge(self, data: Any, where: Where) -> EdgeSpec:
        model = read(EdgeModel, data, where, self._faults, {"source": "", "target": ""})
        if model is None:
            return EdgeSpec("", "")
        source, source_port = _split(model.source)
        target, target_port = _split(model.target)
        return EdgeSpec(source, target, source_port, target_port, _queue(model.queue))


_OPTIONS = ("params", "on", "error", "timeout", "concurrency", "retry", "breaker")


def default_id(node: Node, taken: set[str]) -> str:
    """An id for an instance that has none: its class or function, in snake case, with a number."""
    name = snake_case(getattr(node, "__name__", type(node).__name__))
    name = "function" if name == "<lambda>" else name
    number, id = 1, name
    while id in taken:
        number += 1
        id = f"{name}_{number}"
    return id


def _placement(model: NodeModel) -> Placement:
    if not isinstance(model.on, ProcessPlacement):
        return model.on
    return Process(**_given(model.on.process))


def _queue(model: QueueModel | None) -> Queue | None:
    return None if model is None else Queue(**_given(model))


def _given(model: BaseModel) -> dict[str, Any]:
    return {key: getattr(model, key) for key in model.model_fields_set}


def _emptied(data: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {key: [] for key in ("nodes", "edges") if is_list(data.get(key))}


def _split(end: str) -> tuple[str, str | None]:
    node, dot, port = end.partition(".")
    return node, port if dot else None
