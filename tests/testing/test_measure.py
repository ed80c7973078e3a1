"""Measuring: runs, rates, and items that are alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import streamflow as sf
from streamflow.nodes import PassThrough
from streamflow.ports import Ports
from streamflow.testing import measure as module
from streamflow.testing.measure import Run, measure, measure_latency, times_of


def test_each_run_counts_but_the_first() -> None:
    seen: list[int] = []

    class Swallow(sf.Node):
        outputs: ClassVar[Ports] = {}

        def process(self, x: int) -> None:
            seen.append(x)

    found = measure(sf.Pipeline("x", Swallow()), [1, 2, 3], repeat=4)

    assert [run.items for run in found.runs] == [3] * 4
    assert seen == [1, 2, 3] * 5
    assert found.throughput > 0
    assert found.report.state == "completed"


def test_an_endless_source_is_ended_after_a_number_of_items() -> None:
    @sf.node
    def forever() -> Iterator[int]:
        while True:
            yield 1

    found = measure(sf.Pipeline("x", forever, PassThrough()), repeat=1, limit=50)

    assert found.runs[0].items >= 50
    assert found.latency is None


def test_a_source_that_ends_before_its_limit_is_measured_as_it_is() -> None:
    @sf.node
    def three() -> Iterator[int]:
        yield from range(3)

    found = measure(sf.Pipeline("x", three), repeat=1, limit=1_000)

    assert found.runs[0].items == 3


@pytest.mark.parametrize("bad", [{"repeat": 0}, {"limit": 0}])
def test_a_number_that_cannot_be_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more, not 0"):
        measure(sf.Pipeline(PassThrough()), [1], **bad)


def test_items_are_sent_one_by_one_for_their_latency() -> None:
    found = measure_latency(sf.Pipeline(PassThrough(), PassThrough()), range(5_000))

    assert found is not None
    assert found.count == 1_000
    assert 0 < found.p50_ns <= found.p99_ns <= found.max_ns


def test_an_item_that_never_comes_out_has_no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)

    @sf.node
    def odd(x: int) -> int | None:
        return x if x % 2 else None

    assert measure_latency(sf.Pipeline("x", odd), [1, 2]) is None


def test_an_item_that_comes_out_twice_has_no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)

    @sf.node
    def twice(x: int) -> Iterator[int]:
        yield x
        yield x

    assert measure_latency(sf.Pipeline("x", twice), [1, 2]) is None


def test_latency_needs_an_input_an_output_and_items() -> None:
    class Swallow(sf.Node):
        outputs: ClassVar[Ports] = {}

        def process(self, x: Any) -> None:
            pass

    assert measure_latency(sf.Pipeline(Swallow()), [1]) is None
    assert measure_latency(sf.Pipeline(PassThrough()), []) is None


def test_quantiles_are_those_of_the_sorted_durations() -> None:
    times = times_of(list(range(200, 0, -1)))

    assert (times.count, times.p50_ns, times.p99_ns, times.max_ns) == (200, 100, 198, 200)
    assert (times.mean_ns, times.total_ns) == (100, 20_100)


def test_a_run_that_took_no_time_has_no_rate() -> None:
    assert Run(5, 0.0).throughput == 0.0
