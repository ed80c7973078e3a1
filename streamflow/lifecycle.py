"""The states of an execution, and which may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from streamflow.errors import StateError


class State(StrEnum):
    """Where an execution is in its life."""

    PENDING = "pending"
    INITIALIZING = "initializing"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return not FOLLOWING[self]


FOLLOWING: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.PENDING: frozenset({State.INITIALIZING, State.CANCELLED}),
        State.INITIALIZING: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
        State.RUNNING: frozenset({State.PAUSED, State.COMPLETED, State.FAILED, State.CANCELLED}),
        State.PAUSED: frozenset({State.RUNNING, State.COMPLETED, State.FAILED, State.CANCELLED}),
        State.COMPLETED: frozenset(),
        State.FAILED: frozenset(),
        State.CANCELLED: frozenset(),
    }
)


class Lifecycle:
    """Holds a state and moves it.

    >>> life = Lifecycle("demo")
    >>> life.move(State.INITIALIZING)
    >>> life.state.value
    'initializing'
    >>> life.move(State.PAUSED)
    Traceback (most recent call last):
    streamflow.errors.StateError: execution 'demo' cannot go from initializing to paused
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.state = State.PENDING

    def move(self, state: State) -> None:
        """Go to another state.

        Raises:
            StateError: it cannot follow the present one.
        """
        if state not in FOLLOWING[self.state]:
            raise StateError(
                f"execution {self._name!r} cannot go from {self.state.value} to {state.value}"
            )
        self.state = state

    def need(self, *states: State, to: str) -> None:
        """Refuse an action outside of some states.

        Raises:
            StateError: the present state is none of them.
        """
        if self.state not in states:
            wanted = " or ".join(state.value for state in states)
            raise StateError(
                f"cannot {to}: execution {self._name!r} is {self.state.value}, not {wanted}"
            )
