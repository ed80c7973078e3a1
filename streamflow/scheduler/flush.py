"""Flushing: what a node still has at the end of input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamflow.errors import NodeError
from streamflow.node import Kind
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
        result = await flush() if kind is Kind.ASYNC else flush()
        if kind is Kind.ASYNC_GENERATOR:
            async for item in result:
                await _emit(segment, id, item, runner)
        elif kind is Kind.GENERATOR:
            for item in result:
                await _emit(segment, id, item, runner)
        else:
            await _emit(segment, id, result, runner)
    except NodeError:  # of a node further down, that was handed something
        raise
    except Exception as error:
        raise node_error(id, "flush", error) from error


async def _emit(segment: Segment, id: str, item: Any, runner: Runner) -> None:
    if segment.contexts[id].emitted:
        await runner.run(segment.entry(id, None), segment.take_emitted(id))
    if item is not None:
        await runner.run(segment.entry(id, None), iter((item,)))
