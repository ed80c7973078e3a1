"""Errors: one flat family, each naming what happened, where, and what was needed.

Data stands in attributes and in ``args``, so that an error survives pickling;
the sentence stands in ``__str__``. Each class is also the builtin a caller
would reach for (`ValueError`, `LookupError`, `TimeoutError`).
"""

from __future__ import annotations

from typing import Any


class StreamflowError(Exception):
    """The base of every error that streamflow raises on purpose."""


class GraphError(StreamflowError, ValueError):
    """The graph cannot be what was asked for: a bad id, port, edge or parameter."""


class ManifestError(StreamflowError, ValueError):
    """A manifest cannot be read, or says what cannot be.

    Attributes:
        source: the file it came from, or what else is known of its origin.
        faults: (path, sentence) of every fault that was found, in the order of the
            text; a path is such as ``nodes[2].params.width``, or empty for the whole.
    """

    def __init__(self, source: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(source, faults)
        self.source, self.faults = source, faults

    def __str__(self) -> str:
        sentences = [f"{path}: {words}" if path else words for path, words in self.faults]
        if len(sentences) == 1:
            return f"{self.source}: {sentences[0]}"
        return "\n  ".join([f"{self.source} has {len(sentences)} faults:", *sentences])


class CycleError(GraphError):
    """The edges form a cycle.

    Attributes:
        members: node ids of the cycle, in the order of its edges.
    """

    def __init__(self, members: tuple[str, ...]) -> None:
        super().__init__(members)
        self.members = members

    def __str__(self) -> str:
        return "the graph has a cycle: " + " -> ".join((*self.members, self.members[0]))


class PortMismatchError(GraphError, TypeError):
    """Two ports cannot meet.

    Attributes:
        source: ``node.port`` that offers.
        target: ``node.port`` that needs.
        offered: what the source offers, in words.
        needed: what the target needs, in words.
    """

    def __init__(self, source: str, target: str, offered: str, needed: str) -> None:
        super().__init__(source, target, offered, needed)
        self.source, self.target, self.offered, self.needed = source, target, offered, needed

    def __str__(self) -> str:
        return (
            f"cannot connect {self.source} to {self.target}: "
            f"it offers {self.offered}, but {self.needed} is needed"
        )


class UnknownNodeError(StreamflowError, LookupError):
    """No node type, or no node of the graph, has this name.

    Attributes:
        name: what was asked for.
        nearest: known names that look like it, best first.
    """

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(name, nearest)
        self.name, self.nearest = name, nearest

    def __str__(self) -> str:
        hint = f"; did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        return f"unknown node {self.name!r}{hint}"


class NodeError(StreamflowError):
    """A node failed.

    Attributes:
        node: id of the node.
        phase: ``initialize``, ``process``, ``flush``, ``cleanup`` or ``on_event``.
        error_type: class name of the original exception.
        message: its sentence.
        stack_trace: its formatted traceback.
        input_summary: type, shape, dtype and pts of the item in hand, or None.
        item: the item in hand where the node's policy is ``error="route"``,
            else None. It goes with the error over an edge to another process.
        retries: how often the call was made again; what the tries before the last
            raised stands in the error's notes.
    """

    def __init__(
        self,
        node: str,
        phase: str,
        error_type: str,
        message: str,
        stack_trace: str = "",
        input_summary: str | None = None,
    ) -> None:
        super().__init__(node, phase, error_type, message, stack_trace, input_summary)
        self.node, self.phase = node, phase
        self.error_type, self.message = error_type, message
        self.stack_trace, self.input_summary = stack_trace, input_summary
        self.item: Any = None
        self.retries = 0

    def __str__(self) -> str:
        on = f" on {self.input_summary}" if self.input_summary else ""
        after = f" after {self.retries} retr{'ies' if self.retries > 1 else 'y'}"
        return (
            f"node {self.node!r} failed in {self.phase}{on}{after * bool(self.retries)}: "
            f"{self.error_type}: {self.message}"
        )


class NodeTimeoutError(NodeError, TimeoutError):
    """A node took longer than its ``timeout``, or held up ``stop()`` past its deadline."""


class CircuitOpenError(StreamflowError, RuntimeError):
    """A node's circuit breaker lets no call through, because too many have failed in a row.

    It is the cause of a `NodeError`; its own cause, if it has one, is the last failure.

    Attributes:
        failures: calls in a row that have failed.
        seconds: of the run's clock until a call is tried again.
    """

    def __init__(self, failures: int, seconds: float) -> None:
        super().__init__(failures, seconds)
        self.failures, self.seconds = failures, seconds

    def __str__(self) -> str:
        return (
            f"no call is made: {self.failures} in a row have failed, "
            f"the next trial is in {self.seconds:.3g} s"
        )


class MediaError(StreamflowError, OSError):
    """A file, stream or device could not be read or written.

    Attributes:
        path: the file name or URL.
        reason: what was wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class LinkError(StreamflowError):
    """Something is wrong with a link."""


class LinkClosed(LinkError):
    """You used a link that your own side has closed."""


class PeerLost(LinkError):
    """The process at the other end of a link has died or gone away.

    Attributes:
        peer: who it was.
        reason: what is known of its end.
    """

    def __init__(self, peer: str, reason: str) -> None:
        super().__init__(peer, reason)
        self.peer, self.reason = peer, reason

    def __str__(self) -> str:
        return f"{self.peer} is lost: {self.reason}"


class WouldBlock(LinkError, BlockingIOError):
    """There is no credit, or nothing to take, and the call must not wait."""


class IpcError(StreamflowError):
    """Shared memory could not be used as asked."""


class HandshakeError(IpcError, ConnectionError):
    """A peer could not be joined: it refused, speaks otherwise, or is somebody else's."""


class RingCorrupt(IpcError):
    """Shared memory holds what no well-behaved peer writes; the ring is used no more."""


class PicklingError(StreamflowError, TypeError):
    """Something cannot travel to another process.

    Attributes:
        path: where it stands, such as ``Detect.model.session.lock``.
        reason: why it cannot travel.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot travel to another process: {self.reason}"


class CheckpointError(StreamflowError):
    """A checkpoint could not be taken, written, or gone on from.

    Attributes:
        path: the file or directory.
        reason: what was wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class LinkFull(LinkError):
    """A link with ``policy="error"`` had no room for the item."""


class StateError(StreamflowError, RuntimeError):
    """An execution was asked for a move that its state does not allow."""


class DeadlockError(StreamflowError, RuntimeError):
    """A merge waits for one port while another holds back what would feed it.

    Attributes:
        empty: the ports that the merge waits for.
        full: the ports whose links have no room left.
    """

    def __init__(self, empty: tuple[str, ...], full: tuple[str, ...]) -> None:
        super().__init__(empty, full)
        self.empty, self.full = empty, full

    def __str__(self) -> str:
        return (
            f"deadlock: {', '.join(self.empty)} waits for an item that cannot come, because "
            f"{', '.join(self.full)} is full and blocks the branch both come from; "
            f"give {', '.join(self.full)} a larger queue(max_items=...) or another merge policy"
        )
