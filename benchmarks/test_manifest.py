"""Manifests: what reading and checking costs, by size and by form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import streamflow as sf
from benchmarks.harness import Comparison, Goal
from streamflow.manifest import Manifest, dump, load

NODES = 1_000


def version_1() -> dict[str, Any]:
    """A chain of the original runtime's kind."""
    return {
        "version": "v1",
        "metadata": {"name": "chain"},
        "nodes": [
            {"id": f"n{n}", "node_type": "PassThroughNode", "params": {}, "is_streaming": True}
            for n in range(NODES)
        ],
        "connections": [{"from": f"n{n}", "to": f"n{n + 1}"} for n in range(NODES - 1)],
    }


def version_2() -> dict[str, Any]:
    """A chain of ours, with params and options at every node."""
    params = {"width": 640, "height": 360, "interpolation": "area"}
    return {
        "streamflow": "2",
        "nodes": [
            {"id": f"n{n}", "type": "scale", "params": params, "error": "skip"}
            for n in range(NODES)
        ],
        "edges": [{"source": f"n{n}", "target": f"n{n + 1}"} for n in range(NODES - 1)],
    }


@pytest.mark.parametrize(("name", "make"), [("v1", version_1), ("v2", version_2)])
def test_load_a_manifest_of_a_thousand_nodes(
    name: str, make: Callable[[], dict[str, Any]], compare: Comparison
) -> None:
    text = json.dumps(make())

    def run() -> None:
        assert len(load(text).graph.nodes) == NODES

    compare(
        f"load and check a manifest of {NODES} nodes ({name}, JSON)",
        run,
        rounds=20,
        goal=Goal(0.090, absolute=True),
    )


@pytest.mark.parametrize(("name", "make"), [("v1", version_1), ("v2", version_2)])
def test_load_check_and_build_a_thousand_nodes(
    name: str, make: Callable[[], dict[str, Any]], compare: Comparison
) -> None:
    text = json.dumps(make())

    def run() -> None:
        assert len(sf.Pipeline.from_manifest(text).graph.nodes) == NODES

    compare(
        f"load, check and build a manifest of {NODES} nodes ({name}, JSON)",
        run,
        rounds=10,
        goal=Goal(0.150, absolute=True),
    )


def test_load_yaml(compare: Comparison) -> None:
    text = dump(load(version_2()), "yaml")

    def run() -> None:
        assert len(load(text).graph.nodes) == NODES

    compare(f"load and check a manifest of {NODES} nodes (v2, YAML)", run, rounds=10)


def test_dump_json(compare: Comparison) -> None:
    manifest: Manifest = load(version_2())

    def run() -> None:
        assert dump(manifest)

    compare(f"dump a manifest of {NODES} nodes (JSON)", run, rounds=10)
