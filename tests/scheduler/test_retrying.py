"""Retrying: when a call is made again, what a pause costs, and who may end it."""

from __future__ import annotations

import asyncio
import gc
import pickle
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow import events
from streamflow.errors import CircuitOpenError
from streamflow.graph import PlacementName
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.retrying import MOST_NOTED, GaveUp, Pauses, Retrying
from streamflow.testing import VirtualClock, assert_ledger
from tests.support.failing import Failing
from tests.support.waiting import until

STEADY = sf.Retry(max_retries=3, backoff=10.0, factor=2.0, max_backoff=60.0, jitter=0.0)
FOREVER = sf.Retry(max_retries=9, backoff=3600.0, max_backoff=3600.0, jitter=0.0)


def test_pauses_grow_and_pass_in_virtual_time() -> None:
    clock = VirtualClock()
    call = Failing(3, clock)
    pipeline = sf.Pipeline("virtual")
    pipeline.add(sf.node(call.attempt), retry=STEADY)

    report = pipeline.run([1], clock=clock)

    assert list(report.results) == [1]
    assert call.times == [0.0, 10.0, 30.0, 70.0]


def test_jitter_spreads_the_pauses() -> None:
    clock = VirtualClock()
    call = Failing(3, clock)
    pipeline = sf.Pipeline("jitter")
    retry = sf.Retry(max_retries=3, backoff=10.0, factor=1.0, jitter=0.5)
    pipeline.add(sf.node(call.attempt), retry=retry)

    pipeline.run([1], clock=clock)

    pauses = [after - before for before, after in zip(call.times, call.times[1:], strict=False)]
    assert all(5.0 <= pause <= 15.0 for pause in pauses)
    assert len(set(pauses)) == 3


def test_a_pause_of_a_plain_node_holds_nobody_else_up() -> None:
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []
    call = Failing(1, clock)

    @sf.node
    async def tick() -> AsyncIterator[str]:
        for _ in range(3):
            await clock.sleep(3.0)
            yield "tick"

    pipeline = sf.Pipeline("apart")
    pipeline.add(tick) >> sf.node(lambda x: seen.append((x, clock.time())))
    flaky = pipeline.add(sf.node(call.attempt), id="flaky", retry=STEADY)
    flaky >> sf.node(lambda x: seen.append((x, clock.time())))

    pipeline.run(["item"], clock=clock)

    assert seen == [("tick", 3.0), ("tick", 6.0), ("tick", 9.0), ("item", 10.0)]


def test_an_offline_run_waits_for_the_world_all_the_same() -> None:
    pauses = Pauses()

    async def wait(clock: VirtualClock) -> float:
        await pauses.wait(5.0)
        return asyncio.get_running_loop().time()

    clock = VirtualClock()

    # The pause goes by the loop, which no OfflineClock hurries.
    assert clock.run(wait(clock)) == 5.0


@pytest.mark.parametrize("on", ["inline", "thread"])
async def test_stop_ends_a_pause_and_the_call_is_made_once_more(on: PlacementName) -> None:
    call = Failing(1)
    pipeline = sf.Pipeline("stopped")
    pipeline.add(sf.node(call.attempt), id="flaky", retry=FOREVER, on=on)

    async with pipeline.start([7, 8], collect=True) as execution:
        await until(lambda: bool(call.times))
        report = await execution.stop(timeout=60)

    assert report.state == "cancelled"
    assert 7 in report.results
    assert report.nodes["flaky"].retried == 1
    assert_ledger(report)


async def test_after_stop_what_fails_is_not_tried_again() -> None:
    call = Failing(99)
    pipeline = sf.Pipeline("stopped")
    pipeline.add(sf.node(call.attempt), id="flaky", retry=FOREVER, error="skip")

    async with pipeline.start([7], collect=True) as execution:
        await until(lambda: bool(call.times))
        report = await execution.stop(timeout=60)

    flaky = report.nodes["flaky"]
    assert (len(call.times), flaky.retried, flaky.failed) == (2, 1, 1)
    assert_ledger(report)


