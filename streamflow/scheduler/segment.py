"""Segments: fused nodes, compiled, with the links they send to.

A segment is code and counters. Who drives it, and on which thread, it does not
know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from time import perf_counter
from types import MethodType
from typing import Any, Protocol, cast

from streamflow.context import NodeContext
from streamflow.copies import SEGMENT
from streamflow.errors import NodeError
from streamflow.events import Event
from streamflow.flow.ends import SendingEnd
from streamflow.flow.merge import Merge, Zip
from streamflow.flow.signal import Signal
from streamflow.graph import ERROR_PORT, Edge, GraphNode
from streamflow.node import Kind, Node, Out
from streamflow.scheduler.again import Again
from streamflow.scheduler.chunk import Chunk
from streamflow.scheduler.circuit import Circuit, breaking
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.emit import Emitter
from streamflow.scheduler.failure import node_error
from streamflow.scheduler.guard import ODD, Guard, limited, refuse, timed, timed_async
from streamflow.scheduler.ledger import Ledger
from streamflow.scheduler.place import Consumers
from streamflow.scheduler.plan import SegmentPlan
from streamflow.scheduler.retrying import GaveUp, Pauses, Retrying
from streamflow.scheduler.window import Gate
from streamflow.scheduler.written import Written, extent, wiring


class Results(Protocol):
    """Where what is collected goes."""

    def append(self, item: Any, /) -> None:
        """Add a result."""
        ...


@dataclass(frozen=True)
class Entry:
    """Compiled functions that take items in at one place.

    Attributes:
        fast: takes an iterator of items; returns how many there were, unless
            the caller counts them.
        is_async: whether they are coroutine functions.
        root: counter of the items that came in.
    """

    fast: Callable[[Iterator[Any]], Any]
    is_async: bool
    root: int
    _load_twin: Callable[[], Callable[[Iterator[Any]], Any]]

    def load(self) -> Entry:
        """Itself, with the checked code compiled too."""
        _ = self.checked
        return self

    @cached_property
    def checked(self) -> Callable[[Iterator[Any]], Any]:
        """The same code over calls that are timed and looked at; compiled when first asked for."""
        return self._load_twin()


class Segment:
    """The nodes of one segment, with everything their code needs.

    Args:
        plan: which nodes, and where they run.
        nodes: of the graph, by id.
        instances: what runs, by id.
        contexts: by id.
        consumers: what each port is connected to; links have names.
        gate: the execution's.
        results: where what is collected goes.
        shared: whether what comes over an edge may be held elsewhere too.

    Attributes:
        arrived: woken when a link brings something, or the gate opens.
        chunks: compiled so far.
        pauses: between tries of its calls.
        retrying: what makes calls again, by id of the node.
    """

    def __init__(
        self,
        plan: SegmentPlan,
        nodes: Mapping[str, GraphNode],
        instances: Mapping[str, Node],
        contexts: Mapping[str, NodeContext],
        consumers: Consumers,
        gate: Gate,
        results: Results,
        shared: Callable[[Edge], bool],
    ) -> None:
        self.plan, self.head = plan, plan.head
        self.nodes = {id: nodes[id] for id in plan.nodes}
        self.instances, self.contexts = instances, contexts
        self.consumers, self.gate = consumers, gate
        self.ledger, self.arrived, self.guard = Ledger(), Signal(), Guard()
        self.chunks: list[Chunk] = []
        self.pauses, self._circuits = Pauses(), dict[str, Circuit]()
        self.retrying: dict[str, Retrying] = {}
        for id, node in self.nodes.items():
            self._harden(id, node)
        self._results, self._shared = results, shared
        self._entries: dict[tuple[str, str | None, bool], Entry] = {}
        self._emits = frozenset(
            id
            for id, node in self.nodes.items()
            if node.shape.takes_context and not isinstance(node.node, Merge)
        )
        self._methods = frozenset(
            id
            for id, node in self.nodes.items()
            if getattr(instances[id].process, "__self__", None) is instances[id]
            and node.options.timeout is None
            and node.options.breaker is None
        )
        self._told: set[str] = set()
        self._environment: dict[str, Any] | None = None

    def _harden(self, id: str, node: GraphNode) -> None:
        """Prepare what a node that may fail has asked for: to be tried again, to be left alone."""
        retry, breaker, circuit = node.options.retry, node.options.breaker, None
        if breaker is not None:

            def now() -> float:  # contexts are made after segments
                return self.contexts[id].clock.time()

            circuit = self._circuits[id] = Circuit(breaker, now)
        if retry is not None:
            count = partial(self.ledger.retried.update, (id,))
            self.retrying[id] = Retrying(retry, circuit, self.pauses, count)
        instance = self.instances[id]
        if isinstance(instance, Concurrent):
            instance.harden(self.retrying.get(id), circuit)

    @property
    def links(self) -> list[SendingEnd]:
        """Links and outlets out of this segment."""
        return self.links_of(self.plan.nodes)

    @property
    def events_from(self) -> frozenset[str]:
        """Nodes that want to see control events."""
        return frozenset(id for id, node in self.nodes.items() if node.shape.handles_events)

    def entry(
        self, node: str, port: str | None, edge: Edge | None = None, *, counted: bool = False
    ) -> Entry:
        """Functions for items that enter ``node.port``, or that ``node`` emits (no port).

        Compiled when first asked for.

        Args:
            node: where the items enter.
            port: its input port, or None.
            edge: the edge they come over, if any.
            counted: whether the caller counts the items.
        """
        key = (node, port if edge is None else edge.name, counted)
        if key not in self._entries:
            self._entries[key] = self._compile(node, port, edge, counted=counted)
        return self._entries[key]

    def _compile(self, node: str, port: str | None, edge: Edge | None, *, counted: bool) -> Entry:
        code = self._write(node, port, edge, counted=counted)
        chunk = Chunk(
            code.source,
            code.twin,
            code.steps,
            code.handed,
            self.ledger,
            self._shared,
            lambda node, shape, dtype: self.contexts[node].allocate(shape, dtype),
        )
        self.chunks.append(chunk)
        environment = self._environment = self._environment or self._make_environment()
        fast = chunk.load(chunk.source, environment)
        return Entry(fast, code.is_async, code.root, partial(chunk.load, chunk.twin, environment))

    def _write(self, node: str, port: str | None, edge: Edge | None, *, counted: bool) -> Written:
        before, wires = extent(self.ledger), wiring(self.consumers)
        key = (node, port, edge, counted, before, wires, self._emits, self._methods)
        if wires is not None and (code := self.plan.written.get(key)) is not None:
            code.enter(self.ledger)
            return code
        emitter = Emitter(self.nodes, self.consumers, self.ledger, self._emits, self._methods)
        root = emitter.entry(node, port, edge, counted=counted)
        is_async = emitter.awaits(node, calls=port is not None)
        code = Written.by(emitter, root, is_async=is_async, before=before)
        if wires is not None:
            self.plan.written[key] = code
        return code

    def _make_environment(self) -> dict[str, Any]:
        """Names that generated code sees."""
        environment: dict[str, Any] = {
            "C": self.ledger.counts,
            "Out": Out,
            "failed": self._failed,
            "gate": self.gate,
            "no_port": self._no_port,
            "now": perf_counter,
            "odd": self._odd,
            "passage": self.passage,
            "results": self._results,
            "timed": timed,
            "timed_async": timed_async,
        }
        for number, id in enumerate(self.nodes):
            environment |= self._names(number, id)
        for consumers in self.consumers.values():
            for consumer in consumers:
                if consumer.link is not None:
                    environment[f"s{consumer.name}"] = consumer.link.try_send
                    environment[f"w{consumer.name}"] = consumer.link.send
        return environment

    def _names(self, number: int, id: str) -> dict[str, Any]:
        instance = self.instances[id]
        names: dict[str, Any] = {
            f"p{number}": self._process(id),
            f"o{number}": instance,
            f"t{number}": self.ledger.histogram(id).raw.append,
            f"T{number}": self.ledger.histogram(id).add,
            f"odd{number}": self._odd_of(id),
        }
        if id in self._emits:
            names[f"e{number}"] = self.contexts[id].emitted
            names[f"d{number}"] = partial(self._drain, id)
        if id in self.retrying:
            kind = self.nodes[id].shape.kind
            again = names[f"again{number}"] = self.again(id, self._checked(id), kind)
            names[f"gather{number}"] = again.gather_async if kind.is_async else again.gather
        if isinstance(instance, Zip):
            names[f"join{number}"] = instance.join
            for index, queue in enumerate(instance.waiting.values()):
                names[f"q{number}_{index}"] = queue
        return names

    def _process(self, id: str) -> Callable[..., Any]:
        process = self._checked(id)
        return cast("MethodType", process).__func__ if id in self._methods else process

    def _checked(self, id: str) -> Callable[..., Any]:
        """A node's `process`, with its limit of time and its circuit."""
        node, process = self.nodes[id], self.instances[id].process
        if node.options.timeout is not None:
            process = limited(process, node.shape.kind, node.options.timeout, self.guard)
        if id in self._circuits:
            process = breaking(process, node.shape.kind, self._circuits[id])
        return process

    def _odd_of(self, id: str) -> frozenset[type[Any]]:
        return ODD if len(self.nodes[id].outputs) > 1 else ODD | {Out}

    def again(self, id: str, call: Callable[..., Any], kind: Kind) -> Again:
        """What makes a call of a node again that is to be retried."""
        return Again(
            id,
            call,
            kind,
            self.retrying[id],
            self._odd_of(id),
            self.contexts[id].emitted,
            ports=list(self.nodes[id].outputs) != ["out"],
            fail=partial(self._give_up, id),
        )

    async def passage(self) -> None:
        """Wait while the gate is closed."""
        await self.arrived.wait(lambda: not self.gate.closed)

    def take_emitted(self, id: str) -> Iterator[Any]:
        """What a node emitted through its context, taken out."""
        emitted = self.contexts[id].emitted
        items = emitted[:]
        emitted.clear()
        if list(self.nodes[id].outputs) != ["out"]:
            return iter([Out(port, value) for port, value in items])
        for port, _ in items:
            if port != "out":
                self._no_port(id, port)
        return iter([value for _, value in items])

    def _drain(self, id: str) -> Any:
        return self.entry(id, None).fast(self.take_emitted(id))

    def _failed(self, counter: int, id: str, error: Exception, item: Any) -> Out | None:
        """Note a failure that the node's error policy does not let end the run."""
        self.ledger.counts[counter] += 1
        made = node_error(id, "process", error, item)
        # Told once; a camera that fails fails thirty times a second, and is counted.
        level = logging.DEBUG if id in self._told else logging.WARNING
        self._told.add(id)
        self.contexts[id].logger.log(level, "%s", made)
        if self.nodes[id].options.error == "skip":
            return None
        made.item = item
        return Out(ERROR_PORT, made)

    def _give_up(self, id: str, counter: int, last: GaveUp, item: Any) -> Out | None:
        """What becomes of an item whose last try has failed."""
        if self.nodes[id].options.error == "fail":
            raise last
        return self._failed(counter, id, last, item)

    def _no_port(self, id: str, port: str) -> None:
        known = ", ".join(self.nodes[id].outputs)
        raise TypeError(f"it emitted to port {port!r}, but has only {known}")

    def _odd(self, number: int, result: Any) -> None:
        refuse(self.plan.nodes[number], result)

    def explain_error(self, error: Exception) -> NodeError:
        """The structured error for an exception that came out of generated code."""
        for chunk in self.chunks:
            position = chunk.position(error.__traceback__)
            if position is not None:
                chunk.show()
                return node_error(position.step.node, "process", error, position.item)
        return node_error(self.head, "process", error)

    def node_awaiting(self, task: asyncio.Task[Any]) -> str | None:
        """The node at which the coroutines of a task stand."""
        found: str | None = None
        awaited: Any = task.get_coro()
        while awaited is not None:
            frame = getattr(awaited, "cr_frame", None)
            for chunk in self.chunks:
                if frame is not None and frame.f_globals.get(SEGMENT) is chunk:
                    step = chunk.steps.get(frame.f_lineno)
                    found = step.node if step is not None else found
            awaited = getattr(awaited, "cr_await", None)
        return found

    def abandon(self, error: BaseException, reason: str | None) -> None:
        """Account for the item in hand; see `Chunk.abandon`."""
        for chunk in self.chunks:
            chunk.abandon(error.__traceback__, reason)

    def below(self, id: str) -> list[str]:
        """Nodes of this segment that a node feeds, itself not included, in order."""
        found = {id}
        for node in self.nodes:
            for port in self.nodes[node].outputs:
                for consumer in self.consumers.get((node, port), ()):
                    if consumer.target is not None and node in found:
                        found.add(consumer.target)
        return [node for node in self.nodes if node in found and node != id]

    def announce(self, id: str, event: Event, *, itself: bool = False) -> None:
        """Show an event to the nodes below one, and send it over their links.

        Raises:
            NodeError: one of them failed on it.
        """
        nodes = [id] * itself + self.below(id)
        handlers = self.events_from
        for node in nodes:
            if node not in handlers:
                continue
            try:
                self.instances[node].on_event(event)
            except Exception as error:
                raise node_error(node, "on_event", error) from error
        for link in self.links_of([id, *nodes]):
            link.send_event(event)

    def links_of(self, nodes: list[str]) -> list[SendingEnd]:
        """Links that leave the given nodes."""
        return [
            consumer.link
            for id in dict.fromkeys(nodes)
            for port in self.nodes[id].outputs
            for consumer in self.consumers.get((id, port), ())
            if consumer.link is not None
        ]
