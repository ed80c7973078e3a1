"""Measuring: how many items a second a pipeline handles, and how long a single one takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter_ns
from typing import Any, Final

from streamflow.blocking import run_blocking
from streamflow.execution import Execution
from streamflow.metrics import Report, Times
from streamflow.pipeline import Pipeline
from streamflow.scheduler.placement import new_event_loop

PATIENCE: Final = 1.0
"""Seconds after which an item will not come out any more."""

LOOK_EVERY: Final = 0.005
"""Seconds between two looks at how much an endless source has emitted."""

SINGLY: Final = 1_000
"""Items that are sent one by one, at most."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        items: that entered the pipeline.
        seconds: it took from its first item to its last.
    """

    items: int
    seconds: float

    @property
    def throughput(self) -> float:
        """Items a second."""
        return self.items / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured.

    Attributes:
        runs: in order.
        latency: how long an item took that was alone in the pipeline, from its
            input to its output; None where that cannot be told: a pipeline has a
            source of its own, or not each item comes out as one.
        report: of the last run.
    """

    runs: tuple[Run, ...]
    latency: Times | None
    report: Report = field(repr=False)

    @property
    def throughput(self) -> float:
        """Items a second: the median of the runs."""
        return median(run.throughput for run in self.runs)


def measure(
    pipeline: Pipeline,
    items: Sequence[Any] | None = None,
    *,
    repeat: int = 5,
    limit: int | None = None,
) -> Measurement:
    """Run a pipeline a few times, as fast as the machine can, after one run that does not count.

    Args:
        pipeline: if it holds instances, these are run each time.
        items: for the node that no edge feeds; None if it has sources of its own.
        repeat: runs that count.
        limit: items after which its sources are ended.

    Raises:
        ValueError: ``repeat`` or ``limit`` is less than 1.
        NodeError: a node failed.

    >>> from streamflow.nodes import PassThrough
    >>> found = measure(Pipeline(PassThrough()), range(100), repeat=2)
    >>> [run.items for run in found.runs], found.latency.count
    ([100, 100], 100)
    """
    for name, value in (("repeat", repeat), ("limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be 1 or more, not {value}")
    report = _run(pipeline, items, limit)
    runs: list[Run] = []
    for _ in range(repeat):
        report = _run(pipeline, items, limit)
        runs.append(Run(_entered(pipeline, report), report.duration))
    return Measurement(tuple(runs), measure_latency(pipeline, items or ()), report)


def _run(pipeline: Pipeline, items: Sequence[Any] | None, limit: int | None) -> Report:
    def limited(execution: Execution) -> AbstractAsyncContextManager[None]:
        return _stopped_after(pipeline, execution, limit or 0)

    return pipeline.run(items, clock="offline", progress=limited if limit else False)


@asynccontextmanager
async def _stopped_after(
    pipeline: Pipeline, execution: Execution, limit: int
) -> AsyncGenerator[None]:
    async def watch() -> None:
        while _entered(pipeline, execution.report()) < limit:  # noqa: ASYNC110 - none tells of items
            await asyncio.sleep(LOOK_EVERY)
        await execution.stop()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _entered(pipeline: Pipeline, report: Report) -> int:
    """Items that came from sources, or else from outside."""
    nodes = pipeline.graph.nodes
    sources = [id for id in nodes if nodes[id].shape.is_source]
    if sources:
        return sum(report.nodes[id].emitted for id in sources)
    fed = {edge.target for edge in pipeline.graph.edges}
    return sum(report.nodes[id].received for id in nodes if id not in fed)


def measure_latency(pipeline: Pipeline, items: Sequence[Any]) -> Times | None:
    """How long an item takes that is alone in a pipeline.

    Args:
        pipeline: with one open input and one open output, or nothing is measured.
        items: sent one by one, each when the one before has come out; the first
            thousand are.

    Returns:
        What was measured; None if not each item comes out as one.
    """
    inputs, outputs = pipeline.graph.open_ports()
    if len(inputs) != 1 or len(outputs) != 1 or not items:
        return None
    (target,), (source,) = inputs.values(), outputs.values()
    return run_blocking(
        lambda: _each_alone(pipeline, target, source, items[:SINGLY]), new_event_loop
    )


async def _each_alone(
    pipeline: Pipeline, target: tuple[str, str], source: tuple[str, str], items: Sequence[Any]
) -> Times | None:
    taken: list[int] = []
    async with pipeline.start(clock="offline") as execution:
        results = execution.outputs(*source)
        for item in items:
            began = perf_counter_ns()
            await execution.inject(target[0], item, target[1])
            if not await _comes(results):
                return None
            taken.append(perf_counter_ns() - began)
        await execution.end_inputs()
        return None if await _comes(results) else times_of(taken)


async def _comes(results: AsyncIterator[Any]) -> bool:
    """Whether there is another result, before patience ends."""
    try:
        async with asyncio.timeout(PATIENCE):
            await anext(results)
    except (StopAsyncIteration, TimeoutError):
        return False
    return True


def times_of(taken: Sequence[int]) -> Times:
    """Exact quantiles of durations in nanoseconds; one at least.

    >>> times_of([5, 1, 3]).p50_ns
    3
    """
    ordered, count = sorted(taken), len(taken)
    return Times(
        count=count,
        mean_ns=sum(ordered) // count,
        p50_ns=ordered[(count - 1) // 2],
        p99_ns=ordered[(count * 99 - 1) // 100],
        max_ns=ordered[-1],
        total_ns=sum(ordered),
    )
