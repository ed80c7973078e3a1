"""Loading: any kind of manifest, read and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from streamflow.manifest.check import Checker
from streamflow.manifest.faults import Faults, Where, show
from streamflow.manifest.nodetypes import NodeTypes
from streamflow.manifest.shapes import is_dict, is_list, is_mapping
from streamflow.manifest.source import Source, read_source
from streamflow.manifest.spec import GraphSpec, Manifest
from streamflow.manifest.specs import MOST, SpecReader
from streamflow.manifest.symbia import from_symbia
from streamflow.manifest.v1 import from_v1
from streamflow.manifest.variables import Expansion, Verbatim
from streamflow.registry import Registry, registry

VERSIONS_1: Final = ("v1", "1", "1.0", "1.0.0", "v1.0")
VERSIONS_2: Final = ("v2", "2", "2.0", "2.0.0", "v2.0")

OF_2: Final = ("graphs", "run")
"""Fields that only version 2 has."""


def load(
    source: Source,
    *,
    registry: Registry = registry,
    allow_imports: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Manifest:
    """Read a manifest of any kind, and check it.

    Version 2 says ``streamflow: "2"`` (or ``version: "2"``), a Symbia graph
    ``symbia``; everything else is version 1. Loading runs no code of the
    manifest's choosing unless ``allow_imports`` is set.

    Args:
        source: a path (a string that ends in ``.json``, ``.yaml`` or ``.yml``,
            or path-like), a JSON or YAML text, bytes in UTF-8, a mapping, whose
            nodes may be instances, or a `Manifest`.
        registry: where node types are looked up.
        allow_imports: whether node types and exceptions may be imported as
            ``package.module:Class``.
        environ: values of variables, ``${NAME}``.

    Raises:
        ManifestError: it cannot be read, or says what cannot be; it tells all
            faults that there are.

    >>> load('{"nodes": [{"id": "a", "node_type": "PassThroughNode"}]}').graph.nodes[0].type
    'PassThrough'
    """
    types = NodeTypes(registry, allow_imports=allow_imports)
    if isinstance(source, Manifest):
        faults = Faults(source.name)
        checked = Checker(types, faults, {}).manifest(source)
        faults.raise_any()
        return checked
    return _load(source, types, environ, allow_imports=allow_imports)[0]


def upgrade(
    source: Source,
    *,
    registry: Registry = registry,
    allow_imports: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Manifest:
    """Read a manifest of any kind, to be written as version 2 by `dump`.

    Variables in params stay, to be filled in when it is loaded.

    Args:
        source: as in `load`.
        registry: as in `load`.
        allow_imports: as in `load`.
        environ: as in `load`.

    Raises:
        ManifestError: it cannot be read, or says what cannot be.
    """
    if isinstance(source, Manifest):
        return load(source, registry=registry, allow_imports=allow_imports)
    types = NodeTypes(registry, allow_imports=allow_imports)
    made, faults, expansion = _load(source, types, environ, allow_imports=allow_imports)

    def restore(value: Any, where: Where) -> Any:
        original, filled = expansion.originals.get(faults.spelled(where), ("", None))
        # What has been converted since, to another unit for instance, is no longer the same.
        if original and value in (filled, expansion.texts.get(faults.spelled(where))):
            return Verbatim(original)
        if is_dict(value):
            return {key: restore(item, (*where, key)) for key, item in value.items()}
        if is_list(value):
            return [restore(item, (*where, index)) for index, item in enumerate(value)]
        return value

    def graph(spec: GraphSpec, where: Where) -> GraphSpec:
        nodes = tuple(
            replace(node, params=restore(node.params, (*where, "nodes", index, "params")))
            for index, node in enumerate(spec.nodes)
        )
        return replace(spec, nodes=nodes)

    graphs = {name: graph(spec, ("graphs", name)) for name, spec in made.graphs.items()}
    return replace(made, graph=graph(made.graph, ()), graphs=graphs)


def _load(
    source: Any, types: NodeTypes, environ: Mapping[str, str], *, allow_imports: bool
) -> tuple[Manifest, Faults, Expansion]:
    name, said = read_source(source)
    faults = Faults(name)
    faults.sections = [str(key) for key in said]
    for key, value in said.items():
        if is_list(value) and len(value) > MOST:
            faults.add((str(key),), f"holds {len(value)} entries; {MOST} may be")
    faults.raise_any()
    # In a Symbia graph, `${…}` belongs to its expressions.
    expansion = Expansion(None if "symbia" in said else environ, faults)
    data = _as_v2(expansion.copy(said), types, faults)
    read = SpecReader(faults, allow_imports=allow_imports).manifest(data)
    checked = Checker(types, faults, expansion.texts).manifest(read)
    faults.raise_any()
    return checked, faults, expansion


def _as_v2(data: dict[str, Any], types: NodeTypes, faults: Faults) -> dict[str, Any]:
    if "symbia" in data:
        return from_symbia(data, faults)
    field = "streamflow" if "streamflow" in data else "version"
    version = data.get(field)
    said = str(version) if isinstance(version, str | int | float) else show(version)
    if field == "version" and (version is None or said in VERSIONS_1):
        if version is None and _looks_like_v2(data):
            return {"streamflow": "2", **data}
        return from_v1(data, types, faults)
    if said not in VERSIONS_2:
        faults.add((field,), f'must be "1" or "2", got {show(version)}')
    data = {"streamflow": "2", **data, field: "2"}
    if field == "version":
        del data["version"]
    return data


def _looks_like_v2(data: Mapping[str, Any]) -> bool:
    """Whether it is version 2 without saying so: no field of a node is version 1's alone."""
    if any(key in data for key in OF_2):
        return True
    nodes = data.get("nodes")
    entries = nodes if is_list(nodes) else []
    fields = {key for node in entries if is_mapping(node) for key in node}
    return "connections" not in data and "type" in fields and not fields & {"node_type", "nodeType"}
