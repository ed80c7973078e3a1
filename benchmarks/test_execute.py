"""One call for a whole run: what three nodes and a thousand items cost with everything included."""

from __future__ import annotations

from typing import Any

import streamflow as sf
from benchmarks import peers
from benchmarks.harness import Comparison, Contender, Goal, new_runner
from streamflow.execute import Executable
from streamflow.nodes import PassThrough

ITEMS = 1_000
INPUTS = list(range(ITEMS))
WORK = f"execute_pipeline_with_input, 3 nodes, {ITEMS:,} items, everything included"
"""A figure of it is for one run, or for one item where it says so."""

MANIFEST: dict[str, Any] = {
    "version": "v1",
    "nodes": [{"id": id, "node_type": "PassThrough"} for id in "abc"],
    "connections": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}],
}


def nodes() -> list[PassThrough]:
    return [PassThrough() for _ in range(3)]


def executed(runner: Any, executable: Executable) -> None:
    report = runner.run(sf.execute_pipeline_with_input(executable, INPUTS))
    assert len(report.results) == ITEMS


def test_execute_against_queues(compare: Comparison) -> None:
    pipeline, calls = sf.Pipeline(*nodes()), [node.process for node in nodes()]

    with new_runner() as runner:
        compare(
            f"{WORK}: a pipeline, per item",
            lambda: executed(runner, pipeline),
            peers.queues(calls, ITEMS),
            items=ITEMS,
            rounds=30,
            goal=Goal(1 / 60),
        )


def test_execute_a_pipeline(compare: Comparison) -> None:
    pipeline = sf.Pipeline(*nodes())

    with new_runner() as runner:
        compare(
            f"{WORK}: a pipeline",
            lambda: executed(runner, pipeline),
            rounds=50,
            goal=Goal(0.0006, absolute=True),
        )


def test_execute_a_list_of_instances_against_a_manifest(compare: Comparison) -> None:
    chain = nodes()

    with new_runner() as runner:
        compare(
            f"{WORK}: a list of instances",
            lambda: executed(runner, chain),
            Contender("the same from a manifest", lambda: executed(runner, MANIFEST)),
            rounds=30,
            goal=Goal(1.0),
        )
