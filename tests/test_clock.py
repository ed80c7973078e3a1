from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from streamflow.clock import Clock, LiveClock, OfflineClock, make_clock
from streamflow.testing import VirtualClock


class Wall:
    """Stands in for the wall clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    made = Wall()
    monkeypatch.setattr("streamflow.clock.monotonic", made)
    return made


def test_time_counts_from_the_start(wall: Wall) -> None:
    clock = LiveClock()
    wall.now += 5
    before = clock.time()

    clock.start()
    wall.now += 2

    assert (before, clock.time()) == (5, 2)


def test_a_live_clock_sleeps_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    monkeypatch.setattr("streamflow.clock.monotonic", Wall())
    monkeypatch.setattr(asyncio, "sleep", sleep)

    async def main(clock: Clock) -> None:
        await clock.sleep_until(3)
        await clock.sleep(2)
        await clock.sleep_until(-1)

    asyncio.run(main(LiveClock()))

    assert slept == [3, 2, 0]


def test_offline_every_time_has_come() -> None:
    clock = OfflineClock()

    async def main() -> None:
        await clock.sleep(1e9)
        await clock.sleep_until(1e9)

    asyncio.run(main())

    assert clock.wait_until(1e9)


def test_offline_other_tasks_have_a_turn_while_a_source_waits() -> None:
    order: list[str] = []

    async def source(name: str) -> None:
        for _ in range(2):
            order.append(name)
            await OfflineClock().sleep(10)

    async def main() -> None:
        await asyncio.gather(source("a"), source("b"))

    asyncio.run(main())

    assert order == ["a", "b", "a", "b"]


@pytest.mark.parametrize("clock", [LiveClock(), OfflineClock()], ids=["live", "offline"])
def test_a_thread_that_waits_is_told_that_the_run_has_stopped(clock: Clock) -> None:
    clock.stop()

    assert not clock.wait_until(1e6)


def test_a_thread_that_sleeps_already_is_woken_by_stop() -> None:
    clock, told = LiveClock(), list[bool]()
    thread = threading.Thread(target=lambda: told.append(clock.wait_until(1e6)))
    thread.start()

    clock.stop()
    thread.join()

    assert told == [False]


def test_a_clock_that_starts_anew_is_not_stopped_any_more() -> None:
    clock = OfflineClock()
    clock.stop()

    clock.start()

    assert clock.wait_until(1)


def test_a_time_that_has_passed_has_come_for_a_thread() -> None:
    assert LiveClock().wait_until(-1)


@pytest.mark.parametrize(
    ("name", "cls", "live"), [("live", LiveClock, True), ("offline", OfflineClock, False)]
)
def test_a_clock_is_made_by_name(name: Any, cls: type[Clock], live: bool) -> None:
    made = make_clock(name)

    assert type(made) is cls
    assert made.live is live


def test_a_clock_of_ones_own_is_taken_as_it_is() -> None:
    clock = VirtualClock()

    assert make_clock(clock) is clock


def test_a_name_that_is_no_clock_is_refused() -> None:
    name: Any = "lunar"

    with pytest.raises(ValueError, match="clock must be 'live', 'offline' or a Clock, not 'lunar'"):
        make_clock(name)
