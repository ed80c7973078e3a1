"""Nodes: the unit of work, written as ordinary Python.

A node has a constructor for its parameters, and up to four calls: `initialize`
once before the first item, `process` for each, `flush` at the end of input,
`cleanup` once after all of it, whatever happened.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from streamflow.errors import GraphError
from streamflow.events import Event
from streamflow.ports import Data, Ports, normalize
from streamflow.schema import params_schema

if TYPE_CHECKING:
    from streamflow.context import NodeContext


class Out:
    """An item for a port that is not ``out``: ``return Out("rejected", frame)``."""

    __slots__ = ("port", "value")

    def __init__(self, port: str, value: Any) -> None:
        self.port, self.value = port, value

    def __repr__(self) -> str:
        return f"Out({self.port!r}, {self.value!r})"


class NodeInfo(NamedTuple):
    """What a node class says of itself."""

    name: str
    version: str
    description: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    params: dict[str, Any]


class Node:
    """The base of node classes.

    Attributes:
        inputs: ports it takes items from; none makes it a source.
        outputs: ports it emits to; none makes it a sink.
        is_streaming: ``process`` takes the whole input as an async iterator.
        blocking: its calls hold the thread for long, so its segment gets one.
        reentrant: ``process`` may be entered again before it has returned.
        live: a source that the world drives, at its own pace.
        resumable: whether it can go on from a checkpoint. None: it can, unless
            it streams, or flushes and has no `get_state`.
        why_not_resumable: the reason where it cannot, and what would help.
        version: of the node, for `info`.

    >>> class Double(Node):
    ...     def process(self, item):
    ...         return item * 2
    >>> Double.info().inputs
    {'in': 'any value'}
    """

    inputs: ClassVar[Ports] = {"in": Data()}
    outputs: ClassVar[Ports] = {"out": Data()}
    is_streaming: bool = False
    blocking: bool = False
    reentrant: bool = False
    live: bool = False
    resumable: ClassVar[bool | None] = None
    why_not_resumable: ClassVar[str] = ""
    version: ClassVar[str] = "1"

    process: Callable[..., Any]
    """Called for each item; plain, async, generator or async generator.

    What it returns or yields goes to ``out``, an `Out` to the port it names,
    None nowhere. A node with several inputs takes ``(item, port)``, a source
    takes nothing and must be a (possibly async) generator.
    """

    def initialize(self, ctx: NodeContext) -> Any:
        """Called once, before any node's first item; plain or async."""

    def flush(self) -> Any:
        """Called at the end of input; returns, or yields, what is still to be emitted."""

    def cleanup(self) -> Any:
        """Called once after `initialize`, whether anything succeeded or failed; plain or async."""

    def on_event(self, event: Event) -> None:
        """Called for each control event that passes."""

    def get_state(self) -> Any:
        """What `set_state` needs to go on from here; None: nothing.

        Called between two items: for each checkpoint; and now and then in nodes
        whose process may be started anew. What it returns is pickled at once. A
        source tells where the item stands that it will yield next: it counts an
        item before the ``yield``, and not before an ``await``. A sink first
        brings to the disk what it has written.
        """
        return None

    def set_state(self, state: Any) -> None:
        """Called after `initialize` with the last state, where a run is resumed.

        So it is in a process that was started anew.
        """

    def progress(self) -> float | None:
        """How much of a source has been emitted, from 0 to 1; None if that is unknown."""
        return None

    @classmethod
    def info(cls) -> NodeInfo:
        """Name, version, description, ports and the schema of the parameters."""
        return NodeInfo(
            name=cls.__name__,
            version=cls.version,
            description=inspect.getdoc(cls) or "",
            inputs={name: port.describe() for name, port in normalize(cls.inputs).items()},
            outputs={name: port.describe() for name, port in normalize(cls.outputs).items()},
            params=params_schema(cls),
        )


