"""Circuits: when calls pass, when they do not, and what one trial decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.errors import CircuitOpenError
from streamflow.node import Kind
from streamflow.scheduler.circuit import Circuit, breaking


class Time:
    """Seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def circuit(time: Time) -> Circuit:
    return Circuit(sf.CircuitBreaker(max_failures=2, reset_after=10.0), time)


def fail(circuit: Circuit, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="down"), circuit.call():
            raise OSError("down")


def test_it_opens_after_so_many_failures_in_a_row(circuit: Circuit) -> None:
    fail(circuit)
    with circuit.call():
        pass
    fail(circuit)
    assert not circuit.is_open

    fail(circuit)

    assert circuit.is_open


def test_open_it_refuses_calls_and_says_for_how_long(circuit: Circuit, time: Time) -> None:
    fail(circuit, 2)
    time.now = 4.0

    with pytest.raises(CircuitOpenError) as caught:
        circuit.admit()

    assert (caught.value.failures, caught.value.seconds) == (2, 6.0)
    assert str(caught.value) == (
        "no call is made: 2 in a row have failed, the next trial is in 6 s"
    )


def test_a_trial_that_succeeds_closes_it(circuit: Circuit, time: Time) -> None:
    fail(circuit, 2)
    time.now = 10.0

    with circuit.call():
        pass

    assert not circuit.is_open
    fail(circuit)
    assert not circuit.is_open


def test_a_trial_that_fails_opens_it_again_for_as_long(circuit: Circuit, time: Time) -> None:
    fail(circuit, 2)
    time.now = 10.0

    fail(circuit)

    assert circuit.is_open
    time.now = 19.9
    with pytest.raises(CircuitOpenError, match="3 in a row have failed"):
        circuit.admit()
    time.now = 20.0
    circuit.admit()


def test_one_call_at_a_time_is_the_trial(circuit: Circuit, time: Time) -> None:
    fail(circuit, 2)
    time.now = 10.0
    circuit.admit()

    with pytest.raises(CircuitOpenError, match="the next trial is in 0 s"):
        circuit.admit()


def test_a_trial_that_breaks_off_decides_nothing(circuit: Circuit, time: Time) -> None:
    fail(circuit, 2)
    time.now = 10.0

    with pytest.raises(KeyboardInterrupt), circuit.call():
        raise KeyboardInterrupt

    assert circuit.is_open
    with circuit.call():
        pass
    assert not circuit.is_open


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "broke_off"])
def test_a_call_from_before_it_opened_says_nothing_about_the_trial(
    outcome: str, circuit: Circuit, time: Time
) -> None:
    late = circuit.admit()
    fail(circuit, 2)
    time.now = 10.0
    trial = circuit.admit()

    getattr(circuit, outcome)(late)

    assert circuit.is_open
    with pytest.raises(CircuitOpenError):
        circuit.admit()
    circuit.succeeded(trial)
    assert not circuit.is_open


def plain(x: int) -> int:
    return 10 // x


async def asynchronous(x: int) -> int:
    return 10 // x


def generator(x: int) -> Iterator[int]:
    yield x
    yield 10 // x


async def asynchronous_generator(x: int) -> AsyncIterator[int]:
    yield x
    yield 10 // x


async def results(process: Callable[..., Any], kind: Kind, x: int) -> list[int]:
    if kind is Kind.ASYNC_GENERATOR:
        return [item async for item in process(x)]
    if kind is Kind.GENERATOR:
        return list(process(x))
    return [await process(x) if kind is Kind.ASYNC else process(x)]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (plain, Kind.PLAIN),
        (asynchronous, Kind.ASYNC),
        (generator, Kind.GENERATOR),
        (asynchronous_generator, Kind.ASYNC_GENERATOR),
    ],
)
async def test_every_kind_of_call_passes_it(
    function: Callable[..., Any], kind: Kind, circuit: Circuit
) -> None:
    process = breaking(function, kind, circuit)
    assert (await results(process, kind, 5))[-1] == 2

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await results(process, kind, 0)

    with pytest.raises(CircuitOpenError):
        await results(process, kind, 5)


async def test_a_generator_that_is_left_is_closed_and_was_no_failure(circuit: Circuit) -> None:
    closed: list[str] = []

    def endless(x: int) -> Iterator[int]:
        try:
            while True:
                yield x
        finally:
            closed.append("plain")

    async def endless_async(x: int) -> AsyncIterator[int]:
        try:
            while True:
                yield x
        finally:
            closed.append("async")

    for _ in range(3):
        with closing(breaking(endless, Kind.GENERATOR, circuit)(1)) as items:
            assert next(items) == 1
        async with aclosing(breaking(endless_async, Kind.ASYNC_GENERATOR, circuit)(1)) as later:
            assert await anext(later) == 1

    assert closed == ["plain", "async"] * 3
    assert not circuit.is_open


@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=60),
    most=st.integers(1, 4),
)
def test_open_it_lets_one_call_pass_in_each_period(
    steps: list[tuple[bool, int]], most: int
) -> None:
    time = Time()
    circuit = Circuit(sf.CircuitBreaker(max_failures=most, reset_after=5), time)
    in_a_row, opened = 0, None

    for succeeds, seconds in steps:
        time.now += seconds
        allowed = opened is None or time.now >= opened + 5
        try:
            era = circuit.admit()
        except CircuitOpenError:
            assert not allowed
            continue
        assert allowed
        if succeeds:
            circuit.succeeded(era)
            in_a_row, opened = 0, None
        else:
            circuit.failed(era)
            in_a_row += 1
            opened = time.now if opened is not None or in_a_row >= most else None

    assert circuit.is_open == (opened is not None)
