"""Streams: the whole input of a segment, for a head that takes it itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from streamflow.scheduler.concurrent import Border
from streamflow.scheduler.inlet import iterate

if TYPE_CHECKING:
    from streamflow.scheduler.driver import Driver


async def stream(driver: Driver) -> AsyncIterator[Any]:
    """The items that a driver would feed to its head; a `Border` where a cut is wanted."""
    ledger = driver.segment.ledger
    received = ledger.received_directly(driver.segment.head)
    source = _links(driver) if driver.inputs is None else _inputs(driver, driver.inputs)
    async for item in source:
        if driver.segment.gate.closed:
            await driver.passage()
        ledger.counts[received] += item.__class__ is not Border
        yield item


async def _inputs(driver: Driver, inputs: Iterable[Any] | AsyncIterator[Any]) -> AsyncIterator[Any]:
    cutter = driver.cutter
    skipped = 0 if cutter is None else cutter.position
    async for item in iterate(inputs):
        if skipped:
            skipped -= 1
            continue
        if cutter is not None and cutter.wanted:
            yield Border(cutter.drained)
        yield item
        if cutter is not None:
            cutter.count(1)


async def _links(driver: Driver) -> AsyncIterator[Any]:
    cutter = driver.cutter
    while not driver.ended():
        idle = True
        for inlet in driver.inlets:
            while (event := inlet.link.next_event()) is not None:
                idle = False
                driver.handle(inlet, event)
            if cutter is not None and cutter.wanted:
                yield Border(cutter.drained)
            for item in inlet.link.take(1):
                idle = False
                if cutter is not None and inlet.recording is not None:
                    cutter.record(inlet, (item,))
                yield item
        if idle:
            await driver.sleep()
