"""Links between threads that each have a loop: nothing lost, doubled, or out of order."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from typing import Any

import pytest

from streamflow.events import Caps, End
from streamflow.flow.limits import Budget
from streamflow.flow.link import Link
from streamflow.graph import LinkPolicy, Queue

COUNT = 100_000


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that are switched as often as the interpreter can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def on_threads(*mains: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run each coroutine on a thread and loop of its own; what they returned."""
    results: list[Any] = [None] * len(mains)

    def serve(number: int) -> None:
        try:
            results[number] = asyncio.run(mains[number]())
        except Exception as error:  # raised below, on the test's thread
            results[number] = error

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(len(mains))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


async def receive(link: Link, size: int = 64) -> list[Any]:
    """Everything that comes out of a link, events too, until the end."""
    received: list[Any] = []
    while True:
        received += link.take(size)
        while (event := link.next_event()) is not None:
            if isinstance(event, End):
                return received
            received.append(event)
        if not link.pending:
            await link.arrived.wait(lambda: link.pending)


async def send(link: Link, items: Iterator[Any]) -> None:
    for item in items:
        if not link.try_send(item):
            await link.send(item)
    link.close()


def balanced(link: Link) -> bool:
    report = link.report()
    return report.sent == report.received + sum(report.dropped.values()) + report.in_flight


@pytest.mark.parametrize(
    "options", [Queue(), Queue(max_items=1), Queue(max_bytes=1_000)], ids=["32", "1", "bytes"]
)
def test_a_link_that_blocks_carries_everything_in_order(options: Queue) -> None:
    count = COUNT if options == Queue() else COUNT // 20
    link = Link("a.out -> b.in", options)

    _, received = on_threads(lambda: send(link, iter(range(count))), lambda: receive(link))

    assert received == list(range(count))
    assert link.report().received == count
    assert balanced(link)


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "latest"])
def test_a_link_that_drops_keeps_order_and_counts_the_rest(policy: LinkPolicy) -> None:
    link = Link("a.out -> b.in", Queue(policy=policy))

    _, received = on_threads(lambda: send(link, iter(range(COUNT))), lambda: receive(link))

    assert all(before < after for before, after in pairwise(received))
    assert len(received) + link.dropped.get(policy, 0) == COUNT
    assert link.report().received == len(received)
    assert balanced(link)


@pytest.mark.usefixtures("restless")
def test_no_more_items_wait_than_the_link_holds() -> None:
    link = Link("a.out -> b.in", Queue(max_items=7))
    most = 0

    async def watch() -> None:
        nonlocal most
        while not link._closed:
            most = max(most, len(link.queue))
            await asyncio.sleep(0)

    on_threads(lambda: send(link, iter(range(20_000))), lambda: receive(link), watch)

    assert 1 <= most <= 7


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("policy", ["block", "drop_oldest", "latest"])
def test_an_event_is_never_before_or_behind_the_wrong_items(policy: LinkPolicy) -> None:
    link = Link("a.out -> b.in", Queue(max_items=8, policy=policy))
    count, every = 30_000, 10

    async def produce() -> None:
        for number in range(count):
            if number % every == 0:
                link.send_event(Caps({"next": number}))
            await link.send(number)
            if number % 5 == 0:
                await asyncio.sleep(0)
        link.close()

    _, received = on_threads(produce, lambda: receive(link, size=5))

    announced, misplaced = 0, list[tuple[int, int]]()
    for thing in received:
        if isinstance(thing, Caps):
            announced = thing.caps["next"]
        elif not announced <= thing < announced + every:
            misplaced.append((announced, thing))
    assert misplaced == []


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize(
    "options",
    [Queue(max_items=16), Queue(max_items=16, policy="drop_oldest"), Queue(max_bytes=2_000)],
    ids=["block", "drop_oldest", "bytes"],
)
def test_items_that_a_third_thread_drops_are_counted_once(options: Queue) -> None:
    link = Link("a.out -> b.in", options)

    async def flush() -> None:
        while not link._closed:
            link.drop_all("flushed")
            await asyncio.sleep(0)

    _, received, _ = on_threads(
        lambda: send(link, iter(range(20_000))), lambda: receive(link), flush
    )

    assert received == sorted(set(received))
    assert link.report().received == len(received)
    assert link.report().sent == 20_000
    assert balanced(link)


@pytest.mark.usefixtures("restless")
def test_a_budget_is_exceeded_by_no_more_than_an_item_a_link() -> None:
    budget, nbytes = Budget(10_000), 700
    links = [Link(f"a.out -> {name}.in", budget=budget) for name in "bcd"]

    def sender(link: Link) -> Callable[[], Coroutine[Any, Any, Any]]:
        return lambda: send(link, (bytes(nbytes) for _ in range(3_000)))

    def receiver(link: Link) -> Callable[[], Coroutine[Any, Any, Any]]:
        return lambda: receive(link, size=4)

    results = on_threads(*map(sender, links), *map(receiver, links))

    assert [len(received) for received in results[3:]] == [3_000] * 3
    assert budget.peak <= budget.max_bytes + nbytes * len(links)
    assert budget.spent == 0
