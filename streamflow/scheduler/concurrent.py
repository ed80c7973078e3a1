"""Concurrency: several calls of one node under way at once, their results in order.

The calls are spread over as many instances, one call an instance at a time; or
over one that declares itself reentrant. Plain calls run on threads.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Final

from streamflow.context import NodeContext
from streamflow.events import Event
from streamflow.graph import ERROR_PORT, GraphNode
from streamflow.node import Kind, Node, Out, kind_of, shape_of
from streamflow.scheduler.circuit import Circuit
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.guard import CallTimeout, Guard, limited
from streamflow.scheduler.retrying import Retrying


class Concurrent(Node):
    """A streaming node that calls others, up to ``width`` at once.

    Args:
        wrapped: the node as it stands in the graph.
        nodes: what is called in turn; one instance several times if it is reentrant.

    Attributes:
        failed: items lost to an error that did not end the run.
        wrapped: the node itself.
    """

    is_streaming = True

    def __init__(self, wrapped: GraphNode, nodes: list[Node]) -> None:
        # ClassVars of the base: it has the ports of what it wraps.
        self.inputs, self.outputs = wrapped.shape.inputs, wrapped.shape.outputs  # type: ignore[misc]
        self.failed = self._turn = 0
        self.wrapped = wrapped.node
        self._id, self._options = wrapped.id, wrapped.options
        self._kind, self._takes_port = wrapped.shape.kind, wrapped.shape.takes_port
        self._nodes = nodes
        self._each = list({id(node): node for node in nodes}.values())
        self._contexts: dict[int, NodeContext] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._retrying: Retrying | None = None
        self._circuit: Circuit | None = None

    def harden(self, retrying: Retrying | None, circuit: Circuit | None) -> None:
        """Take what makes calls again, and what lets none through: one for all instances."""
        self._retrying, self._circuit = retrying, circuit

    async def initialize(self, ctx: NodeContext) -> None:
        """Initialize each instance, with a context of its own."""
        self.failed = self._turn = 0
        if not self._kind.is_async:
            self._threads = ThreadPoolExecutor(len(self._nodes), f"streamflow {self._id}")
        for node in self._each:
            self._contexts[id(node)] = own = copy.copy(ctx)
            own.emitted = []
            result = node.initialize(own)
            if inspect.isawaitable(result):
                await result

    async def process(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Call for each item; emit what the calls give, in the order of the items."""
        calls: deque[asyncio.Task[list[Any]]] = deque()
        reading: asyncio.Task[Any] | None = asyncio.create_task(_next(items))
        border: Border | None = None
        try:
            while reading is not None or calls:
                waiting: set[asyncio.Task[Any]] = {calls[0]} if calls else set()
                if reading is not None and len(calls) < len(self._nodes):
                    waiting.add(reading)
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                while calls and calls[0].done():
                    for result in calls.popleft().result():
                        yield result
                if reading is not None and reading.done() and len(calls) < len(self._nodes):
                    item, reading = reading.result(), None
                    if isinstance(item, Border):
                        border = item
                    elif item is not _END:
                        reading = asyncio.create_task(_next(items))
                        calls.append(asyncio.create_task(self._call(self._next_node(), item)))
                if border is not None and not calls:
                    border.reached()
                    border, reading = None, asyncio.create_task(_next(items))
        finally:
            under_way = [*calls, *([reading] if reading is not None else [])]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _next_node(self) -> Node:
        # At most `width` calls are under way and they end in order, so this
        # instance has returned from its last one.
        node = self._nodes[self._turn % len(self._nodes)]
        self._turn += 1
        return node

    def get_state(self) -> tuple[int, list[Any]]:
        """Whose turn it is, and the state of each instance."""
        return self._turn % len(self._nodes), [node.get_state() for node in self._each]

    def set_state(self, state: tuple[int, list[Any]]) -> None:
        """Go on from a state."""
        self._turn, states = state
        for node, own in zip(self._each, states, strict=True):
            if own is not None:
                node.set_state(own)

    async def _call(self, node: Node, item: Any) -> list[Any]:
        arguments = (item, next(iter(self.inputs))) if self._takes_port else (item,)
        try:
            results = await self._tried(node, partial(self._passed, node, arguments))
        except Exception as error:
            made = node_error(self._id, "process", error, item)
            if self._options.error == "fail":
                raise made from made.__cause__
            self.failed += 1
            made.item = item
            results = [Out(ERROR_PORT, made)] if self._options.error == "route" else []
        emitted = self._contexts[id(node)].emitted
        before = [value if port == "out" else Out(port, value) for port, value in emitted]
        emitted.clear()
        return before + results

    async def _tried(self, node: Node, call: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        """What a call gives, made again if it fails and the node asks for that."""
        if self._retrying is None:
            return await call()
        results: list[Any] = await self._retrying.call(partial(self._undone, node, call))
        return results

    async def _undone(self, node: Node, call: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        try:
            return await call()
        except BaseException:
            # Of a reentrant node nobody can tell what another of its calls has emitted.
            if len(self._each) == len(self._nodes):
                self._contexts[id(node)].emitted.clear()
            raise

    async def _passed(self, node: Node, arguments: tuple[Any, ...]) -> list[Any]:
        """What a call gives that the circuit, if there is one, lets through."""
        if self._circuit is None:
            return await self._results(node, arguments)
        with self._circuit.call():
            return await self._results(node, arguments)

    async def _results(self, node: Node, arguments: tuple[Any, ...]) -> list[Any]:
        timeout = self._options.timeout
        if self._kind.is_async:
            try:
                async with asyncio.timeout(timeout):
                    return await _collect(node.process, self._kind, *arguments)
            except TimeoutError:
                if timeout is None:
                    raise
                raise CallTimeout(f"it took longer than {timeout} s and was cancelled") from None
        process = node.process
        if timeout is not None:
            process = limited(process, self._kind, timeout, Guard())
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, _collect_plain, process, self._kind, *arguments
        )

    async def flush(self) -> AsyncIterator[Any]:
        """Flush each instance."""
        for node in self._each:
            call = partial(_collect, node.flush, kind_of(node.flush))
            for item in await self._tried(node, call):
                yield item

    def on_event(self, event: Event) -> None:
        """Show the event to each instance."""
        for node in self._each:
            node.on_event(event)

    async def cleanup(self) -> None:
        """Clean up each instance that was initialized; the first failure is raised at the end."""
        failures: list[Exception] = []
        for node in self._each:
            if self._contexts.pop(id(node), None) is None:
                continue
            try:
                result = node.cleanup()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                failures.append(error)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if failures:
            raise failures[0]


def widened(node: GraphNode) -> GraphNode:
    """A graph node as it runs: itself, or a `Concurrent` around it where it asks for that."""
    width = node.options.concurrency
    if width == 1:
        return node
    make = node.factory
    if make is None:
        wrapper = Concurrent(node, [node.node] * width)
        return replace(node, node=wrapper, shape=shape_of(wrapper, node.id))

    def factory() -> Node:
        return Concurrent(node, [make() for _ in range(width)])

    wrapper = Concurrent(node, [node.node, *(make() for _ in range(width - 1))])
    return replace(node, node=wrapper, factory=factory, shape=shape_of(wrapper, node.id))


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _collect(call: Callable[..., Any], kind: Kind, *arguments: Any) -> list[Any]:
    if kind is Kind.ASYNC_GENERATOR:
        return [item async for item in call(*arguments)]
    if kind is Kind.ASYNC:
        return [await call(*arguments)]
    return _collect_plain(call, kind, *arguments)


def _collect_plain(call: Callable[..., Any], kind: Kind, *arguments: Any) -> list[Any]:
    result = call(*arguments)
    return list(result) if kind is Kind.GENERATOR else [result]


class Border:
    """Stands between two items: those before it are to leave before those behind it begin.

    Args:
        reached: called when they have.
    """

    def __init__(self, reached: Callable[[], None]) -> None:
        self.reached = reached


_END: Final = object()
