"""What generated code calls when a call of a node with a `Retry` has failed.

Nothing of a failed try is emitted: what it gave its context is taken back, and
what a generator yields is kept until it has ended.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

from streamflow.node import Kind, Out
from streamflow.scheduler.guard import refuse
from streamflow.scheduler.retrying import GaveUp, Retrying


class Again:
    """Tries of one node's calls.

    Args:
        id: of the node.
        process: what is called.
        kind: how it gives its results.
        retrying: how often, and when.
        odd: classes that a plain result must not be of.
        emitted: what the node emits through its context.
        ports: whether that may go elsewhere than to ``out``.
        fail: what becomes of an item that is given up: raises, or gives what is
            handed on in place of a result.
    """

    def __init__(
        self,
        id: str,
        process: Callable[..., Any],
        kind: Kind,
        retrying: Retrying,
        odd: frozenset[type[Any]],
        emitted: list[tuple[str, Any]],
        *,
        ports: bool,
        fail: Callable[[int, GaveUp, Any], Out | None],
    ) -> None:
        self._id, self._process, self._kind = id, process, kind
        self.retrying, self._odd = retrying, odd
        self._emitted, self._ports, self._fail = emitted, ports, fail

    async def __call__(self, counter: int, error: Exception, start: int, *arguments: Any) -> Any:
        """Call again with the same arguments.

        Args:
            counter: of items that the node failed on.
            error: what the first call raised.
            start: how much its context held before that.
            arguments: the item, and its port where there are several.

        Returns:
            What the call returned, or a list of what it yielded.
        """
        del self._emitted[start:]
        try:
            return await self.retrying.again(error, partial(self.attempt, start, *arguments))
        except GaveUp as last:
            result = self._fail(counter, last, arguments[0])
            return [result] if self._kind.is_generator else result

    async def attempt(self, start: int, *arguments: Any) -> Any:
        """Call once; what a failed call has emitted is taken back."""
        try:
            result = self._process(*arguments)
            if self._kind is Kind.GENERATOR:
                return self.gather(result, start)
            if self._kind is Kind.ASYNC_GENERATOR:
                return await self.gather_async(result, start)
            if self._kind is Kind.ASYNC:
                result = await result
            if result.__class__ in self._odd:
                refuse(self._id, result)
        except BaseException:
            del self._emitted[start:]
            raise
        return result

    def gather(self, items: Iterable[Any], start: int) -> list[Any]:
        """All that a generator yields, and emits through its context, in order."""
        gathered: list[Any] = []
        for item in items:
            self._take(start, gathered)
            gathered.append(item)
        self._take(start, gathered)
        return gathered

    async def gather_async(self, items: AsyncGenerator[Any, None], start: int) -> list[Any]:
        """The same, of an async generator."""
        gathered: list[Any] = []
        async with aclosing(items):
            async for item in items:
                self._take(start, gathered)
                gathered.append(item)
        self._take(start, gathered)
        return gathered

    def _take(self, start: int, gathered: list[Any]) -> None:
        if len(self._emitted) > start:
            gathered += [
                value if port == "out" and not self._ports else Out(port, value)
                for port, value in self._emitted[start:]
            ]
            del self._emitted[start:]
