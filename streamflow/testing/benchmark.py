"""Benchmarks: a fixture that measures pipelines with pytest-benchmark.

Import it in a ``conftest.py``, and let a test ask for it by name; it needs
``pip install pytest-benchmark``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from streamflow.metrics import Report
from streamflow.pipeline import Pipeline
from streamflow.testing.measure import measure_latency


class Benchmark(Protocol):
    """What is used here of pytest-benchmark's fixture, which has no annotations."""

    disabled: bool
    extra_info: dict[str, Any]
    stats: Any

    def pedantic(
        self, target: Any, *, kwargs: dict[str, Any], rounds: int, warmup_rounds: int
    ) -> Any:
        """Time ``target``; once if disabled."""


class PipelineBenchmark:
    """Measures a pipeline; what the fixture `benchmark_pipeline` gives.

    Args:
        benchmark: pytest-benchmark's fixture.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark

    def __call__(
        self, pipeline: Pipeline, items: Sequence[Any] | None = None, *, rounds: int = 10
    ) -> Report:
        """Time whole runs, from their start to their report; then single items.

        pytest-benchmark's table shows the runs. Its record, under ``extra_info``,
        has ``items`` and ``items_per_second``; and, of a pipeline with one open
        input and one open output, ``latency_p50``, ``latency_p99`` and
        ``latency_max`` of an item that is alone in it, in seconds.

        Args:
            pipeline: what is run in each round.
            items: for the node that no edge feeds; None if it has sources of its own.
            rounds: runs that are timed, after one that is not.

        Returns:
            The report of the last run, for asserts on what came out.
        """
        report: Report = self._benchmark.pedantic(
            pipeline.run,
            kwargs={"inputs": items, "progress": False},
            rounds=rounds,
            warmup_rounds=1,
        )
        if not self._benchmark.disabled:
            self._note(pipeline, items or (), report)
        return report

    def _note(self, pipeline: Pipeline, items: Sequence[Any], report: Report) -> None:
        handled = len(items) or sum(
            report.nodes[id].emitted
            for id, node in pipeline.graph.nodes.items()
            if node.shape.is_source
        )
        seconds = self._benchmark.stats.stats.median
        figures: dict[str, Any] = {"items": handled, "items_per_second": handled / seconds}
        latency = measure_latency(pipeline, items)
        if latency is not None:
            figures |= {
                "latency_p50": latency.p50_ns / 1e9,
                "latency_p99": latency.p99_ns / 1e9,
                "latency_max": latency.max_ns / 1e9,
            }
        self._benchmark.extra_info |= figures


@pytest.fixture
def benchmark_pipeline(benchmark: Benchmark) -> PipelineBenchmark:
    """Measures throughput and latency of a pipeline; see `PipelineBenchmark`."""
    return PipelineBenchmark(benchmark)
