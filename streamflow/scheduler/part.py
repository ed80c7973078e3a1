"""Parts: what of an execution runs in one process, as its conductor sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from streamflow.errors import NodeError
from streamflow.events import Event
from streamflow.metrics import EdgeReport, NodeReport, Stall
from streamflow.scheduler.cut import Share


@dataclass(frozen=True, slots=True)
class About:
    """What nodes are told of their execution.

    Attributes:
        execution_id: unique to the run.
        session_id: the caller's, or None.
        metadata: the pipeline's.
    """

    execution_id: str
    session_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Snapshot:
    """What a part has done so far.

    Attributes:
        nodes: by id.
        edges: by name; of an edge that crosses to another process, the half that is here.
        stalls: nodes that held a thread.
        warnings: what went wrong without ending the run.
        finished: nodes whose stream has ended.
        turns: how often its segments have looked up; it stands where nothing moves.
        waits: whether all of them wait for others.
        rss_peak: the most bytes of its process that were in memory, where it has one.
    """

    nodes: Mapping[str, NodeReport] = field(default_factory=dict[str, NodeReport])
    edges: Mapping[str, EdgeReport] = field(default_factory=dict[str, EdgeReport])
    stalls: tuple[Stall, ...] = ()
    warnings: tuple[str, ...] = ()
    finished: frozenset[str] = frozenset()
    turns: int = 0
    waits: bool = False
    rss_peak: int = 0


class Mended(NamedTuple):
    """What was done about the death of a worker.

    Attributes:
        goes_on: another was started in its place.
        failure: what ends the run; None where its streams alone have ended.
    """

    goes_on: bool
    failure: Exception | None = None


class Part(Protocol):
    """Nodes that live in one process."""

    @property
    def nodes(self) -> Collection[str]:
        """Ids of its nodes."""
        ...

    @property
    def initialized(self) -> set[str]:
        """Nodes whose `initialize` was called, and which wait for their `cleanup`."""
        ...

    async def initialize(self) -> None:
        """Call `initialize` of every node.

        Raises:
            NodeError: one failed; all have returned.
        """
        ...

    def expect(self) -> None:
        """Let nodes know, before they are initialized, that the run goes on from a checkpoint."""
        ...

    def listen(self, tell: Callable[[Share], None], due: Callable[[], None]) -> None:
        """Let shares in checkpoints go to ``tell``, wishes for one to ``due``; from any thread."""
        ...

    def ask(self, number: int, names: Collection[str]) -> None:
        """Ask the segments with these heads for their shares in a checkpoint."""
        ...

    async def restore(self, shares: Mapping[str, Share]) -> None:
        """Go on from a checkpoint, by heads of segments.

        Raises:
            CheckpointError: a node does not take its state.
        """
        ...

    async def rehearse(self) -> None:
        """See that every node can tell its state.

        Raises:
            CheckpointError: one cannot; it is named.
        """
        ...

    async def has_finished(self) -> bool:
        """Whether all segments have come to their end by themselves."""
        ...

    def launch(self) -> None:
        """Let items flow."""
        ...

    async def ended(self) -> BaseException | None:
        """Wait until all segments have ended; the first failure, if there was one."""
        ...

    def cancel(self) -> None:
        """End all segments where they stand."""
        ...

    async def cleanup(self, id: str) -> NodeError | None:
        """Call `cleanup` of one node; what failed."""
        ...

    async def settle(self, failure: BaseException | None) -> None:
        """Account for what is left on the links, and end those that lead outside."""
        ...

    async def close(self) -> list[NodeError]:
        """End threads and processes; who held them up."""
        ...

    def gate(self, *, closed: bool) -> None:
        """Let no item into a node, or let them in again."""
        ...

    def stop(self) -> None:
        """End the sources."""
        ...

    def end_inputs(self) -> None:
        """Let nothing more be injected."""
        ...

    async def inject(self, node: str, port: str, item: Any) -> None:
        """Send an item into a node."""
        ...

    def send_event(self, node: str, port: str, event: Event) -> None:
        """Send a control event into a node."""
        ...

    def urge(self, below: frozenset[str], *, interrupt: bool) -> None:
        """Drop what waits for these nodes, and cancel calls in hand if asked."""
        ...

    def outputs(self, node: str, port: str) -> AsyncIterator[Any]:
        """Items that leave a port."""
        ...

    def progress(self) -> Mapping[str, float | None]:
        """How much each source has emitted, from 0 to 1; None if it cannot tell."""
        ...

    async def holder(self) -> str:
        """The node that keeps the part from ending, as far as can be told."""
        ...

    def snapshot(self, duration: float) -> Snapshot:
        """What it has done in so many seconds."""
        ...
