"""Symbia graphs, put as version 2.

``symbia``, ``name``, ``version``, ``nodes`` (``id``, ``component``, ``config``), ``edges`` (``id``,
``source``, ``target``, each of ``node`` and ``port``) and ``bindings``, which are kept as metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streamflow.manifest.faults import Faults, Where
from streamflow.manifest.shapes import is_list, is_mapping
from streamflow.manifest.v1 import place

VERSIONS: Final = ("1.0", "1", "1.0.0")


def from_symbia(data: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """The same as version 2, with what means nothing here kept in ``metadata``.

    Args:
        data: what was read; it may be of any shape.
        faults: learns what the text calls each field.
    """
    made: dict[str, Any] = {"streamflow": "2"}
    if str(data["symbia"]) not in VERSIONS:
        faults.add(("symbia",), 'must be "1.0"')
    metadata = data.get("metadata")
    facts: dict[str, Any] = dict(metadata) if is_mapping(metadata) else {}
    for key, value in data.items():
        if key == "nodes":
            made["nodes"] = _each(value, (key,), _node, faults)
        elif key == "edges":
            made["edges"] = _each(value, (key,), _edge, faults)
        elif key == "name":
            made["name"] = value
        elif key != "metadata":
            facts[key] = value
    made["metadata"] = facts
    return made


def _each(listed: Any, where: Where, read: Any, faults: Faults) -> Any:
    if not is_list(listed):
        return listed
    return [
        read(entry, (*where, index), faults) if is_mapping(entry) else entry
        for index, entry in enumerate(listed)
    ]


def _node(node: Mapping[str, Any], where: Where, faults: Faults) -> dict[str, Any]:
    names = {"id": "id", "component": "type", "config": "params"}
    made = {names[key]: value for key, value in node.items() if key in names}
    if made.get("params", {}) is None:
        del made["params"]
    for theirs, ours in names.items():
        faults.spelling[*where, ours] = theirs
    facts = {key: value for key, value in node.items() if key not in names}
    return made | ({"metadata": facts} if facts else {})


def _edge(edge: Mapping[str, Any], where: Where, faults: Faults) -> dict[str, Any]:
    made = dict(edge)
    made.pop("id", None)
    for end in ("source", "target"):
        if is_mapping(made.get(end)):
            made[end] = place(made[end], None)
            faults.spelling[*where, f"{end}_port"] = f"{end}.port"
    return made