async def test_stop_ends_a_pause_in_another_process() -> None:
    pipeline = sf.Pipeline("stopped")
    pipeline.add(Refusing(), id="flaky", retry=FOREVER, error="skip", on="process")

    async with pipeline.start([7], collect=True) as execution:
        await until(lambda: execution.report().nodes["flaky"].received == 1)
        report = await execution.stop(timeout=60)

    assert report.nodes["flaky"].failed == 1
    assert_ledger(report)


class Refusing(sf.Node):
    """Never succeeds."""

    def process(self, x: Any) -> Any:
        raise ConnectionError("refused")


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_a_caller_that_fails_ends_a_pause_at_once(concurrency: int) -> None:
    call = Failing(99)
    pipeline = sf.Pipeline("cancelled")
    node = sf.node(call.attempt)
    node.reentrant = True
    pipeline.add(node, id="flaky", retry=FOREVER, concurrency=concurrency)
    execution = pipeline.start([7], collect=True)

    async def fail() -> None:
        async with execution:
            await until(lambda: bool(call.times))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()

    report = execution.report()
    assert (report.state, len(call.times)) == ("cancelled", 1)
    if concurrency == 1:
        assert report.nodes["flaky"].dropped == {"stopped": 1}


async def test_an_interrupt_ends_a_pause_and_loses_the_item_alone() -> None:
    call = Failing(1)
    pipeline = sf.Pipeline("interrupted")
    pipeline.add(sf.node(call.attempt), id="flaky", retry=FOREVER)

    async with pipeline.start(collect=False) as execution:
        outputs = execution.outputs("flaky")
        await execution.inject("flaky", 7)
        await until(lambda: bool(call.times))
        execution.send_event("flaky", events.Interrupt())
        await execution.inject("flaky", 8)
        assert await anext(outputs) == 8
        await execution.end_inputs()
        report = await execution.wait()

    assert report.nodes["flaky"].dropped == {"interrupted": 1}


def test_the_chain_of_causes_tells_of_the_circuit_and_of_the_error_behind_it() -> None:
    pipeline = sf.Pipeline("causes")
    breaker = sf.CircuitBreaker(max_failures=2)
    pipeline.add(Refusing(), id="node", retry=sf.Retry(backoff=0), breaker=breaker)

    with pytest.raises(sf.NodeError) as caught:
        pipeline.run([1])

    error = caught.value
    assert (error.error_type, error.retries) == ("CircuitOpenError", 1)
    assert error.__notes__ == ["try 1 failed: ConnectionError: refused"]
    assert isinstance(error.__cause__, CircuitOpenError)
    assert isinstance(error.__cause__.__cause__, ConnectionError)
    assert "ConnectionError: refused" in error.stack_trace


def test_an_error_with_its_retries_survives_pickling() -> None:
    made = node_error("n", "process", GaveUp(OSError("b"), 2, (OSError("a"), OSError("a"))), 1)

    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - ours

    assert str(again) == "node 'n' failed in process on int 1 after 2 retries: OSError: b"
    assert (again.retries, again.__notes__) == (2, made.__notes__)
    refusal = pickle.loads(pickle.dumps(CircuitOpenError(3, 1.5)))  # noqa: S301 - ours
    assert (refusal.failures, refusal.seconds) == (3, 1.5)


def test_one_retry_is_told_in_the_singular() -> None:
    made = node_error("n", "flush", GaveUp(OSError("b"), 1, (OSError("a"),)))

    assert str(made) == "node 'n' failed in flush after 1 retry: OSError: b"


