"""Retries: how often, and how soon, a call that failed is made again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from streamflow.errors import GraphError


@dataclass(frozen=True, slots=True)
class Retry:
    """Makes a call of a node again that has failed, after a pause that grows.

    It holds for `process`, `initialize` and `flush`. Nothing of a failed try is
    emitted, so a generator's items are kept until it has ended. Pauses are seconds
    on the wall, also in an offline run; under a virtual clock they are virtual.

    Attributes:
        max_retries: calls after the first, 1 or more.
        backoff: seconds before the first of them.
        factor: by which each pause is longer than the one before, 1 or more.
        jitter: share of each pause, from 0 to 1, by which it may be longer or
            shorter, at random, so that many nodes do not try again together.
        max_backoff: seconds that no pause is longer than.
        on: the errors that are worth another try, as the node raises them; a
            `NodeTimeoutError`, or `TimeoutError`, stands for its ``timeout``.

    Raises:
        GraphError: a number is out of its range, or ``on`` holds no exception types.

    >>> [Retry(backoff=0.5, max_backoff=1.5, jitter=0).pause(n) for n in range(3)]
    [0.5, 1.0, 1.5]
    """

    max_retries: int = 3
    backoff: float = 0.1
    factor: float = 2.0
    jitter: float = 0.1
    max_backoff: float = 30.0
    on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        _check("retry.max_retries", self.max_retries, 1)
        _check("retry.backoff", self.backoff, 0)
        _check("retry.factor", self.factor, 1)
        _check("retry.jitter", self.jitter, 0, 1)
        _check("retry.max_backoff", self.max_backoff, 0)
        kinds: tuple[object, ...] = self.on
        if not kinds or not all(isinstance(k, type) and issubclass(k, Exception) for k in kinds):
            raise GraphError(f"retry.on must be a tuple of exception types, not {self.on!r}")

    def pause(self, retries: int, chance: float = 0.5) -> float:
        """Seconds to wait before a retry.

        Args:
            retries: how many there were before.
            chance: where the pause lies in its range, from 0 to 1.
        """
        try:
            pause = self.backoff * self.factor**retries
        except OverflowError:
            pause = self.max_backoff
        return min(pause, self.max_backoff) * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Lets a node that keeps failing rest: its calls fail at once, until a trial succeeds.

    They fail with a `CircuitOpenError`, are not retried, and end as the node's
    error policy says. One circuit serves all of a node's concurrent calls.

    Attributes:
        max_failures: calls that fail one after the other, retries included,
            before the circuit opens, 1 or more.
        reset_after: seconds of the run's clock that it stays open; then one call
            is let through, and closes it if it succeeds.

    Raises:
        GraphError: a number is out of its range.
    """

    max_failures: int = 5
    reset_after: float = 30.0

    def __post_init__(self) -> None:
        _check("breaker.max_failures", self.max_failures, 1)
        _check("breaker.reset_after", self.reset_after, 0)


def _check(name: str, value: float, least: float, most: float = math.inf) -> None:
    if not least <= value <= most:
        span = f"{least} or more" if most == math.inf else f"from {least} to {most}"
        raise GraphError(f"{name} must be {span}, not {value}")
