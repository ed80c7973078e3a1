"""OpenTelemetry: what readers collect of runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

sdk = pytest.importorskip("opentelemetry.sdk.metrics")

from opentelemetry import metrics as api  # noqa: E402 - after it is known to be there
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402

import streamflow as sf  # noqa: E402
from streamflow.execution import Execution  # noqa: E402
from streamflow.metrics import Report  # noqa: E402
from streamflow.nodes import PassThrough  # noqa: E402
from streamflow.otel import observe  # noqa: E402
from tests.support.waiting import until  # noqa: E402

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Collector:
    """A meter provider and its reader."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = sdk.MeterProvider([self.reader])

    def metrics(self) -> list[Any]:
        """Collect, now."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]

    def figures(self) -> Figures:
        """Collect, now: values by name and attributes, without the pipeline's."""
        return {
            (
                metric.name.removeprefix("streamflow."),
                frozenset((k, v) for k, v in point.attributes.items() if k != "pipeline"),
            ): point.value
            for metric in self.metrics()
            for point in metric.data.data_points
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.provider.shutdown()


def key(name: str, **attributes: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(attributes.items())


def start(items: Any, name: str = "chain") -> Execution:
    return sf.Pipeline(name, PassThrough()).start(items, clock="offline", collect=True)


async def finish(execution: Execution) -> Report:
    async with execution:
        return await execution.wait()


async def test_readers_see_what_a_run_has_done_so_far_and_in_the_end(collector: Collector) -> None:
    gate = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        yield 1
        await gate.wait()
        yield 2

    execution = start(items())
    received = key("node.items_received", node="pass_through")

    with observe(execution, provider=collector.provider):
        async with execution:
            await until(lambda: execution.metrics().nodes["pass_through"].received)
            during = collector.figures()
            gate.set()
            await execution.wait()
        after = collector.figures()

    assert (during[received], after[received]) == (1, 2)
    assert during[key("run.state", state="running")] == 1
    assert after[key("run.state", state="completed")] == 1


async def test_each_kind_of_figure_has_the_instrument_that_fits(collector: Collector) -> None:
    execution = sf.Pipeline("chain", PassThrough()).start(
        range(10), clock="offline", collect=True, timing="exact"
    )
    await finish(execution)

    with observe(execution, provider=collector.provider):
        found = {metric.name.removeprefix("streamflow."): metric for metric in collector.metrics()}

    assert found["node.items_received"].data.is_monotonic
    assert not hasattr(found["node.memory"].data, "is_monotonic")
    units = {name: metric.unit for name, metric in found.items()}
    assert units["node.process"] == units["node.process_sum"] == "s"
    assert units["node.process_count"] == "{call}"
    assert units["process.resident_memory"] == "By"
    (count,) = found["node.process_count"].data.data_points
    assert count.value == 10
    quantiles = {point.attributes["quantile"] for point in found["node.process"].data.data_points}
    assert quantiles == {"0.5", "0.99"}


async def test_one_snapshot_serves_a_whole_collection(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = start([1])
    taken: list[Report] = []
    look = execution.metrics

    def note() -> Report:
        taken.append(look())
        return taken[-1]

    monkeypatch.setattr(execution, "metrics", note)

    observe(execution, provider=collector.provider)
    before = len(taken)
    for _ in range(3):
        collector.figures()

    assert len(taken) - before == 3


async def test_a_run_that_has_ended_is_let_go_but_its_figures_stay(collector: Collector) -> None:
    execution = start([1, 2, 3])
    observation = observe(execution, provider=collector.provider)
    await finish(execution)

    figures = [collector.figures() for _ in range(2)]

    assert figures[0] == figures[1]
    assert observation._execution is None


async def test_what_is_closed_is_not_observed_any_more(collector: Collector) -> None:
    execution = start([1])
    observation = observe(execution, provider=collector.provider)

    observation.close()
    observation.close()

    assert collector.figures() == {}


async def test_the_next_run_of_a_pipeline_takes_the_place_of_the_last(collector: Collector) -> None:
    first, second = start([1]), start([1, 2])
    before = observe(first, provider=collector.provider)
    await finish(first)
    await finish(second)

    observe(second, provider=collector.provider)
    before.close()

    assert collector.figures()[key("node.items_received", node="pass_through")] == 2


async def test_attributes_keep_runs_of_one_pipeline_apart(collector: Collector) -> None:
    first, second = start([1]), start([1, 2])
    await finish(first)
    await finish(second)

    observe(first, provider=collector.provider, attributes={"session": "a"})
    observe(second, provider=collector.provider, attributes={"session": "b"})

    found = collector.figures()
    name, node = "node.items_received", "pass_through"
    assert found[key(name, node=node, session="a")] == 1
    assert found[key(name, node=node, session="b")] == 2


async def test_the_programs_own_meter_provider_is_used_if_no_other_is_given(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "get_meter_provider", lambda: collector.provider)

    observe(start([1]))

    assert collector.figures()[key("node.items_received", node="pass_through")] == 0