class Kind(Enum):
    """How a call gives its results."""

    PLAIN = "plain"
    ASYNC = "async"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"

    @property
    def is_generator(self) -> bool:
        """Whether it yields."""
        return self in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)

    @property
    def is_async(self) -> bool:
        """Whether it is awaited."""
        return self in (Kind.ASYNC, Kind.ASYNC_GENERATOR)


def kind_of(call: Callable[..., Any]) -> Kind:
    """How a callable gives its results, told from its code, not by calling it.

    >>> def both(x): yield x
    >>> kind_of(both)
    <Kind.GENERATOR: 'generator'>
    """
    while isinstance(call, functools.partial):
        call = call.func
    if not (inspect.isfunction(call) or inspect.ismethod(call) or inspect.isbuiltin(call)):
        call = getattr(call, "__call__", call)  # noqa: B004 - an object with __call__
    if inspect.isasyncgenfunction(call):
        return Kind.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(call):
        return Kind.GENERATOR
    return Kind.ASYNC if inspect.iscoroutinefunction(call) else Kind.PLAIN


class NodeShape(NamedTuple):
    """What the compiler must know of a node instance."""

    inputs: dict[str, Data]
    outputs: dict[str, Data]
    kind: Kind
    takes_port: bool
    flush: Kind | None
    takes_context: bool
    handles_events: bool

    @property
    def is_source(self) -> bool:
        """Whether it has no inputs."""
        return not self.inputs


def shape_of(node: Node, name: str) -> NodeShape:
    """Check a node instance for what it needs, and tell its shape.

    Raises:
        GraphError: it has no `process`, or one with the wrong signature.
    """
    process = getattr(node, "process", None)
    if not callable(process):
        raise GraphError(f"node {name!r} ({type(node).__name__}) has no process method")
    try:
        inputs, outputs = normalize(node.inputs), normalize(node.outputs)
    except TypeError as error:
        raise GraphError(f"node {name!r}: {error}") from None
    kind = kind_of(process)
    wanted = 0 if not inputs else 1 if len(inputs) == 1 or node.is_streaming else 2
    takes = _positional(process)
    if takes is not None and not takes[0] <= wanted <= takes[1]:
        words = ("no argument", "one item", "an item and a port")[wanted]
        raise GraphError(
            f"node {name!r}: process must take {words}, because it has "
            f"{len(inputs)} input port{'s' * (len(inputs) != 1)}"
        )
    if (wanted == 0 or node.is_streaming) and not kind.is_generator:
        what = "a source" if wanted == 0 else "a streaming node"
        raise GraphError(f"node {name!r}: process of {what} must be a generator, not {kind.value}")
    cls = type(node)
    return NodeShape(
        inputs=inputs,
        outputs=outputs,
        kind=kind,
        takes_port=wanted == 2,
        flush=kind_of(node.flush) if cls.flush is not Node.flush else None,
        takes_context=cls.initialize is not Node.initialize,
        handles_events=cls.on_event is not Node.on_event,
    )


def _positional(call: Callable[..., Any]) -> tuple[int, float] | None:
    """Fewest and most positional arguments that a callable takes; None if it cannot be told."""
    if not inspect.ismethod(call):
        return _count_positional(call)
    # Looked at once for each class, not for each of its instances.
    counted = _counted.get(call.__func__)
    if counted is None:
        fewest, most = _count_positional(call.__func__) or (0, float("inf"))
        counted = _counted[call.__func__] = (max(fewest - 1, 0), most - 1)
    return counted


_counted: WeakKeyDictionary[Any, tuple[int, float]] = WeakKeyDictionary()


def _count_positional(call: Callable[..., Any]) -> tuple[int, float] | None:
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return None
    fewest, most = 0, 0.0
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = float("inf")
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            fewest += parameter.default is parameter.empty
            most += 1
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            return (1_000, 1_000)  # nobody will pass it: no count of items fits
    return fewest, most
