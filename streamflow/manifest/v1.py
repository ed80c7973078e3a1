"""Version 1: the manifests of the original media runtime, as found in the wild, put as version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from streamflow.manifest.faults import Faults, Where, show
from streamflow.manifest.names import translate
from streamflow.manifest.nodetypes import NodeTypes
from streamflow.node import Node

TYPE: Final = ("node_type", "nodeType", "type")
PARAMS: Final = ("params", "parameters", "config")
EDGES: Final = ("connections", "edges")
SOURCE: Final = ("from", "source", "from_node", "fromNode")
TARGET: Final = ("to", "target", "to_node", "toNode")
SOURCE_PORT: Final = ("from_port", "fromPort", "source_port", "sourcePort", "from_output")
TARGET_PORT: Final = ("to_port", "toPort", "target_port", "targetPort", "to_input")

KNOWN: Final = (*TYPE, *PARAMS, "id", "metadata")
"""Fields of a node that mean something here; the rest is kept as metadata."""


def from_v1(data: Mapping[str, Any], types: NodeTypes, faults: Faults) -> dict[str, Any]:
    """The same as version 2, with what means nothing here kept in ``metadata``.

    Args:
        data: what was read; it may be of any shape.
        types: for the names of node types and their parameters.
        faults: learns what the text calls each field.
    """
    return _Reader(types, faults).manifest(data)


class _Reader:
    def __init__(self, types: NodeTypes, faults: Faults) -> None:
        self._types, self._faults = types, faults

    def manifest(self, data: Mapping[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in data.items() if key not in ("version", "nodes")}
        made: dict[str, Any] = {"streamflow": "2"}
        metadata = rest.pop("metadata", None)
        facts = _facts(metadata)
        name = rest.pop("name", None) or facts.pop("name", None)
        if name is not None:
            made["name"] = name
        if "nodes" in data:
            made["nodes"] = self._each(data["nodes"], ("nodes",), self._node)
        edges = [key for key in EDGES if rest.get(key) is not None]
        for key in EDGES:
            listed = rest.pop(key, None)
            if key == edges[-1:][0:1] or key in edges[:1]:
                self._faults.spelling["edges",] = key
                made["edges"] = self._edges(listed, facts)
        if len(edges) > 1:
            self._faults.add((edges[1],), f"stands beside {edges[0]}; give one of them")
        self._near(rest, ("nodes", *EDGES, "metadata", "version"), data, ())
        facts |= rest
        if metadata is not None and not isinstance(metadata, Mapping):
            made["metadata"] = metadata
        elif facts:
            made["metadata"] = facts
        return made

    def _each(self, listed: Any, where: Where, read: Any) -> Any:
        if not isinstance(listed, list):
            return listed
        entries = cast("list[Any]", listed)
        return [
            read(entry, (*where, index)) if isinstance(entry, Mapping | list) else entry
            for index, entry in enumerate(entries)
        ]

    def _node(self, node: Any, where: Where) -> Any:
        if not isinstance(node, Mapping) or isinstance(node, Node):
            return node
        entry = cast("Mapping[str, Any]", node)
        made: dict[str, Any] = {key: entry[key] for key in ("id", "instance") if key in entry}
        given = self._field(entry, TYPE, where, "type")
        params = self._field(entry, PARAMS, where, "params")
        params = {} if params is None else params
        if isinstance(given, str) and isinstance(params, Mapping):
            meant = translate(given, cast("Mapping[str, Any]", params), self._types)
            given, params = meant.type, meant.params
            for ours, theirs in meant.renamed.items():
                self._faults.spelling[*where, "params", ours] = theirs
        if given is not None:
            made["type"] = given
        if params:
            made["params"] = params
        used = {*made, *TYPE, self._used(entry, PARAMS), "metadata"}
        rest = {key: value for key, value in entry.items() if key not in used}
        self._near(rest, KNOWN, entry, where)
        facts = _facts(entry.get("metadata")) | rest
        if facts:
            made["metadata"] = facts
        return made

    def _edges(self, listed: Any, facts: dict[str, Any]) -> Any:
        said: dict[str, Any] = {}
        edges = self._each(listed, ("edges",), lambda e, where: self._edge(e, where, said))
        if said:
            facts["edges"] = said
        return edges

    def _edge(self, edge: Any, where: Where, said: dict[str, Any]) -> Any:
        if isinstance(edge, list):
            pair = cast("list[Any]", edge)
            return dict(zip(("source", "target"), pair, strict=True)) if len(pair) == 2 else edge
        entry = cast("Mapping[str, Any]", edge)
        made: dict[str, Any] = {}
        for end, nodes, ports in (("source", SOURCE, SOURCE_PORT), ("target", TARGET, TARGET_PORT)):
            node = self._field(entry, nodes, where, end)
            port = self._field(entry, ports, where, f"{end}_port")
            if node is not None:
                made[end] = place(node, port)
        known = {*SOURCE, *TARGET, *SOURCE_PORT, *TARGET_PORT}
        rest = {key: value for key, value in entry.items() if key not in known}
        self._near(rest, ("from", "to", "from_port", "to_port"), entry, where)
        if rest:
            said[str(where[-1])] = rest
        return made

    def _field(
        self, entry: Mapping[str, Any], names: tuple[str, ...], where: Where, ours: str
    ) -> Any:
        used = self._used(entry, names)
        if used != ours:
            self._faults.spelling[*where, ours] = used
        return entry.get(used)

    def _used(self, entry: Mapping[str, Any], names: tuple[str, ...]) -> str:
        return next((name for name in names if name in entry), names[0])

    def _near(
        self, rest: Mapping[str, Any], known: tuple[str, ...], entry: Mapping[str, Any], where: Where
    ) -> None:
        """Find slips of the pen among what means nothing here."""
        for key in rest:
            hint = self._faults.hint(key, [name for name in known if name not in entry])
            if hint and abs(len(key) - len(hint)) < len("; did you mean ''?") + 2:
                self._faults.add((*where, key), f"unknown field{hint}")


def place(node: Any, port: Any) -> Any:
    """An end of an edge as version 2 writes it, of a node and a port.

    >>> place("cut", None), place("cut", "video"), place({"node": "cut", "port": "out"}, None)
    ('cut', 'cut.video', 'cut.out')
    """
    if isinstance(node, Mapping):
        said = cast("Mapping[str, Any]", node)
        node, port = said.get("node"), said.get("port", port)
    return f"{node}.{port}" if isinstance(node, str) and isinstance(port, str) else node


def _facts(metadata: Any) -> dict[str, Any]:
    return dict(cast("Mapping[str, Any]", metadata)) if isinstance(metadata, Mapping) else {}
