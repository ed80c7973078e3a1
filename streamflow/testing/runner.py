"""NodeRunner: one node, driven by hand, as a pipeline would drive it.

It makes the same calls in the same order: `initialize` once, `process` for
each item, `flush` at the end of input, `cleanup` whatever happened. What the
node raises reaches the test as it was raised.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from streamflow.clock import Clock, OfflineClock
from streamflow.context import NodeContext
from streamflow.copies import SEGMENT
from streamflow.errors import NodeError
from streamflow.events import Event
from streamflow.node import Kind, Node, Out, kind_of, shape_of

CALLS = """
def call(function, *arguments):
    return function(*arguments)

async def await_call(function, *arguments):
    return await function(*arguments)
"""


class NodeRunner:
    """Drives a node without a pipeline; for unit tests of nodes.

    Use it as a context manager, plain or async: entering calls `initialize`,
    leaving calls `cleanup`. `run` belongs to the plain form, `process`,
    `items` and `flush` to the async one.

    Args:
        node: the node; any kind of `process` will do.
        connected: names of the ports that count as connected; all by default.
        clock: what the context offers; an `OfflineClock` by default.
        params: what the context shows as the constructor's parameters.
        metadata: what it shows as the pipeline's.
        session_id: what it shows as the caller's.

    Attributes:
        ctx: the context that the node was given.
        emitted: every (port, value) so far, in order.
        copied: bytes that were copied, by output port; "" holds those charged
            to the input.
        events: the control events that the node sent.

    >>> from streamflow.nodes import PassThrough
    >>> with NodeRunner(PassThrough()) as runner:
    ...     runner.run([1, 2])
    [('out', 1), ('out', 2)]
    """

    def __init__(
        self,
        node: Node,
        *,
        connected: Iterable[str] | None = None,
        clock: Clock | None = None,
        params: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        session_id: str | None = None,
    ) -> None:
        self.node = node
        self.name = type(node).__name__
        self.shape = shape_of(node, self.name)
        self.emitted: list[tuple[str, Any]] = []
        self.copied: dict[str, int] = {}
        self.events: list[Event] = []
        self.ctx = NodeContext(
            self.name,
            self.name,
            execution_id="test",
            session_id=session_id,
            params=params,
            metadata=metadata,
            clock=clock or OfflineClock(),
            connected=None if connected is None else frozenset(connected),
            charge=self._charge,
            send_event=self.events.append,
        )
        # Copies are charged to the innermost code on the stack that carries a
        # segment in its globals; so every call of the node passes through these.
        scope: dict[str, Any] = {SEGMENT: self}
        exec(CALLS, scope)  # noqa: S102 - two constant functions, with globals of their own
        self._call: Callable[..., Any] = scope["call"]
        self._await: Callable[..., Any] = scope["await_call"]
        self._loop: asyncio.Runner | None = None

    def outputs(self, port: str = "out") -> list[Any]:
        """Every value that the node has emitted to a port so far."""
        return [value for name, value in self.emitted if name == port]

    def run(self, items: Iterable[Any] | None = None, *, limit: int | None = None) -> list[Any]:
        """Feed items, then end the input; in a plain ``with`` only.

        Args:
            items: for a node with several inputs, pairs of port and item. A
                source takes none.
            limit: stop after so many emitted items, and do not flush; for
                sources that never end.

        Returns:
            The (port, value) pairs that were emitted by this.
        """
        if self._loop is None:
            raise RuntimeError("run needs `with NodeRunner(...)`; in `async with`, await process")
        before = len(self.emitted)
        self._loop.run(self._run(items, limit))
        return self.emitted[before:]

    async def process(self, item: Any, port: str = "in") -> list[tuple[str, Any]]:
        """Call `process` with one item; the (port, value) pairs that it emitted."""
        if self.shape.is_source or self.node.is_streaming:
            what = "a source" if self.shape.is_source else "a streaming node"
            raise TypeError(f"{self.name} is {what}: iterate over items() instead")
        arguments = (item, port) if self.shape.takes_port else (item,)
        return [pair async for pair in self._results("process", *arguments)]

    async def items(self, stream: Iterable[Any] = ()) -> AsyncIterator[tuple[str, Any]]:
        """What a source, or a streaming node given a stream of items, emits, as it emits it."""
        arguments = () if self.shape.is_source else (_each(stream),)
        async for pair in self._results("process", *arguments):
            yield pair

    async def flush(self) -> list[tuple[str, Any]]:
        """Call `flush`, as at the end of input; the (port, value) pairs that it emitted."""
        return [pair async for pair in self._results("flush")]

    async def _run(self, items: Iterable[Any] | None, limit: int | None) -> None:
        count = 0
        async for _ in self._all(items):
            count += 1
            if count == limit:
                return
        await self.flush()

    async def _all(self, items: Iterable[Any] | None) -> AsyncIterator[tuple[str, Any]]:
        if self.shape.is_source or self.node.is_streaming:
            results = self.items(items or ())
            try:
                async for pair in results:
                    yield pair
            finally:
                await results.aclose()  # type: ignore[attr-defined]
            return
        for item in items or ():
            port, value = item if self.shape.takes_port else ("in", item)
            for pair in await self.process(value, port):
                yield pair

    async def _results(self, phase: str, *arguments: Any) -> AsyncIterator[tuple[str, Any]]:
        method = getattr(self.node, phase)
        kind = kind_of(method)
        if not kind.is_generator:
            call = self._await if kind.is_async else self._call
            result = call(method, *arguments)
            value = await result if kind.is_async else result
            self._refuse_forgotten(phase, value)
            for pair in self._drain(value):
                yield pair
            return
        generator = method(*arguments)
        async for value in self._step(generator, kind):
            for pair in self._drain(value):
                yield pair
        for pair in self._drain(None):
            yield pair

    async def _step(self, generator: Any, kind: Kind) -> AsyncIterator[Any]:
        done = object()
        try:
            while True:
                if kind.is_async:
                    value = await self._await(anext, generator, done)
                else:
                    value = self._call(next, generator, done)
                if value is done:
                    return
                yield value
        finally:
            if kind.is_async:
                await generator.aclose()
            else:
                generator.close()

    def _drain(self, value: Any) -> list[tuple[str, Any]]:
        """What the context was given during the call, and then the call's own result."""
        pairs, self.ctx.emitted[:] = list(self.ctx.emitted), []
        if isinstance(value, Out):
            pairs.append((value.port, value.value))
        elif value is not None:
            pairs.append(("out", value))
        for port, _ in pairs:
            if port not in self.shape.outputs:
                known = ", ".join(self.shape.outputs) or "none"
                raise NodeError(
                    self.name, "process", "GraphError", f"no output {port!r}; there are {known}"
                )
        self.emitted += pairs
        return pairs

    def _refuse_forgotten(self, phase: str, value: Any) -> None:
        if inspect.iscoroutine(value) or inspect.isgenerator(value):
            what = "coroutine" if inspect.iscoroutine(value) else "generator"
            value.close()
            message = f"a plain {phase} returned a {what}, which nobody would run"
            raise NodeError(self.name, phase, "TypeError", message)

    def charge(self, line: int, nbytes: int) -> None:
        """Count a copy that a frame made while the node was at work."""
        del line  # which node it was is no question here
        self._charge(nbytes, None)

    def exclusive(self, line: int) -> bool:
        """Whether an item is nobody else's: there is no other branch."""
        del line  # which node it was is no question here
        return True

    def allocate(self, line: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Memory of the node's context."""
        del line  # which node it was is no question here
        return self.ctx.allocate(shape, dtype)

    def _charge(self, nbytes: int, port: str | None) -> None:
        self.copied[port or ""] = self.copied.get(port or "", 0) + nbytes

    async def __aenter__(self) -> Self:
        self.ctx.clock.start()
        try:
            await self._settle(self._call(self.node.initialize, self.ctx))
            self._drain(None)
        except BaseException:
            await self._settle(self.node.cleanup())
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._settle(self.node.cleanup())

    async def _settle(self, result: Any) -> None:
        if inspect.isawaitable(result):
            await result

    def __enter__(self) -> Self:
        clock = self.ctx.clock
        loop_factory = lambda: clock.new_event_loop() or asyncio.new_event_loop()  # noqa: E731
        self._loop = asyncio.Runner(loop_factory=loop_factory)
        try:
            self._loop.run(self.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None:
            try:
                self._loop.run(self.__aexit__(kind, error, trace))
            finally:
                self._loop.close()


async def _each(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
