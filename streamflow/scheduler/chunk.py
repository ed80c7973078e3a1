"""Chunks: generated source, and what each of its lines stands for.

The line on which generated code stands tells which node is at work, on which
variable, and what the item in hand has not reached yet. Errors, copies, stalls
and the ledger of a broken-off item all follow from that one number.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamflow.copies import SEGMENT
from streamflow.flow.ends import SendingEnd
from streamflow.graph import Edge
from streamflow.scheduler.ledger import Ledger

_serial = count(1)

ABANDONED: Final = "abandoned"
"""Why an item did not reach a branch: the run broke off in another one before it."""


@dataclass(slots=True, eq=False)
class Step:
    """A line that hands an item on: to a node, to a link, or to another function.

    Attributes:
        line: its first line.
        defined: the line on which the item's variable was assigned.
        node: the node at work: the one called, or the one that sends.
        variable: name of the variable that holds the item.
        edge: the edge it goes over; None for a node's own output or an injection.
        calls: whether the node itself is called here.
        failed: counter of items the node failed on, where it is called.
        lost: counter of items that were lost in the node for other reasons.
        missed: counter of items that did not get here.
        link: the link it is sent to.
    """

    line: int
    defined: int
    node: str
    variable: str
    edge: Edge | None = None
    calls: bool = False
    failed: int = -1
    lost: int = -1
    missed: int = -1
    link: SendingEnd | None = None


class Writer:
    """Collects lines of source, four spaces an indent, and the steps they stand for.

    Names that a function uses often become parameters of it, whose defaults are
    filled in when the code is loaded: a local costs less than a global.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._twins: list[str] = []
        self.steps: dict[int, Step] = {}
        self.handed: list[Step] = []
        self._head = (0, "", "")
        self._used: dict[str, None] = {}

    def begin(self, head: str, parameter: str) -> int:
        """Begin a function; returns the number of its first line."""
        self._used.clear()
        self._head = (self.add(0, ""), head, parameter)
        return self._head[0]

    def uses(self, name: str) -> None:
        """Make a name a parameter of the function."""
        self._used[name] = None

    def end(self) -> None:
        """Write the head of the function, now that its parameters are known."""
        line, head, parameter = self._head
        parameters = [parameter, *(f"{name}=None" for name in self._used)]
        self._lines[line - 1] = self._twins[line - 1] = f"{head}({', '.join(parameters)}):"

    def add(self, indent: int, text: str, twin: str | None = None) -> int:
        """Append a line, with another text in the twin if it is timed there.

        Returns:
            Its number, from 1; the same in both.
        """
        margin = " " * (4 * indent)
        self._lines.append(margin + text)
        self._twins.append(margin + (twin or text))
        return len(self._lines)

    @property
    def source(self) -> str:
        """The text."""
        return "\n".join(self._lines) + "\n"

    @property
    def twin(self) -> str:
        """The text whose calls are timed, and their results looked at; line by line the same."""
        return "\n".join(self._twins) + "\n"

    @property
    def next_line(self) -> int:
        """Number of the line that `add` will write."""
        return len(self._lines) + 1

    def mark(self, step: Step, line: int | None = None) -> None:
        """Note what a line stands for: the step's own, or another that belongs to it."""
        self.steps[line or step.line] = step
        self.handed.append(step)


class Position(NamedTuple):
    """Where an exception passed through generated code."""

    step: Step
    item: Any


@dataclass
class Chunk:
    """Compiled source with the ledger it writes.

    Attributes:
        source: its text.
        twin: the text whose calls are timed; line by line the same.
        steps: by line.
        handed: all steps.
        ledger: the segment's.
        shared: whether what comes over an edge may be held elsewhere too.
        memory: allocates from a node's pool.
    """

    source: str
    twin: str
    steps: dict[int, Step]
    handed: frozenset[Step]
    ledger: Ledger
    shared: Callable[[Edge], bool]
    memory: Callable[[str, tuple[int, ...], npt.DTypeLike], npt.NDArray[Any]]

    def load(self, source: str, environment: dict[str, Any]) -> Callable[..., Any]:
        """Execute the source, or the twin; it sees ``environment`` and nothing else.

        Returns:
            The function ``run``.
        """
        scope: dict[str, Any] = {**environment, SEGMENT: self}
        exec(_compile(source), scope)
        own = [scope[name] for name in scope.keys() - environment.keys() if callable(scope[name])]
        for function in own:
            names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
            function.__defaults__ = tuple(scope[name] for name in names)
        run: Callable[..., Any] = scope["run"]
        return run

    def show(self) -> None:
        """Make the source visible to tracebacks and debuggers."""
        lines = self.source.splitlines(keepends=True)
        for text in (self.source, self.twin):
            file = _compile(text).co_filename
            linecache.cache[file] = (len(text), None, lines, file)

    def charge(self, line: int, nbytes: int) -> None:
        """Charge a copy to the edge on which the node at ``line`` got its item."""
        step = self.steps.get(line)
        if step is not None and step.edge is not None:
            self.ledger.copied[step.edge] += nbytes

    def exclusive(self, line: int) -> bool:
        """Whether the item that the node at ``line`` works on is nobody else's."""
        step = self.steps.get(line)
        return step is not None and step.edge is not None and not self.shared(step.edge)

    def allocate(self, line: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Memory from the pool of the node at ``line``."""
        step = self.steps.get(line)
        return np.empty(shape, dtype) if step is None else self.memory(step.node, shape, dtype)

    def position(self, traceback: TracebackType | None) -> Position | None:
        """The innermost step of this chunk that an exception passed through."""
        found = None
        for frame, line in _frames(traceback):
            if frame.f_globals.get(SEGMENT) is self and (step := self.steps.get(line)):
                found = Position(step, frame.f_locals.get(step.variable))
        return found

    def abandon(self, traceback: TracebackType | None, reason: str | None) -> None:
        """Account for the item that was in hand when an exception broke it off.

        Args:
            traceback: of the exception.
            reason: why the item is lost; None if its node failed on it.
        """
        lines = [
            line
            for frame, line in _frames(traceback)
            if frame.f_globals.get(SEGMENT) is self and line in self.steps
        ]
        for depth, line in enumerate(lines):
            step = self.steps[line]
            if depth == len(lines) - 1:
                self._lose(step, reason)
            for other in self.handed:
                if step.line < other.line and other.defined < step.line:
                    self._miss(other)

    def _lose(self, step: Step, reason: str | None) -> None:
        if step.link is not None:
            lose(step.link, reason or ABANDONED)
        elif step.calls and reason is None:
            self.ledger.counts[step.failed] += 1
        elif step.calls:
            self.ledger.lose(step.node, reason or ABANDONED, step.lost)

    def _miss(self, step: Step) -> None:
        if step.link is not None:
            lose(step.link, ABANDONED)
        elif step.missed >= 0:
            self.ledger.counts[step.missed] += 1


def lose(link: SendingEnd, reason: str) -> None:
    """Count an item that was emitted to a link but never entered it."""
    link.sent += 1
    link.dropped[reason] = link.dropped.get(reason, 0) + 1


def _frames(traceback: TracebackType | None) -> list[tuple[FrameType, int]]:
    found: list[tuple[FrameType, int]] = []
    while traceback is not None:
        found.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


@lru_cache(maxsize=1_024)
def _compile(source: str) -> CodeType:
    # Cached by text: a pipeline that is run again, or built again alike, does
    # not compile again.
    return compile(source, f"<streamflow segment {next(_serial)}>", "exec")
