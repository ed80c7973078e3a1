"""Exports: what it costs to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import streamflow as sf
from benchmarks.harness import Comparison, Contender, Goal
from streamflow.execution import Execution
from streamflow.nodes import PassThrough

NODES: Final = 10
ITEMS: Final = 1_000_000
EVERY: Final = 0.1
"""Seconds between two exports; Prometheus's own habit is fifteen."""


@asynccontextmanager
async def exporting(execution: Execution) -> AsyncGenerator[None]:
    """Export in both formats, ten times a second."""

    async def export() -> None:
        while True:
            await asyncio.sleep(EVERY)
            metrics = execution.metrics()
            assert metrics.to_json()
            assert metrics.to_prometheus()

    task = asyncio.create_task(export())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def chain() -> sf.Pipeline:
    """Ten nodes, of which the last keeps nothing."""

    @sf.node
    def end(_item: int) -> None:
        pass

    return sf.Pipeline(*(PassThrough() for _ in range(NODES - 1)), end)


def test_throughput_while_metrics_are_exported(compare: Comparison) -> None:
    pipeline = chain()

    def run() -> None:
        pipeline.run(range(ITEMS), progress=exporting)

    def unobserved() -> None:
        pipeline.run(range(ITEMS), progress=False)

    compare(
        f"{NODES} nodes, Prometheus and JSON exported {1 / EVERY:g} times a second, per item",
        run,
        Contender("the same, unobserved", unobserved, ITEMS),
        items=ITEMS,
        rounds=9,
        goal=Goal(1 / 0.98),
    )


def test_one_export(compare: Comparison) -> None:
    execution = chain().start(range(1_000), clock="offline")

    async def finish() -> None:
        async with execution:
            await execution.wait()

    asyncio.run(finish())

    def export() -> None:
        metrics = execution.metrics()
        assert metrics.to_json()
        assert metrics.to_prometheus()

    compare(f"metrics of {NODES} nodes, once, in both formats", export, rounds=100)
