"""Processes: nodes in interpreters of their own, with the same results."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamflow as sf
from streamflow.graph import Placement
from streamflow.testing import assert_ledger
from tests.support.chains import chain, same
from tests.support.trail import Trail


def pid(x: Any) -> int:
    return os.getpid()


def numbered(number: int, x: Any) -> tuple[int, int]:
    return number, os.getpid()


def test_a_node_in_a_process_gives_the_same_results_elsewhere() -> None:
    pipeline = chain(sf.node(pid))

    report = pipeline.run(range(3))

    (there,) = set(report.results)
    assert there != os.getpid()
    assert_ledger(report)


def test_nodes_that_name_one_process_share_it_and_others_do_not() -> None:
    pipeline = sf.Pipeline("shared")
    head = pipeline.add(sf.node(same), id="head")
    places: list[Placement] = [sf.Process("a"), sf.Process("b"), sf.Process("a"), "process"]
    for number, on in enumerate(places):
        where = sf.node(partial(numbered, number))
        head >> pipeline.add(where, id=f"n{number}", on=on)

    found = dict(pipeline.run([0]).results)

    assert found[0] == found[2]
    assert len(set(found.values())) == 3


def test_a_chain_of_nodes_on_process_shares_one() -> None:
    pipeline = sf.Pipeline("chain")
    first = pipeline.add(sf.node(lambda x: [os.getpid()]), on="process")
    second = pipeline.add(sf.node(lambda x: [*x, os.getpid()]), on="process")
    pipeline.add(sf.node(same)) >> first >> second

    ((one, two),) = pipeline.run([0]).results

    assert one == two != os.getpid()


def test_two_limits_for_one_process_are_refused() -> None:
    pipeline = sf.Pipeline("limits")
    a = pipeline.add(sf.node(same), id="a", on=sf.Process("gpu", memory="1GiB"))
    a >> pipeline.add(sf.node(same), id="b", on=sf.Process("gpu", memory="2GiB"))

    with pytest.raises(sf.GraphError, match="node 'b' wants Process"):
        pipeline.run([1])


def test_too_much_memory_is_a_memory_error_of_the_node() -> None:
    pipeline = chain(sf.node(lambda x: np.ones(256 << 20, np.uint8)), on=sf.Process(memory="64MiB"))

    with pytest.raises(sf.NodeError, match=r"node 'far' failed in process.*MemoryError"):
        pipeline.run([1])


def test_what_cannot_travel_is_named_before_anything_starts(trail: Trail) -> None:
    class Detect(sf.Node):
        def __init__(self, file: Any) -> None:
            self.model = {"file": file}

        def process(self, x: int) -> int:
            return x

    class Early(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            trail.append("initialized")

        def process(self, x: int) -> int:
            return x

    with Path(__file__).open() as file:
        pipeline = chain(Detect(file))
        pipeline.add(Early()) >> pipeline["head"]

        with pytest.raises(sf.PicklingError, match=r"Detect\.model\['file'\].*open file"):
            pipeline.run([1])

    assert trail == []


def test_logs_and_warnings_of_a_process_reach_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Talks(sf.Node):
        def initialize(self, ctx: sf.NodeContext) -> None:
            self.logger = ctx.logger

        def process(self, x: int) -> int:
            self.logger.warning("item %d", x)
            warnings.warn("old way", DeprecationWarning, stacklevel=1)
            return x

    with caplog.at_level(logging.INFO), pytest.warns(DeprecationWarning, match="old way"):
        chain(Talks()).run([7])

    (record,) = [r for r in caplog.records if r.name == "streamflow.node.far"]
    assert record.getMessage() == "item 7"
    assert record.process != os.getpid()


def test_what_a_process_prints_is_not_swallowed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import streamflow as sf

        class Shout(sf.Node):
            def process(self, x):
                print("out", x)
                return x

        pipeline = sf.Pipeline("shout")
        pipeline.add(sf.node(lambda x: x)) >> pipeline.add(Shout(), on="process")
        pipeline.run([1, 2])
        """)
    )

    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout == "out 1\nout 2\n"
    assert done.stderr == ""


def test_two_branches_of_pure_python_run_at_once() -> None:
    @sf.node
    def meet(x: int) -> float:
        begin = time.monotonic()
        while time.monotonic() < begin + 0.2:
            pass
        return begin

    pipeline = sf.Pipeline("parallel")
    head = pipeline.add(sf.node(same))
    for _ in range(2):
        head >> pipeline.add(sf.node(meet.process), on="process")

    first, second = pipeline.run([0]).results

    assert abs(first - second) < 0.2


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "trail")


def test_a_byte_budget_bounds_what_waits_in_all_processes() -> None:
    pipeline = chain(sf.node(lambda x: np.zeros(100_000, np.uint8)))

    report = pipeline.run([np.zeros(100_000, np.uint8)] * 50, max_bytes=250_000)

    assert len(report.results) == 50
    assert_ledger(report)


async def test_outputs_of_a_node_in_a_process_can_be_read_while_it_runs() -> None:
    pipeline = sf.Pipeline("outputs")
    pipeline.add(sf.node(lambda x: x + 1), id="far", on="process")

    async with pipeline.start(range(5), clock="offline") as execution:
        found = [item async for item in execution.outputs("far")]

    assert found == [1, 2, 3, 4, 5]


async def test_several_executions_have_workers_of_their_own() -> None:
    class Pid(sf.Node):
        def process(self, x: int) -> int:
            return os.getpid()

    def build() -> sf.Pipeline:
        pipeline = sf.Pipeline("pid")
        pipeline.add(Pid, on="process")
        return pipeline

    async def run() -> Any:
        async with build().start([1], clock="offline", collect=True) as execution:
            return (await execution.wait()).results[0]

    assert len({*await asyncio.gather(run(), run())}) == 2


def test_a_deadlock_over_processes_is_named() -> None:
    class Chunks(sf.Node):
        """Gives nothing before it has a hundred."""

        def __init__(self) -> None:
            self.held: list[int] = []

        def process(self, x: int) -> list[int] | None:
            self.held.append(x)
            return self.held if len(self.held) == 100 else None

    pipeline = sf.Pipeline("deadlock")
    head = pipeline.add(sf.node(same), id="head")
    chunks = pipeline.add(Chunks(), id="chunks", on="process")
    head >> chunks
    beside = pipeline.add(sf.node(same), id="beside", on=sf.Process("beside"))
    head >> beside
    pipeline.merge(chunks, beside, policy="zip")

    with pytest.raises(sf.DeadlockError, match=r"merge_zip\.\S+ waits .* because merge_zip"):
        pipeline.run(range(1000))
