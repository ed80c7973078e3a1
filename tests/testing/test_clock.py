from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow import Clock, Node, NodeContext, Pipeline, node
from streamflow.nodes import PassThrough, TestAudio
from streamflow.ports import Ports
from streamflow.testing import NodeRunner, VirtualClock, assert_ledger

YEAR = 365 * 24 * 3600


class Ticks(Node):
    """Emits the clock's time, once an hour."""

    inputs: ClassVar[Ports] = {}

    def __init__(self, count: int) -> None:
        self.count = count

    def initialize(self, ctx: NodeContext) -> None:
        self.clock = ctx.clock

    async def process(self) -> AsyncIterator[float]:
        for tick in range(self.count):
            await self.clock.sleep_until(tick * 3600)
            yield self.clock.time()


class Blocking(Node):
    """Emits the clock's time, once an hour, and holds its thread meanwhile."""

    inputs: ClassVar[Ports] = {}
    blocking = True

    def initialize(self, ctx: NodeContext) -> None:
        self.clock = ctx.clock

    def process(self) -> Any:
        for tick in range(3):
            self.clock.wait_until(tick * 3600)
            yield self.clock.time()


def test_a_sleep_of_a_year_is_over_at_once() -> None:
    clock = VirtualClock()

    async def main() -> float:
        clock.start()
        await asyncio.sleep(YEAR)
        return clock.time()

    assert clock.run(main()) == YEAR


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_sleepers_wake_in_the_order_of_their_times(delays: list[float]) -> None:
    clock = VirtualClock()
    woken: list[float] = []

    async def sleeper(delay: float) -> None:
        await asyncio.sleep(delay)
        woken.append(delay)

    async def main() -> float:
        clock.start()
        await asyncio.gather(*map(sleeper, delays))
        return clock.time()

    assert clock.run(main()) == pytest.approx(max(delays), abs=1e-8)
    assert woken == pytest.approx(sorted(delays), abs=1e-8)


def test_time_stands_still_while_a_task_can_run() -> None:
    clock = VirtualClock()

    async def main() -> tuple[float, bool]:
        clock.start()
        timer = asyncio.create_task(asyncio.sleep(1))
        for _ in range(1_000):
            await asyncio.sleep(0)
        return clock.time(), timer.done()

    assert clock.run(main()) == (0.0, False)


def test_a_timeout_counts_virtual_seconds() -> None:
    clock = VirtualClock()

    async def main() -> float:
        clock.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return clock.time()

    assert clock.run(main()) == 30


def test_time_stands_still_while_an_executor_works() -> None:
    clock = VirtualClock()
    may_return = threading.Event()

    async def main() -> str:
        asyncio.get_running_loop().call_soon(may_return.set)
        async with asyncio.timeout(1):
            await asyncio.to_thread(may_return.wait)
        return "in time"

    assert clock.run(main()) == "in time"


def test_time_passes_for_a_call_that_blocks() -> None:
    clock = VirtualClock()

    async def main() -> list[float]:
        clock.start()
        times = [clock.time()]
        clock.advance(5)
        times.append(clock.time())
        clock.wait_until(9)
        clock.wait_until(3)
        return [*times, clock.time()]

    assert clock.run(main()) == [0, 5, 9]


def test_a_clock_that_was_stopped_lets_nobody_wait() -> None:
    clock = VirtualClock()
    clock.stop()

    came = clock.wait_until(100)

    assert not came
    assert clock.time() == 0


def test_a_patient_clock_lets_input_and_output_come_first() -> None:
    clock = VirtualClock(patience=5)

    async def main() -> bytes:
        left, right = socket.socketpair()
        with left, right:
            reader, writer = await asyncio.open_connection(sock=left)
            threading.Timer(0.01, right.send, (b"hello",)).start()
            try:
                async with asyncio.timeout(1):
                    return await reader.read(5)
            finally:
                writer.close()

    assert clock.run(main()) == b"hello"


def test_a_loop_where_nothing_can_happen_names_the_tasks_that_wait() -> None:
    clock = VirtualClock(watchdog=0.05)

    async def lost() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.create_task(lost(), name="the lost one")

    with pytest.raises(TimeoutError, match=r"the lost one at .*test_clock.py:\d+|locks.py:\d+"):
        clock.run(main())


def test_a_wake_up_from_another_thread_arrives() -> None:
    clock = VirtualClock()

    async def main() -> str:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        threading.Timer(0.01, loop.call_soon_threadsafe, (event.set,)).start()
        await event.wait()
        return "woken"

    assert clock.run(main()) == "woken"


def test_another_loop_is_refused_with_a_way_out() -> None:
    clock = VirtualClock()

    async def main() -> None:
        clock.start()

    with pytest.raises(RuntimeError, match=r"needs an event loop of its own.*clock\.run"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": -1}, "patience must be 0 seconds or more, not -1"),
        ({"watchdog": 0}, "watchdog must be more than 0 seconds, not 0"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VirtualClock(**options)


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="seconds must be 0 or more, not -1"):
        VirtualClock().advance(-1)


def test_other_clocks_run_on_any_loop() -> None:
    assert Clock().new_event_loop() is None


def test_a_pipeline_runs_in_virtual_time() -> None:
    report = Pipeline(Ticks(24), PassThrough()).run(clock=VirtualClock(), collect=True)

    assert report.results == [tick * 3600 for tick in range(24)]
    assert report.duration == 23 * 3600
    assert_ledger(report)


def test_a_pipeline_that_is_started_runs_in_virtual_time() -> None:
    clock = VirtualClock()

    async def main() -> list[float]:
        async with Pipeline(Ticks(3)).start(clock=clock) as execution:
            return [item async for item in execution.outputs("ticks")]

    assert clock.run(main()) == [0, 3600, 7200]


def test_a_paced_source_keeps_its_rate_and_takes_no_time() -> None:
    source = TestAudio(duration=60)

    report = Pipeline(source).run(clock=VirtualClock(), collect=True)

    assert 59 < report.duration <= 60
    assert sum(frame.samples_per_channel for frame in report.results) == 60 * 48_000


def test_a_node_that_waits_within_its_timeout_is_not_interrupted() -> None:
    @node
    async def slow(item: int) -> int:
        await asyncio.sleep(0.9)
        return item

    pipeline = Pipeline("slow")
    pipeline.add(slow, timeout=1.0)

    report = pipeline.run([1, 2, 3], clock=VirtualClock())

    assert report.results == [1, 2, 3]
    assert report.duration == pytest.approx(2.7)


def test_placements_on_threads_run_inline() -> None:
    where: list[threading.Thread] = []
    pipeline = Pipeline("threads")
    pipeline.add(node(lambda _: where.append(threading.current_thread())), on="thread")

    pipeline.run([1], clock=VirtualClock())

    assert where == [threading.current_thread()]


def test_a_source_that_blocks_keeps_its_times() -> None:
    report = Pipeline(Blocking()).run(clock=VirtualClock(), collect=True)

    assert report.results == [0, 3600, 7200]


def test_a_runner_drives_a_node_in_virtual_time() -> None:
    with NodeRunner(Ticks(3), clock=VirtualClock()) as runner:
        runner.run()

    assert runner.outputs() == [0, 3600, 7200]