class Hostile(Exception):
    """Fails even at telling what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def test_an_error_that_cannot_say_what_it_is_is_handled_as_any_other() -> None:
    def fails(x: int) -> None:
        raise Hostile

    pipeline = sf.Pipeline("hostile")
    pipeline.add(sf.node(fails), retry=sf.Retry(max_retries=1, backoff=0))

    with pytest.raises(sf.NodeError) as caught:
        pipeline.run([1])

    assert caught.value.message == "its message cannot be had"
    assert "Hostile" in caught.value.__notes__[0]


def test_the_latest_of_many_errors_are_told_of_each_in_a_line() -> None:
    calls: list[int] = []

    def fails(x: int) -> None:
        calls.append(x)
        raise ConnectionError(f"{len(calls)} " + "long " * 1000)

    pipeline = sf.Pipeline("many")
    pipeline.add(sf.node(fails), retry=sf.Retry(max_retries=50, backoff=0))

    with pytest.raises(sf.NodeError) as caught:
        pipeline.run([1])

    notes = caught.value.__notes__
    assert len(notes) == MOST_NOTED
    assert notes[0].startswith(f"try {51 - MOST_NOTED} failed: ConnectionError: 43 long")
    assert all(len(note) < 200 for note in notes)


class Held:
    """Memory that somebody may want back."""


def test_an_item_that_was_retried_is_held_by_nothing_afterwards() -> None:
    call = Failing(2)
    seen: list[weakref.ref[Any]] = []

    def items() -> Iterator[Held]:
        held = Held()
        seen.append(weakref.ref(held))
        yield held

    pipeline = sf.Pipeline("held")
    pipeline.add(sf.node(call.attempt), retry=sf.Retry(backoff=0)) >> sf.node(lambda x: None)
    gc.collect()
    gc.disable()
    try:
        pipeline.run(items())
        assert seen[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("option", ["retry", "breaker"])
def test_what_is_not_called_for_each_item_cannot_be_retried(option: str) -> None:
    options: dict[str, Any] = {"retry": sf.Retry(), "breaker": sf.CircuitBreaker()}

    @sf.node
    def count() -> Iterator[int]:
        yield 1

    class Streaming(sf.Node):
        is_streaming = True

        async def process(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for item in items:
                yield item

    pipeline = sf.Pipeline("refused")

    with pytest.raises(sf.errors.GraphError, match=f"'count' cannot have a {option}: it is a sou"):
        pipeline.add(count, id="count", **{option: options[option]})
    with pytest.raises(sf.errors.GraphError, match=f"cannot have a {option}: it is a streaming"):
        pipeline.add(Streaming(), **{option: options[option]})


class Flaw(Exception):
    """Of the test."""


@settings(max_examples=40)
@given(
    fails=st.integers(0, 8),
    retries=st.integers(1, 8),
    opens=st.none() | st.integers(1, 8),
    named=st.booleans(),
)
def test_a_call_is_made_as_often_as_the_retry_and_the_circuit_allow(
    fails: int, retries: int, opens: int | None, *, named: bool
) -> None:
    calls: list[int] = []

    def call(x: int) -> int:
        calls.append(x)
        if len(calls) <= fails:
            raise Flaw
        return x

    retry = sf.Retry(max_retries=retries, on=(Flaw,) if named else (OSError,))
    breaker = None if opens is None else sf.CircuitBreaker(max_failures=opens)
    pipeline = sf.Pipeline("law")
    pipeline.add(sf.node(call), id="node", retry=retry, breaker=breaker, error="skip")

    report = pipeline.run([1], clock=VirtualClock())

    allowed = 1 + retries if named else 1
    allowed = min(allowed, opens or allowed)
    assert len(calls) == min(fails + 1, allowed)
    succeeds = fails < allowed
    assert list(report.results) == [1] * succeeds
    node = report.nodes["node"]
    assert (node.failed, node.retried) == (1 - succeeds, len(calls) - 1)
    assert_ledger(report)


async def test_a_call_that_succeeds_is_made_once() -> None:
    counted: list[None] = []
    retrying = Retrying(sf.Retry(), None, Pauses(), lambda: counted.append(None))

    async def call() -> str:
        return "done"

    assert await retrying.call(call) == "done"
    assert not counted
