"""Retries and circuit breakers: the same over every placement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import streamflow as sf
from streamflow.graph import ErrorPolicy, PlacementName
from streamflow.testing import assert_ledger
from tests.support.trail import Trail

AGAIN = sf.Retry(max_retries=2, backoff=0.001)


class Flaky(sf.Node):
    """Fails so many times on an item before it lets it pass; notes each try."""

    reentrant = True

    def __init__(self, trail: Trail, fails: dict[int, int]) -> None:
        self.trail, self.fails = trail, fails

    def attempt(self, x: int) -> int:
        self.trail.append(x)
        if self.fails.get(x, 0) > 0:
            self.fails[x] -= 1
            raise ConnectionError(f"{x} refused")
        return x


class Plain(Flaky):
    def process(self, x: int) -> int:
        return self.attempt(x)


class Asynchronous(Flaky):
    async def process(self, x: int) -> int:
        await asyncio.sleep(0)
        return self.attempt(x)


class Generator(Flaky):
    def process(self, x: int) -> Iterator[int]:
        yield -x
        yield self.attempt(x)


class AsynchronousGenerator(Flaky):
    async def process(self, x: int) -> AsyncIterator[int]:
        yield -x
        await asyncio.sleep(0)
        yield self.attempt(x)


EACH = pytest.mark.parametrize("concurrency", [1, 3])
KINDS = pytest.mark.parametrize("kind", [Plain, Asynchronous, Generator, AsynchronousGenerator])
SOME = pytest.mark.parametrize(
    ("kind", "concurrency"), [(Plain, 1), (AsynchronousGenerator, 1), (Asynchronous, 3)]
)


def given(kind: type[Flaky], *items: int) -> list[int]:
    """What a node of the kind emits for items on which it succeeds."""
    if issubclass(kind, Generator | AsynchronousGenerator):
        return [value for x in items for value in (-x, x)]
    return list(items)


def chain(pipeline: sf.Pipeline, node: sf.Node, **options: Any) -> Any:
    head = pipeline.add(sf.node(lambda x: x), id="head")
    flaky = pipeline.add(node, id="flaky", **options)
    head >> flaky
    return flaky


@EACH
@KINDS
def test_a_call_that_fails_is_made_again_and_nothing_of_a_failed_try_is_emitted(
    kind: type[Flaky], concurrency: int, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    node = kind(trail, {2: 2, 4: 1})
    chain(pipeline, node, on=on, retry=AGAIN, concurrency=concurrency) >> sf.node(lambda x: x)

    report = pipeline.run(range(6))

    assert list(report.results) == given(kind, *range(6))
    flaky = report.nodes["flaky"]
    assert (flaky.received, flaky.failed, flaky.retried, flaky.dropped) == (6, 0, 3, {})
    assert_ledger(report)
    assert sorted(trail) == [0, 1, 2, 2, 2, 3, 4, 4, 5]


@SOME
def test_a_call_that_keeps_failing_ends_the_run_with_its_last_error(
    kind: type[Flaky], concurrency: int, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    chain(pipeline, kind(trail, {2: 9}), on=on, retry=AGAIN, concurrency=concurrency)

    with pytest.raises(sf.NodeError) as caught:
        pipeline.run(range(6))

    error = caught.value
    assert (error.node, error.phase, error.error_type) == ("flaky", "process", "ConnectionError")
    assert (error.message, error.retries, error.input_summary) == ("2 refused", 2, "int 2")
    assert error.__notes__ == [f"try {n} failed: ConnectionError: 2 refused" for n in (1, 2)]
    assert isinstance(error.__cause__, ConnectionError)
    assert "in attempt" in error.stack_trace
    assert str(error) == (
        "node 'flaky' failed in process on int 2 after 2 retries: ConnectionError: 2 refused"
    )


@SOME
def test_under_skip_an_item_is_lost_once_its_retries_are(
    kind: type[Flaky], concurrency: int, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    node = kind(trail, {2: 9, 4: 1})
    flaky = chain(pipeline, node, on=on, retry=AGAIN, error="skip", concurrency=concurrency)
    flaky >> sf.node(lambda x: x)

    report = pipeline.run(range(6))

    good = given(kind, 0, 1, 3, 4, 5)
    assert list(report.results) == good
    done = report.nodes["flaky"]
    assert (done.received, done.emitted, done.failed, done.retried) == (6, len(good), 1, 3)
    assert done.dropped == {}
    assert_ledger(report)


@SOME
def test_under_route_the_error_tells_how_often_it_was_tried(
    kind: type[Flaky], concurrency: int, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    node = kind(trail, {1: 9})
    flaky = chain(pipeline, node, on=on, retry=AGAIN, error="route", concurrency=concurrency)
    good = flaky["out"] >> sf.node(lambda x: ("good", x))
    bad = flaky["error"] >> sf.node(lambda error: ("bad", error.item, error.retries))
    pipeline.merge(good, bad)

    report = pipeline.run(range(3))

    expected = [("bad", 1, 2), *(("good", x) for x in given(kind, 0, 2))]
    assert sorted(report.results) == sorted(expected)
    done = report.nodes["flaky"]
    assert (done.emitted, done.failed, done.retried) == (len(expected), 1, 2)
    assert_ledger(report)


@SOME
def test_an_open_circuit_ends_the_retries_and_fails_what_follows_at_once(
    kind: type[Flaky], concurrency: int, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    flaky = chain(
        pipeline,
        kind(trail, dict.fromkeys(range(6), 99)),
        on=on,
        error="route",
        retry=sf.Retry(max_retries=50, backoff=0.001),
        breaker=sf.CircuitBreaker(max_failures=3, reset_after=600),
        concurrency=concurrency,
    )
    flaky["error"] >> sf.node(lambda error: (error.item, error.error_type))

    report = pipeline.run(range(6))

    assert list(report.results) == [(x, "CircuitOpenError") for x in range(6)]
    assert report.nodes["flaky"].failed == 6
    # Calls that were under way together may fail together.
    assert 3 <= len(list(trail)) <= 3 + concurrency
    assert_ledger(report)


@pytest.mark.parametrize("kind", [Plain, Asynchronous])
def test_a_circuit_closes_again_when_its_trial_succeeds(
    kind: type[Flaky], on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    breaker = sf.CircuitBreaker(max_failures=1, reset_after=0.0)
    flaky = chain(pipeline, kind(trail, {1: 9, 2: 9}), on=on, error="skip", breaker=breaker)
    flaky >> sf.node(lambda x: x)

    report = pipeline.run(range(5))

    assert list(report.results) == [0, 3, 4]
    assert report.nodes["flaky"].failed == 2
    assert_ledger(report)


def test_a_timeout_is_a_failure_that_may_be_retried(
    on: PlacementName, pipeline: sf.Pipeline
) -> None:
    calls = []

    async def slow(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(60 if calls.count(x) == 1 else 0)
        return x

    retry = sf.Retry(backoff=0, on=(sf.NodeTimeoutError,))
    flaky = chain(pipeline, sf.node(slow), on=on, retry=retry, timeout=0.02)
    flaky >> sf.node(lambda x: x)

    report = pipeline.run(range(2))

    assert list(report.results) == [0, 1]
    assert report.nodes["flaky"].retried == 2


def test_an_error_that_is_not_named_is_not_tried_again(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    retry = sf.Retry(on=(TimeoutError, LookupError))
    chain(pipeline, Plain(trail, {1: 9}), on=on, retry=retry)

    with pytest.raises(sf.NodeError, match="on int 1: ConnectionError: 1 refused") as caught:
        pipeline.run(range(3))

    assert caught.value.retries == 0
    assert list(trail) == [0, 1]


class Connecting(sf.Node):
    """Connects at the third try."""

    def __init__(self, trail: Trail, fails: int) -> None:
        self.trail, self.fails = trail, fails

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.trail.append("initialize")
        ctx.emit("out", -1)
        self.fails -= 1
        if self.fails >= 0:
            raise ConnectionError("refused")

    def process(self, x: int) -> int:
        return x

    def cleanup(self) -> None:
        self.trail.append("cleanup")


class ConnectingLater(Connecting):
    async def initialize(self, ctx: sf.NodeContext) -> None:  # type: ignore[override]  # async
        await asyncio.sleep(0)
        super().initialize(ctx)


@pytest.mark.parametrize("kind", [Connecting, ConnectingLater])
def test_initialize_is_tried_again_and_each_try_is_cleaned_up(
    kind: type[Connecting], on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    chain(pipeline, kind(trail, 2), on=on, retry=AGAIN) >> sf.node(lambda x: x)

    report = pipeline.run([1])

    assert list(report.results) == [-1, 1]
    assert report.nodes["flaky"].retried == 2
    before = ["cleanup"] if on == "process" else []  # a node is cleaned up before it travels
    assert list(trail) == [*before, *["initialize", "cleanup"] * 3]


def test_an_initialize_that_keeps_failing_is_cleaned_up_once_for_each_try(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    chain(pipeline, Connecting(trail, 9), on=on, retry=AGAIN)

    with pytest.raises(sf.NodeError, match="in initialize after 2 retries: ConnectionError"):
        pipeline.run([1])

    before = ["cleanup"] if on == "process" else []
    assert list(trail) == [*before, *["initialize", "cleanup"] * 3]


class Batching(sf.Node):
    """Sends what is left at the end, at the third try."""

    reentrant = True

    def __init__(self, trail: Trail, fails: int) -> None:
        self.trail, self.fails = trail, fails

    def process(self, x: int) -> None:
        return None

    def send(self) -> str:
        self.trail.append("flush")
        self.fails -= 1
        if self.fails >= 0:
            raise ConnectionError("refused")
        return "sent"


class FlushPlain(Batching):
    def flush(self) -> str:
        return self.send()


class FlushAsync(Batching):
    async def flush(self) -> str:
        return self.send()


class FlushGenerator(Batching):
    def flush(self) -> Iterator[str]:
        yield "rest"
        yield self.send()


class FlushAsyncGenerator(Batching):
    async def flush(self) -> AsyncIterator[str]:
        yield "rest"
        yield self.send()


SOME_FLUSHES = pytest.mark.parametrize(
    ("kind", "concurrency"),
    [(FlushPlain, 1), (FlushAsync, 1), (FlushGenerator, 1), (FlushAsyncGenerator, 3)],
)


@SOME_FLUSHES
def test_flush_is_tried_again(
    kind: type[Batching], concurrency: int, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    node = kind(trail, 2)
    chain(pipeline, node, on=on, retry=AGAIN, concurrency=concurrency) >> sf.node(lambda x: x)

    report = pipeline.run([1])

    rest = ["rest"] if issubclass(kind, FlushGenerator | FlushAsyncGenerator) else []
    assert list(report.results) == [*rest, "sent"]
    assert list(trail) == ["flush"] * 3
    assert report.nodes["flaky"].retried == 2
    assert_ledger(report)


def test_a_flush_that_keeps_failing_says_how_often_it_was_tried(
    on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    chain(pipeline, FlushPlain(trail, 9), on=on, retry=AGAIN)

    with pytest.raises(sf.NodeError, match="'flaky' failed in flush after 2 retries"):
        pipeline.run([1])


@pytest.mark.parametrize("error", ["fail", "skip"])
def test_the_ledger_adds_up_where_retried_nodes_stand_in_several_branches(
    error: ErrorPolicy, on: PlacementName, pipeline: sf.Pipeline, trail: Trail
) -> None:
    make: Callable[[int], Plain] = lambda x: Plain(trail, {x: 1})  # noqa: E731 - one word
    head = pipeline.add(sf.node(lambda x: x), id="head")
    left = pipeline.add(make(3), id="left", on=on, retry=AGAIN, error=error)
    right = pipeline.add(make(5), id="right", retry=AGAIN, error=error)
    head >> left
    head >> right
    pipeline.merge(left, right, policy="zip") >> sf.node(lambda pair: pair)

    report = pipeline.run(range(8))

    assert list(report.results) == [(x, x) for x in range(8)]
    assert report.nodes["left"].retried == report.nodes["right"].retried == 1
    assert_ledger(report)
