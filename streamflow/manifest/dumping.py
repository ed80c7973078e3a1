"""Dumping: specs as a manifest of version 2, which loads as the same specs."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal, cast, overload

from streamflow.graph import NodeOptions, Placement, Queue
from streamflow.manifest.exceptions import name_exception
from streamflow.manifest.faults import Faults, Where
from streamflow.manifest.shapes import is_mapping
from streamflow.manifest.spec import EdgeSpec, GraphSpec, Manifest, NodeSpec
from streamflow.manifest.variables import DEEPEST, escape
from streamflow.process import Process
from streamflow.retry import CircuitBreaker, Retry

Format = Literal["json", "yaml", "dict"]


@overload
def dump(manifest: Manifest, format: Literal["json", "yaml"] = "json") -> str: ...
@overload
def dump(manifest: Manifest, format: Literal["dict"]) -> dict[str, Any]: ...
def dump(manifest: Manifest, format: Format = "json") -> str | dict[str, Any]:
    """A manifest as text of version 2; what is as it is by default is left out.

    Paths and fractions among the params become text, tuples lists.

    Args:
        manifest: what to write.
        format: ``json``, ``yaml``, or ``dict`` for the mapping that these write.

    Raises:
        ManifestError: it holds what no text can say, such as instances; all of it is named.
        ValueError: there is no such format.

    >>> from streamflow.manifest.spec import GraphSpec, Manifest, NodeSpec
    >>> graph = GraphSpec((NodeSpec("a", "Scale", {"width": 640}),))
    >>> print(dump(Manifest("small", graph), "yaml"))
    streamflow: '2'
    name: small
    nodes:
    - id: a
      type: Scale
      params:
        width: 640
    edges: []
    <BLANKLINE>
    """
    writer = _Writer(Faults(manifest.name))
    data = writer.manifest(manifest)
    writer.faults.raise_any()
    if format == "dict":
        return data
    if format == "json":
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if format != "yaml":
        raise ValueError(f"format must be 'json', 'yaml' or 'dict', not {format!r}")
    from streamflow.manifest.yamldump import write_yaml

    return write_yaml(data)


def schema() -> dict[str, Any]:
    """The JSON Schema of version 2, draft 2020-12.

    https://json-schema.org/draft/2020-12
    """
    from streamflow.manifest.models import ManifestModel

    made = ManifestModel.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


class _Writer:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def manifest(self, manifest: Manifest) -> dict[str, Any]:
        made: dict[str, Any] = {"streamflow": "2", "name": manifest.name}
        if manifest.metadata:
            made["metadata"] = self._plain(manifest.metadata, ("metadata",))
        made |= self._graph(manifest.graph, ())
        if manifest.graphs:
            made["graphs"] = {
                name: self._graph(graph, ("graphs", name))
                for name, graph in manifest.graphs.items()
            }
        run = {k: v for k, v in dataclasses.asdict(manifest.run).items() if v is not None}
        escaped: dict[str, Any] = escape(made | ({"run": run} if run else {}))
        return escaped

    def _graph(self, graph: GraphSpec, where: Where) -> dict[str, Any]:
        made: dict[str, Any] = {
            "nodes": [
                self._node(node, (*where, "nodes", index)) for index, node in enumerate(graph.nodes)
            ],
            "edges": [_edge(edge) for edge in graph.edges],
        }
        for name in ("inputs", "outputs"):
            ends = cast("Mapping[str, tuple[str, str | None]]", getattr(graph, name))
            if ends:
                made[name] = {port: _end(*end) for port, end in ends.items()}
        return made

    def _node(self, node: NodeSpec, where: Where) -> dict[str, Any]:
        if node.instance is not None:
            kind = type(node.instance).__name__
            self.faults.add(where, f"{node.id!r} is an instance of {kind}, which no text can say")
        made: dict[str, Any] = {"id": node.id}
        made |= {"type": node.type} if node.graph is None else {"graph": node.graph}
        if node.params:
            made["params"] = self._plain(node.params, (*where, "params"))
        made |= _options(node.options)
        if node.metadata:
            made["metadata"] = self._plain(node.metadata, (*where, "metadata"))
        return made

    def _plain(self, value: Any, where: Where) -> Any:
        """What text can say of a value."""
        if len(where) > DEEPEST:
            self.faults.add(where[:4], f"is nested more than {DEEPEST} levels deep")
            return None
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if isinstance(value, Fraction | os.PathLike):
            return str(cast("object", value))
        if is_mapping(value):
            if all(isinstance(key, str) for key in value):
                return {key: self._plain(item, (*where, key)) for key, item in value.items()}
        elif isinstance(value, list | tuple):
            items: list[Any] = list(cast("Iterable[Any]", value))
            return [self._plain(item, (*where, index)) for index, item in enumerate(items)]
        self.faults.add(where, f"{_briefly(value)} cannot be said in text")
        return None


def _briefly(value: Any) -> str:
    return repr(value) if isinstance(value, float) else f"a value of type {type(value).__name__}"


def _edge(edge: EdgeSpec) -> dict[str, Any]:
    made: dict[str, Any] = {
        "source": _end(edge.source, edge.source_port),
        "target": _end(edge.target, edge.target_port),
    }
    return made if edge.queue is None else made | {"queue": _changed(edge.queue, Queue())}


def _end(node: str, port: str | None) -> str:
    return node if port is None else f"{node}.{port}"


def _options(options: NodeOptions) -> dict[str, Any]:
    made = _changed(options, NodeOptions())
    if "on" in made:
        made["on"] = _placement(options.on)
    if options.retry is not None:
        made["retry"] = _changed(options.retry, Retry())
        if "on" in made["retry"]:
            made["retry"]["on"] = [name_exception(kind) for kind in options.retry.on]
    if options.breaker is not None:
        made["breaker"] = _changed(options.breaker, CircuitBreaker())
    return made


def _placement(on: Placement) -> Any:
    if not isinstance(on, Process):
        return on
    limits = _changed(on, Process())
    if "cpu" in limits:
        limits["cpu"] = list(limits["cpu"])
    return {"process": limits}


def _changed(value: Any, default: Any) -> dict[str, Any]:
    """Fields of a dataclass that are not as they are by default."""
    fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {name: one for name, one in fields if one != getattr(default, name)}
