"""Borders: what an item costs that goes from one task, or one thread, to another."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import streamflow as sf
from benchmarks.harness import Comparison, Contender, Goal, new_runner
from streamflow.flow.link import Link
from streamflow.nodes import PassThrough

WINDOW = 32
ITEMS = 50_000


async def through_link() -> list[Any]:
    """A task that sends, and one that takes what has come, a window at most at a time."""
    link = Link("a.out -> b.in", sf.queue(max_items=WINDOW))

    async def produce() -> None:
        for item in range(ITEMS):
            if not link.try_send(item):
                await link.send(item)

    async def consume() -> list[Any]:
        received: list[Any] = []
        while len(received) < ITEMS:
            items = link.take(WINDOW)
            if not items:
                await link.arrived.wait(lambda: link.pending)
            for item in items:
                received.append(item)  # noqa: PERF402 - one by one, as the reference does
        return received

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        consumer = group.create_task(consume())
    return consumer.result()


async def through_queue() -> list[Any]:
    """The same two tasks with a queue between them."""
    items: asyncio.Queue[int] = asyncio.Queue(WINDOW)

    async def produce() -> None:
        for item in range(ITEMS):
            await items.put(item)

    async def consume() -> list[Any]:
        return [await items.get() for _ in range(ITEMS)]

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        consumer = group.create_task(consume())
    return consumer.result()


def test_link_against_an_asyncio_queue(compare: Comparison) -> None:
    with new_runner() as runner:

        def run() -> None:
            assert len(runner.run(through_link())) == ITEMS

        compare(
            f"credit link, window {WINDOW}, per item",
            run,
            Contender(f"asyncio.Queue({WINDOW})", lambda: runner.run(through_queue()), ITEMS),
            items=ITEMS,
            goal=Goal(1 / 5),
        )


def test_thread_border_against_a_queue_and_a_thread(compare: Comparison) -> None:
    pipeline = sf.Pipeline("threads")
    first = pipeline.add(PassThrough())
    pipeline.connect(first, pipeline.add(PassThrough(), on="thread"))

    def run() -> None:
        assert len(pipeline.run(range(ITEMS)).results) == ITEMS

    compare(
        f"hop to another thread, window {WINDOW}, per item",
        run,
        Contender(f"queue.Queue({WINDOW}) and a thread", over_threads, ITEMS),
        items=ITEMS,
        rounds=7,
    )


def over_threads() -> None:
    """Two nodes with a queue between them, the second on a thread of its own."""
    items: queue.Queue[int | None] = queue.Queue(WINDOW)
    first, second, received = PassThrough().process, PassThrough().process, list[Any]()

    def consume() -> None:
        while (item := items.get()) is not None:
            received.append(second(item))

    thread = threading.Thread(target=consume)
    thread.start()
    for item in range(ITEMS):
        items.put(first(item))
    items.put(None)
    thread.join()
    assert len(received) == ITEMS
