from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import streamflow as sf
from streamflow.errors import ManifestError
from tests.nodes.symbia.server import answer, serving


def graph(nodes: dict[str, tuple[str, dict[str, Any]]], *edges: str) -> dict[str, Any]:
    """A Symbia graph; an edge is written ``a:out -> b:in``."""

    def place(text: str) -> dict[str, str]:
        node, _, port = text.partition(":")
        return {"node": node, "port": port}

    ends = [edge.split(" -> ") for edge in edges]
    return {
        "symbia": "1.0",
        "name": "Test",
        "version": "1.0.0",
        "nodes": [
            {"id": id, "component": f"symbia.{component}", "config": config}
            for id, (component, config) in nodes.items()
        ],
        "edges": [
            {"id": f"e{index}", "source": place(source), "target": place(target)}
            for index, (source, target) in enumerate(ends)
        ],
    }


def test_the_graph_of_the_quick_reference_logs_42(caplog: pytest.LogCaptureFixture) -> None:
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "input": ("core.passthrough", {}),
        "double": ("core.map", {"expression": "value * 2"}),
        "output": ("core.logger", {}),
    }
    simple = graph(nodes, "input:out -> double:in", "double:out -> output:in")

    with caplog.at_level(logging.INFO, "streamflow.node.output"):
        report = sf.execute_pipeline_with_input_sync(simple, [21])

    assert list(report.results) == [42]
    assert [record.getMessage() for record in caplog.records] == ["42"]


def test_a_graph_with_branches_and_errors_runs() -> None:
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "check": ("core.split", {"condition": "value.user.n > 100"}),
        "high": ("core.map", {"transform": "`high ${value.user.n}`"}),
        "low": ("core.filter", {"predicate": "value.user.n > 1"}),
        "name": ("core.map", {"expression": "value.user.n ?? 'nobody'"}),
        "lost": ("core.passthrough", {}),
        "all": ("core.merge", {}),
    }
    made = graph(
        nodes,
        "check:true -> high:in",
        "check:false -> low:in",
        "check:error -> lost:in",
        "low:out -> name:in",
        "low:rejected -> name:in",
        "high:out -> all:in1",
        "name:out -> all:in2",
    )

    items: list[Any] = [{"user": {"n": 101}}, {"user": {"n": 5}}, {"user": {}}, {}]
    report = sf.execute_pipeline_with_input_sync(made, items)

    [error] = [result for result in report.results if isinstance(result, sf.NodeError)]
    others = [result for result in report.results if result is not error]
    assert sorted(map(str, others)) == ["5", "high 101", "nobody"]
    assert (error.node, error.item) == ("check", {})


async def test_the_pipeline_that_fetches_and_extracts_runs() -> None:
    async with serving({"/data": answer(b'{"items": [{"name": "a"}]}')}) as server:
        config = {"url": server.url("/data"), "allow_private": True}
        nodes: dict[str, tuple[str, dict[str, Any]]] = {
            "extract": ("io.http-request", config),
            "transform": ("core.map", {"expression": "value.data.items"}),
            "first": ("data.json-transform", {"path": "[0].name"}),
        }
        made = graph(nodes, "extract:out -> transform:in", "transform:out -> first:in")

        report = await asyncio.to_thread(sf.execute_pipeline_with_input_sync, made, ["go"])

    assert list(report.results) == ["a"]


def test_an_expression_that_is_none_is_a_fault_of_the_manifest() -> None:
    made = graph({"bad": ("core.filter", {"predicate": "value.run()"})})

    with pytest.raises(ManifestError, match=r"nodes\[0\].*a call is not allowed, at character 10"):
        sf.Pipeline.from_manifest(made)
