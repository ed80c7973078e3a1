"""Flushing: what a node still has at the end of input."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamflow.errors import NodeError
from streamflow.node import Kind
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.runner import Runner
from streamflow.scheduler.segment import Segment


async def flush_node(segment: Segment, id: str, runner: Runner) -> None:
    """Call a node's `flush`, and hand on what it returns, yields or emits.

    Raises:
        NodeError: it failed.
    """
    kind = segment.nodes[id].shape.flush
    if kind is None:
        return
    flush: Callable[[], Any] = segment.instances[id].flush
    try:
        # A concurrent node tries each of its instances again by itself.
        if id in segment.retrying and not isinstance(segment.instances[id], Concurrent):
            result = await _retried(segment, id, flush, kind)
            kind = Kind.GENERATOR if kind.is_generator else Kind.PLAIN
        else:
            result = await flush() if kind is Kind.ASYNC else flush()
        if kind is Kind.ASYNC_GENERATOR:
            async for item in result:
                await _emit(segment, id, item, runner)
        elif kind is Kind.GENERATOR:
            for item in result:
                await _emit(segment, id, item, runner)
        await _emit(segment, id, None if kind.is_generator else result, runner)
    except NodeError:  # of a node further down, that was handed something
        raise
    except Exception as error:
        made = node_error(id, "flush", error)
        raise made from made.__cause__


async def _retried(segment: Segment, id: str, flush: Callable[[], Any], kind: Kind) -> Any:
    """What `flush` returns, or a list of what it yields, made again where it fails."""
    again = segment.again(id, flush, kind)
    start = len(segment.contexts[id].emitted)
    return await again.retrying.call(partial(again.attempt, start))


async def _emit(segment: Segment, id: str, item: Any, runner: Runner) -> None:
    if segment.contexts[id].emitted:
        await runner.run(segment.entry(id, None), segment.take_emitted(id))
    if item is not None:
        await runner.run(segment.entry(id, None), iter((item,)))
