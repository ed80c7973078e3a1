"""Retrying: a call that failed is made again, after a pause, until it succeeds or is given up."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from streamflow.errors import CircuitOpenError, NodeTimeoutError
from streamflow.flow.signal import Signal
from streamflow.retry import Retry
from streamflow.scheduler.circuit import Circuit
from streamflow.scheduler.guard import CallTimeout, OddResult

MOST_NOTED: Final = 8
"""Errors of earlier tries that are told of, the latest."""


class GaveUp(Exception):
    """The last try of a call has failed; a `NodeError` tells of it outside the engine.

    Attributes:
        error: what it raised; or a `CircuitOpenError`, where no further one was allowed.
        retries: how often the call was made again.
        earlier: what the tries before raised, oldest first; `MOST_NOTED` at most.
    """

    def __init__(self, error: Exception, retries: int, earlier: tuple[Exception, ...]) -> None:
        super().__init__(error, retries, earlier)
        self.error, self.retries, self.earlier = error, retries, earlier


class Pauses:
    """Pauses between tries, all of which end when the run is stopped.

    They take their time under an offline clock too: a server that is down does
    not recover sooner because nobody watches. Under a virtual clock they are virtual.

    Attributes:
        ended: whether there are to be no more.
    """

    def __init__(self) -> None:
        self.ended = False
        self._signal = Signal()

    async def wait(self, seconds: float) -> None:
        """Return after ``seconds``, or when `end` is called."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._signal.wait(lambda: self.ended)

    def end(self) -> None:
        """End the pauses under way, and let no other begin; from any thread."""
        self.ended = True
        self._signal.wake()


class Retrying:
    """Makes the calls of one node again, as its `Retry` says.

    Args:
        retry: how often, when, and on what errors.
        circuit: of the node: an open one ends the retries; or None.
        pauses: of its segment.
        count: called before each retry.
    """

    def __init__(
        self, retry: Retry, circuit: Circuit | None, pauses: Pauses, count: Callable[[], None]
    ) -> None:
        self._retry, self._circuit, self._pauses = retry, circuit, pauses
        self._count = count
        # The engine raises CallTimeout where the user reads NodeTimeoutError.
        late = any(issubclass(NodeTimeoutError, kind) for kind in retry.on)
        self._on = (*retry.on, CallTimeout) if late else retry.on

    async def call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call, and make it again if it fails.

        Raises:
            GaveUp: the last try has failed.
        """
        try:
            return await call()
        except Exception as error:
            return await self.again(error, call)

    async def again(self, error: Exception, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call again that has failed.

        Args:
            error: what it raised.
            call: makes it.

        Raises:
            GaveUp: the last try has failed, or the error is not worth another.
        """
        earlier = deque[Exception](maxlen=MOST_NOTED)
        retries = 0
        try:
            while self._is_worth_it(error, retries):
                if self._circuit is not None and self._circuit.is_open:
                    refusal = self._circuit.refusal()
                    refusal.__cause__ = error
                    error = refusal
                    break
                await self._pauses.wait(self._retry.pause(retries, _chance()))
                retries += 1
                self._count()
                try:
                    return await call()
                except Exception as failed:
                    earlier.append(error)
                    error = failed
            raise GaveUp(error, retries, tuple(earlier)) from error
        finally:
            # An error holds this frame, by its traceback: a cycle, and in it
            # the item, whose memory may be wanted elsewhere.
            del error, earlier

    def _is_worth_it(self, error: Exception, retries: int) -> bool:
        return (
            retries < self._retry.max_retries
            and not self._pauses.ended
            and isinstance(error, self._on)
            and not isinstance(error, CircuitOpenError | OddResult)
        )


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads pauses, and guards no secret
