"""Version 1: manifests of the original media runtime, as found in the wild, put as version 2."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from streamflow.manifest.faults import LONGEST, Faults, Where
from streamflow.manifest.names import Translator
from streamflow.manifest.nodetypes import NodeTypes
from streamflow.manifest.shapes import is_list, is_mapping
from streamflow.node import Node

TYPE: Final = ("node_type", "nodeType", "type")
PARAMS: Final = ("params", "parameters", "config")
EDGES: Final = ("connections", "edges")
SOURCE: Final = ("from", "source", "from_node", "fromNode")
TARGET: Final = ("to", "target", "to_node", "toNode")
SOURCE_PORT: Final = ("from_port", "fromPort", "source_port", "sourcePort", "from_output")
TARGET_PORT: Final = ("to_port", "toPort", "target_port", "targetPort", "to_input")

TOP: Final = ("version", "name", "metadata", "nodes", *EDGES)
NODE: Final = ("id", "metadata", *TYPE, *PARAMS)
EDGE: Final = (*SOURCE, *TARGET, *SOURCE_PORT, *TARGET_PORT)
"""Fields that mean something here; the rest is kept as metadata."""

SLIP: Final = 0.85
"""How near a field must be to one that means something, to be taken for a slip of the pen."""


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
        self._translator, self._faults = Translator(types), faults
        self._slips: dict[tuple[str, tuple[str, ...]], str | None] = {}

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
        listed = {key: rest.pop(key) for key in EDGES if key in rest}
        edges = {key: value for key, value in listed.items() if value is not None}
        for key in (*edges,)[:1]:
            self._faults.spelling["edges",] = key
            made["edges"] = self._edges(edges[key], facts)
        if len(edges) > 1:
            self._faults.add((), f"has both {' and '.join(edges)}; give one of them")
        self._near(rest, TOP, data, ())
        facts |= rest
        if metadata is not None and not is_mapping(metadata):
            made["metadata"] = metadata
        elif facts:
            made["metadata"] = facts
        return made

    def _each(self, listed: Any, where: Where, read: Any) -> Any:
        if not is_list(listed):
            return listed
        return [
            read(entry, (*where, index)) if is_mapping(entry) or is_list(entry) else entry
            for index, entry in enumerate(listed)
        ]

    def _node(self, node: Any, where: Where) -> Any:
        if not is_mapping(node) or isinstance(node, Node):
            return node
        entry = node
        made: dict[str, Any] = {key: entry[key] for key in ("id", "instance") if key in entry}
        given = self._field(entry, TYPE, where, "type")
        params = self._field(entry, PARAMS, where, "params")
        if isinstance(given, str) and (params is None or is_mapping(params)):
            meant = self._translator.translate(given, params or {})
            given, params = meant.type, meant.params
            for ours, theirs in meant.renamed.items():
                self._faults.spelling[*where, "params", ours] = theirs
        if given is not None:
            made["type"] = given
        if params:
            made["params"] = params
        used = {*made, *TYPE, self._used(entry, PARAMS), "metadata"}
        rest = {key: value for key, value in entry.items() if key not in used}
        self._near(rest, NODE, entry, where)
        facts = _facts(entry.get("metadata")) | rest
        if facts:
            made["metadata"] = facts
        return made

    def _edges(self, listed: Any, facts: dict[str, Any]) -> Any:
        said: dict[str, Any] = {}

        def read(edge: Any, where: Where) -> Any:
            return self._edge(edge, where, said)

        edges = self._each(listed, ("edges",), read)
        if said:
            facts["edges"] = said
        return edges

    def _edge(self, edge: Any, where: Where, said: dict[str, Any]) -> Any:
        if is_list(edge):
            pair = edge
            return dict(zip(("source", "target"), pair, strict=True)) if len(pair) == 2 else edge
        entry: Mapping[str, Any] = edge
        made: dict[str, Any] = {}
        for end, nodes, ports in (("source", SOURCE, SOURCE_PORT), ("target", TARGET, TARGET_PORT)):
            node = self._field(entry, nodes, where, end)
            given = any(name in entry for name in ports)
            port = self._field(entry, ports, where, f"{end}_port") if given else None
            if node is not None:
                made[end] = place(node, port)
        rest = {key: value for key, value in entry.items() if key not in EDGE}
        self._near(rest, EDGE, entry, where)
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
        self,
        rest: Mapping[str, Any],
        known: tuple[str, ...],
        entry: Mapping[str, Any],
        where: Where,
    ) -> None:
        """Find slips of the pen among what means nothing here."""
        for key in rest:
            if (key, known) not in self._slips:
                near = difflib.get_close_matches(key[:LONGEST], known, 1, SLIP)
                self._slips[key, known] = near[0] if near else None
            meant = self._slips[key, known]
            if meant is not None and meant not in entry:
                self._faults.add((*where, key), f"unknown field; did you mean {meant!r}?")


def place(node: Any, port: Any) -> Any:
    """An end of an edge as version 2 writes it, of a node and a port.

    >>> place("cut", None), place("cut", "video"), place({"node": "cut", "port": "out"}, None)
    ('cut', 'cut.video', 'cut.out')
    """
    if is_mapping(node):
        node, port = node.get("node"), node.get("port", port)
    return f"{node}.{port}" if isinstance(node, str) and isinstance(port, str) else node


def _facts(metadata: Any) -> dict[str, Any]:
    return dict(metadata) if is_mapping(metadata) else {}
