"""Circuits: a node that keeps failing is left alone for a while.

Closed, calls pass, and failures in a row are counted. Open, every call fails at
once. Half open, when that time is over, one call passes, and its end decides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from types import TracebackType
from typing import Any

from streamflow.errors import CircuitOpenError
from streamflow.node import Kind
from streamflow.retry import CircuitBreaker


class Circuit:
    """The breaker of one node in one execution; used from one thread.

    Args:
        breaker: when it opens, and for how long.
        now: seconds of the run's clock.

    >>> time = 0.0
    >>> circuit = Circuit(CircuitBreaker(max_failures=1, reset_after=5), lambda: time)
    >>> circuit.failed(circuit.admit())
    >>> circuit.is_open
    True
    >>> time = 5.0
    >>> circuit.succeeded(circuit.admit())
    >>> circuit.is_open
    False
    """

    def __init__(self, breaker: CircuitBreaker, now: Callable[[], float]) -> None:
        self._breaker, self._now = breaker, now
        self._failures = 0
        self._opened: float | None = None
        self._trial = False
        # Which closed or open time this is: a call that began in an earlier one
        # says nothing about the present.
        self._era = 0

    @property
    def is_open(self) -> bool:
        """Whether calls fail at once, but for a trial."""
        return self._opened is not None

    def admit(self) -> int:
        """Let a call pass; its era, which goes with its outcome.

        Raises:
            CircuitOpenError: the circuit is open.
        """
        if self._opened is not None:
            if self._trial or self._left > 0:
                raise self.refusal()
            self._trial = True
        return self._era

    def refusal(self) -> CircuitOpenError:
        """The error that says why no call passes."""
        return CircuitOpenError(self._failures, max(self._left, 0.0))

    @property
    def _left(self) -> float:
        """Seconds until a trial; 0 or less when one is due."""
        return (self._opened or 0.0) + self._breaker.reset_after - self._now()

    def succeeded(self, era: int) -> None:
        """A call has returned."""
        if era == self._era:
            self._failures = 0
            if self._opened is not None:
                self._turn(None)

    def failed(self, era: int) -> None:
        """A call has raised."""
        if era == self._era:
            self._failures += 1
            if self._opened is not None or self._failures >= self._breaker.max_failures:
                self._turn(self._now())

    def broke_off(self, era: int) -> None:
        """A call was cancelled, or its results were not wanted: that tells nothing."""
        if era == self._era:
            self._trial = False

    def _turn(self, opened: float | None) -> None:
        self._opened, self._trial = opened, False
        self._era += 1

    def call(self) -> _Call:
        """A context for one call, which notes its outcome; entering it may be refused."""
        return _Call(self)


class _Call:
    __slots__ = ("_circuit", "_era")

    def __init__(self, circuit: Circuit) -> None:
        self._circuit, self._era = circuit, 0

    def __enter__(self) -> None:
        self._era = self._circuit.admit()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._circuit.succeeded(self._era)
        elif isinstance(error, Exception):
            self._circuit.failed(self._era)
        else:
            self._circuit.broke_off(self._era)


def breaking(process: Callable[..., Any], kind: Kind, circuit: Circuit) -> Callable[..., Any]:
    """A node's `process`, whose calls pass a circuit; a generator is one call to its end."""

    def plain(*args: Any) -> Any:
        with circuit.call():
            return process(*args)

    async def asynchronous(*args: Any) -> Any:
        with circuit.call():
            return await process(*args)

    def generator(*args: Any) -> Iterator[Any]:
        with circuit.call():
            yield from process(*args)

    async def asynchronous_generator(*args: Any) -> AsyncIterator[Any]:
        with circuit.call():
            async with aclosing(process(*args)) as items:
                async for item in items:
                    yield item

    return {
        Kind.PLAIN: plain,
        Kind.ASYNC: asynchronous,
        Kind.GENERATOR: generator,
        Kind.ASYNC_GENERATOR: asynchronous_generator,
    }[kind]
