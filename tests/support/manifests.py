"""Manifests of the original runtime, as tests write them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any


def node(id: str, type: str, **params: Any) -> dict[str, Any]:
    return {"id": id, "node_type": type, "params": params}


def manifest(
    nodes: list[dict[str, Any]], edges: list[tuple[str, str]] | None = None
) -> dict[str, Any]:
    if edges is None:
        edges = list(pairwise([entry["id"] for entry in nodes]))
    return {
        "version": "v1",
        "metadata": {"name": "scenario"},
        "nodes": nodes,
        "connections": [{"from": a, "to": b} for a, b in edges],
    }
