from __future__ import annotations

import asyncio
import threading
from typing import Any

from streamflow.flow.signal import Signal


async def turns() -> None:
    """Let the other tasks have a few turns."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_waiter_that_finds_the_world_changed_does_not_sleep() -> None:
    signal = Signal()

    asyncio.run(signal.wait(lambda: True))

    assert signal.waiters == []


def test_all_waiters_are_woken_at_once() -> None:
    async def main() -> list[bool]:
        signal = Signal()
        waiters = [asyncio.create_task(signal.wait(lambda: False)) for _ in range(3)]
        await turns()
        before = [waiter.done() for waiter in waiters]
        signal.wake()
        await turns()
        return before + [waiter.done() for waiter in waiters]

    assert asyncio.run(main()) == [False] * 3 + [True] * 3


def test_a_wake_up_without_waiters_is_not_kept() -> None:
    async def main() -> bool:
        signal = Signal()
        signal.wake()
        waiter = asyncio.create_task(signal.wait(lambda: False))
        await turns()
        done = waiter.done()
        waiter.cancel()
        return done

    assert not asyncio.run(main())


def test_a_waiter_that_is_cancelled_is_forgotten() -> None:
    async def main() -> int:
        signal = Signal()
        waiter = asyncio.create_task(signal.wait(lambda: False))
        await turns()
        waiter.cancel()
        await asyncio.wait([waiter])
        return len(signal.waiters)

    assert asyncio.run(main()) == 0


def test_a_waiter_is_woken_from_another_thread() -> None:
    async def main() -> str:
        signal = Signal()
        waiter = asyncio.create_task(signal.wait(lambda: False))
        await turns()
        threading.Thread(target=signal.wake).start()
        await waiter
        return "woken"

    assert asyncio.run(main()) == "woken"


def test_a_waiter_whose_loop_has_closed_wakes_nobody() -> None:
    signal = Signal()
    loop = asyncio.new_event_loop()
    signal.waiters.append(loop.create_future())
    loop.close()

    signal.wake()

    assert signal.waiters == []


class Swapped(list[Any]):
    """Waiters among whom another thread wakes just before one is added."""

    signal: Signal

    def append(self, waiter: Any) -> None:
        self.signal.wake()
        super().append(waiter)


def test_a_waiter_added_while_others_are_woken_is_not_lost() -> None:
    async def main() -> bool:
        signal = Signal()
        signal.waiters = waiters = Swapped()
        waiters.signal = signal
        waiter = asyncio.create_task(signal.wait(lambda: False))
        await turns()
        signal.wake()
        await turns()
        return waiter.done()

    assert asyncio.run(main())


def test_no_wake_up_is_lost_between_two_threads() -> None:
    count, items, ping, pong = 20_000, list[int](), Signal(), Signal()

    async def produce() -> None:
        for number in range(count):
            if items:
                await pong.wait(lambda: not items)
            items.append(number)
            if ping.waiters:
                ping.wake()

    async def consume() -> int:
        seen = 0
        while seen < count:
            if not items:
                await ping.wait(lambda: bool(items))
            items.pop()
            seen += 1
            if pong.waiters:
                pong.wake()
        return seen

    producer = threading.Thread(target=lambda: asyncio.run(produce()))
    producer.start()
    seen = asyncio.run(consume())
    producer.join()

    assert seen == count
