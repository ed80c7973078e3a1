"""Code generation: a segment as Python functions, one item at a time.

``x1 = p0(x0)`` calls a node; the next line hands the result on. Branches follow
each other, None leaves, generators become loops. A node that several branches
of the segment feed becomes a function of its own, and so does what would nest
too deep: CPython allows 20 nested blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from streamflow.flow.link import Link
from streamflow.flow.merge import Zip
from streamflow.graph import Edge, GraphNode
from streamflow.node import Kind
from streamflow.scheduler.chunk import Step, Writer
from streamflow.scheduler.ledger import Delivery, Ledger, Loss, Terms

MAX_LOOPS: Final = 8
MAX_INDENT: Final = 20


@dataclass(frozen=True, slots=True)
class Consumer:
    """What an item that leaves a port is handed to.

    Attributes:
        edge: the edge it goes over; None for an outlet or the results.
        name: what it is called in generated code: a link's number; None if the
            target is fused.
        link: the link, or outlet; None where results are collected.
    """

    edge: Edge | None
    name: str | None = None
    link: Link | None = None

    @property
    def fused(self) -> bool:
        """Whether the target is called directly."""
        return self.name is None

    @property
    def awaits(self) -> bool:
        """Whether handing over may have to wait."""
        return self.link is not None and not self.link.never_blocks


Consumers = Mapping[tuple[str, str], list[Consumer]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where code is being written.

    Attributes:
        indent: depth of indentation.
        loops: loops and try blocks around it.
        leave: statement that ends the item; None where more code follows.
    """

    indent: int
    loops: int
    leave: Literal["continue", "return"] | None

    def inner(self, loops: int = 0, leave: Literal["continue", "return"] | None = None) -> Place:
        """One indent deeper."""
        return Place(self.indent + 1, self.loops + loops, leave)


@dataclass(frozen=True, slots=True)
class Item:
    """An item in hand: its variable, the line that assigned it, and how many there were."""

    variable: str
    line: int
    terms: Terms


class Emitter:
    """Writes the functions of one entry into a segment.

    Args:
        nodes: the segment's nodes, by id, in topological order.
        numbers: node id → its number in generated names.
        consumers: what each port is connected to.
        ledger: where counters come from.
        writer: where lines go.
        emits: ids of nodes that may emit through their context.
    """

    def __init__(
        self,
        nodes: Mapping[str, GraphNode],
        numbers: Mapping[str, int],
        consumers: Consumers,
        ledger: Ledger,
        writer: Writer,
        emits: frozenset[str],
    ) -> None:
        self.nodes, self.numbers, self.consumers = nodes, numbers, consumers
        self.ledger, self.writer, self.emits = ledger, writer, emits
        self._fed = _count_feeders(consumers)
        self._awaits: dict[tuple[str, bool], bool] = {}
        self._checked = False
        self._replay: list[int] | None = None
        self._made: list[int] = []
        self._fresh = 0
        self._subs: dict[tuple[str, str], Terms] = {}

    def entry(self, node: str, port: str | None, edge: Edge | None) -> bool:
        """Write ``fast(items)`` and ``checked(items)``, its timed twin.

        Args:
            node: where items enter.
            port: the input port; None if the items are what the node emits.
            edge: the edge they come over, if any.

        Returns:
            Whether the functions are coroutine functions.
        """
        asynchronous = self.awaits(node, calls=port is not None)
        root = self.counter()
        for name, checked in (("fast", False), ("checked", True)):
            self._checked, self._fresh = checked, 0
            self._replay = self._made[1:] if checked else None
            self._function(name, node, port, edge, root, asynchronous)
        return asynchronous

    def _function(
        self, name: str, node: str, port: str | None, edge: Edge | None, root: int, is_async: bool
    ) -> None:
        write = self.writer.add
        write(0, f"{'async ' * is_async}def {name}(items):")
        write(1, "n = 0")
        write(1, "try:")
        line = write(2, "for x0 in items:")
        self.writer.mark(line, Step(line, 0, node, "", calls=True, failed=self.counter()))
        if port is None and not self._checked:
            self.ledger.failures.append((node, ((1, self.writer.steps[line].failed),)))
        write(3, "n += 1")
        if is_async:
            # Its item may be in hand for long: counted now, a report shows it.
            write(3, f"C[{root}] += 1")
            write(3, "if gate.closed: await passage()")
        place = Place(3, 2, "continue")
        item = Item("x0", line, ((1, root),))
        if port is None:
            self._result(node, item, place)
        else:
            self._call(node, port, edge, item, place)
        write(1, "finally: " + ("pass" if is_async else f"C[{root}] += n"))
        write(1, "return n")
        self._write_subs()

    def _write_subs(self) -> None:
        order = list(self.nodes)
        while self._subs:
            # Whoever calls a sub comes before it in topological order, so its
            # terms are complete when its turn comes.
            node, port = min(self._subs, key=lambda key: order.index(key[0]))
            terms = self._subs.pop((node, port))
            prefix = "async " * self.awaits(node)
            line = self.writer.add(0, f"{prefix}def {self._sub_name(node, port)}(x):")
            self._call_here(node, port, None, Item("x", line, terms), Place(1, 0, "return"))
            self.writer.add(1, "return")

    def _sub_name(self, node: str, port: str) -> str:
        number = list(self.nodes[node].shape.inputs).index(port)
        return f"{'checked_' * self._checked}n{self.numbers[node]}_{number}"

    def counter(self) -> int:
        """A new counter; when the timed twin is written, the same again."""
        if self._replay is not None:
            return self._replay.pop(0)
        self._made.append(self.ledger.counter())
        return self._made[-1]

    def _record(self, kind: Callable[[Any], None], value: Any) -> None:
        # The twin writes the same counters, so what they mean is noted once.
        if self._replay is None:
            kind(value)

    def _variable(self) -> str:
        self._fresh += 1
        return f"x{self._fresh}"

    def awaits(self, node: str, calls: bool = True) -> bool:
        """Whether processing an item from a node on has to await anything."""
        key = (node, calls)
        if key not in self._awaits:
            self._awaits[key] = calls and self.nodes[node].shape.kind.is_async
            for port in self.nodes[node].outputs:
                for consumer in self.consumers.get((node, port), ()):
                    fused = consumer.fused and consumer.edge is not None
                    if consumer.awaits or (fused and self.awaits(_target(consumer))):
                        self._awaits[key] = True
        return self._awaits[key]

    def _call(self, node: str, port: str, edge: Edge | None, item: Item, place: Place) -> None:
        """Hand an item to a node: in place, or through a function of the node's own."""
        deep = place.loops >= MAX_LOOPS or place.indent >= MAX_INDENT
        if self._fed[node] < 2 and not deep:
            self._call_here(node, port, edge, item, place)
            return
        missed = self.counter()
        wait = "await " * self.awaits(node)
        text = f"{wait}{self._sub_name(node, port)}({item.variable})"
        line = self.writer.add(place.indent, text)
        step = Step(line, item.line, node, item.variable, edge, missed=missed)
        self.writer.mark(line, step)
        arrived = (*item.terms, (-1, missed))
        self._record(
            self.ledger.deliveries.append, Delivery(node, edge, item.terms, arrived)
        )
        self._subs[node, port] = (*self._subs.get((node, port), ()), *arrived)

    def _call_here(
        self, node: str, port: str, edge: Edge | None, item: Item, place: Place
    ) -> None:
        missed, failed, lost = self.counter(), self.counter(), self.counter()
        is_sub = item.variable == "x"
        arrived = item.terms if is_sub else (*item.terms, (-1, missed))
        if not is_sub:
            delivery = Delivery(node, edge, item.terms, arrived)
            self._record(self.ledger.deliveries.append, delivery)
        self._record(self.ledger.failures.append, (node, ((1, failed),)))
        step = Step(
            self.writer.next_line,
            item.line,
            node,
            item.variable,
            edge,
            calls=True,
            failed=failed,
            lost=lost,
            missed=-1 if is_sub else missed,
        )
        write_call = {
            Kind.PLAIN: self._call_plain,
            Kind.ASYNC: self._call_plain,
            Kind.GENERATOR: self._call_generator,
            Kind.ASYNC_GENERATOR: self._call_generator,
        }
        write_call[self.nodes[node].shape.kind](node, port, step, arrived, place)

    def _arguments(self, node: str, port: str, variable: str) -> str:
        return f"{variable}, {port!r}" if self.nodes[node].shape.takes_port else variable

    def _call_plain(
        self, node: str, port: str, step: Step, arrived: Terms, place: Place
    ) -> None:
        number, result = self.numbers[node], self._variable()
        wait = "await " * self.nodes[node].shape.kind.is_async
        call = f"{result} = {wait}p{number}({self._arguments(node, port, step.variable)})"
        self._timed(number, place, lambda indent: self._guarded(node, call, result, step, indent))
        if self._checked:
            self.writer.add(
                place.indent, f"if {result}.__class__ in odd{number}: odd({number}, {result})"
            )
        line = self._drain(node, step, place.indent) or step.line
        terms = (*arrived, (-1, step.lost))
        if self.nodes[node].options.error == "fail":
            terms = (*terms, (-1, step.failed))
        self._result(node, Item(result, line, terms), place, step.failed)

    def _timed(self, number: int, place: Place, write: Callable[[int], None]) -> None:
        if self._checked:
            self.writer.add(place.indent, "t = now()")
        write(place.indent)
        if self._checked:
            self.writer.add(place.indent, f"t{number}(now() - t)")

    def _guarded(self, node: str, call: str, result: str, step: Step, indent: int) -> None:
        """Write a call, caught where the node's error policy is not to fail."""
        if self.nodes[node].options.error == "fail":
            self.writer.mark(self.writer.add(indent, call), step)
            return
        self.writer.add(indent, "try:")
        self.writer.mark(self.writer.add(indent + 1, call), step)
        handler = f"{result} = failed({step.failed}, {node!r}, error, {step.variable})"
        self.writer.add(indent, f"except Exception as error: {handler}")

    def _drain(self, node: str, step: Step, indent: int) -> int | None:
        """Hand on what the call emitted through its context, before what it returned."""
        if node not in self.emits:
            return None
        number = self.numbers[node]
        wait = "await " * self.awaits(node, calls=False)
        line = self.writer.add(indent, f"if e{number}: {wait}d{number}()")
        self.writer.mark(line, step)
        return line

    def _call_generator(
        self, node: str, port: str, step: Step, arrived: Terms, place: Place
    ) -> None:
        number, result, kind = self.numbers[node], self._variable(), self.nodes[node].shape.kind
        yielded, lost = self.counter(), step.lost
        call = f"p{number}({self._arguments(node, port, step.variable)})"
        if self._checked:
            call = f"{'timed_async' if kind.is_async else 'timed'}({call}, T{number}.add)"
        add, indent = self.writer.add, place.indent
        generator = f"g{result}"
        self.writer.mark(add(indent, f"{generator} = {call}"), step)
        add(indent, "try:")
        inner = Place(indent + 2, place.loops + 2, "continue")
        if self.nodes[node].options.error == "fail":
            prefix = "async " * kind.is_async
            self.writer.mark(add(indent + 1, f"{prefix}for {result} in {generator}:"), step)
        else:
            self._next(node, generator, result, step, indent + 1)
        add(inner.indent, f"C[{yielded}] += 1")
        self._drain(node, step, inner.indent)
        item = Item(result, self.writer.next_line - 1, ((1, yielded),))
        self._result(node, item, inner, step.failed)
        close = f"await {generator}.aclose()" if kind.is_async else f"{generator}.close()"
        add(indent, f"finally: {close}")
        self._drain(node, step, indent)
        del lost, arrived

    def _next(self, node: str, generator: str, result: str, step: Step, indent: int) -> None:
        """Write a loop that catches what the generator raises, and only that."""
        add = self.writer.add
        is_async = self.nodes[node].shape.kind.is_async
        following = f"await anext({generator})" if is_async else f"next({generator})"
        stop = "StopAsyncIteration" if is_async else "StopIteration"
        add(indent, "more = True")
        add(indent, "while more:")
        add(indent + 1, "try:")
        self.writer.mark(add(indent + 2, f"{result} = {following}"), step)
        add(indent + 1, f"except {stop}: break")
        add(indent + 1, "except Exception as error:")
        add(indent + 2, "more = False")
        handler = f"{result} = failed({step.failed}, {node!r}, error, {step.variable})"
        add(indent + 2, handler)

    def _result(self, node: str, item: Item, place: Place, failed: int | None = None) -> None:
        """Write what happens to what a node gave."""
        outputs = self.nodes[node].outputs
        if not outputs:
            return
        place, item = self._unless_none(node, item, place, failed)
        if list(outputs) == ["out"]:
            self._deliver(node, "out", item, place)
            return
        self._dispatch(node, item, place)

    def _unless_none(
        self, node: str, item: Item, place: Place, failed: int | None
    ) -> tuple[Place, Item]:
        none = self.counter()
        terms: Terms = ((1, none),)
        if failed is not None and self.nodes[node].options.error == "skip":
            terms = (*terms, (-1, failed))  # a skipped item comes as None too
        if self.nodes[node].shape.outputs:  # a sink's None is no loss
            self._record(self.ledger.losses.append, Loss(node, "filtered", terms))
        left = Item(item.variable, item.line, (*item.terms, (-1, none)))
        self.writer.add(place.indent, f"if {item.variable} is None:")
        self.writer.add(place.indent + 1, f"C[{none}] += 1")
        if place.leave is not None:
            self.writer.add(place.indent + 1, place.leave)
            return place, left
        self.writer.add(place.indent, "else:")
        return place.inner(), left

    def _dispatch(self, node: str, item: Item, place: Place) -> None:
        """Tell by `Out` to which port an item goes."""
        add, indent, variable = self.writer.add, place.indent, item.variable
        port_variable = f"{variable}_port"
        add(indent, f"if {variable}.__class__ is Out:")
        add(indent + 1, f"{port_variable} = {variable}.port")
        add(indent + 1, f"{variable} = {variable}.value")
        add(indent, f"else: {port_variable} = 'out'")
        word = "if"
        for port in self.nodes[node].outputs:
            add(indent, f"{word} {port_variable} == {port!r}:")
            sent = self.counter()
            # The item counts as assigned here, not above: a branch of this `if`
            # that is not taken has not missed it.
            line = add(indent + 1, f"C[{sent}] += 1")
            inner = place.inner(leave=place.leave)
            self._deliver(node, port, Item(variable, line, ((1, sent),)), inner)
            word = "elif"
        failed = self.counter()
        line = add(indent, f"else: no_port({node!r}, {port_variable})")
        step = Step(line, line, node, variable, calls=True, failed=failed, lost=failed)
        self.writer.mark(line, step)
        self._record(self.ledger.failures.append, (node, ((1, failed),)))

    def _deliver(self, node: str, port: str, item: Item, place: Place) -> None:
        """Hand an item to everything that its port is connected to."""
        self._record(self.ledger.emissions[node, port].append, item.terms)
        consumers = self.consumers.get((node, port), [])
        if not consumers:
            self._record(self.ledger.losses.append, Loss(node, "unconnected", item.terms))
            self.writer.add(place.indent, "pass")
            return
        if self._join(consumers, item, place):
            return
        for consumer in consumers[:-1]:
            self._hand(node, consumer, item, Place(place.indent, place.loops, None))
        self._hand(node, consumers[-1], item, place)

    def _hand(self, node: str, consumer: Consumer, item: Item, place: Place) -> None:
        if consumer.fused and consumer.edge is not None:
            self._call(_target(consumer), consumer.edge.target_port, consumer.edge, item, place)
            return
        if consumer.awaits:
            text = f"if not s{consumer.name}({item.variable}): await w{consumer.name}"
            text = f"{text}({item.variable})"
        else:
            text = f"s{consumer.name}({item.variable})"
        line = self.writer.add(place.indent, text)
        step = Step(line, item.line, node, item.variable, consumer.edge, link=consumer.link)
        self.writer.mark(line, step)

    def _join(self, consumers: list[Consumer], item: Item, place: Place) -> bool:
        """Write branches that meet in a zip: side by side, and the tuple in place.

        Only where each branch is a chain of plain calls, so that each gives one
        value, or None, for the item.
        """
        branches = [self._chain(consumer) for consumer in consumers]
        ends = {branch[-1].target for branch in branches if branch}
        if len(consumers) < 2 or len(ends) != 1 or not all(branches):
            return False
        merge = ends.pop()
        ports = [branch[-1].target_port for branch in branches if branch]
        if sorted(ports) != sorted(self.nodes[merge].shape.inputs) or self._fed[merge] > len(ports):
            return False
        arrived: dict[str, Item] = {}
        for branch in branches:
            if branch:
                arrived[branch[-1].target_port] = self._branch(branch, item, place.indent)
        self._zip(merge, [e[-1] for e in branches if e], arrived, item, place)
        return True

    def _chain(self, consumer: Consumer) -> list[Edge] | None:
        """Edges from a fan-out to a zip, through nodes that give one value for one item."""
        edges: list[Edge] = []
        while consumer.fused and consumer.edge is not None:
            edges.append(consumer.edge)
            target = self.nodes[consumer.edge.target]
            if isinstance(target.node, Zip):
                return edges
            following = self.consumers.get((target.id, "out"), [])
            simple = (
                target.shape.kind in (Kind.PLAIN, Kind.ASYNC)
                and target.options.error == "fail"
                and list(target.outputs) == ["out"]
                and target.id not in self.emits
                and self._fed[target.id] == 1
                and len(following) == 1
            )
            if not simple:
                return None
            consumer = following[0]
        return None

    def _branch(self, edges: list[Edge], item: Item, indent: int) -> Item:
        """Write one branch; its variable is None where a node filtered the item."""
        for edge in edges[:-1]:
            node, result = edge.target, self._variable()
            missed, failed, lost, none = (self.counter() for _ in range(4))
            if edge is not edges[0]:
                self.writer.add(indent, f"{result} = None")
                self.writer.add(indent, f"if {item.variable} is not None:")
                indent += 1
            number, shape = self.numbers[node], self.nodes[node].shape
            arguments = self._arguments(node, edge.target_port, item.variable)
            call = f"{result} = {'await ' * shape.kind.is_async}p{number}({arguments})"
            line = self.writer.next_line + self._checked
            step = Step(
                line, item.line, node, item.variable, edge, True, failed, lost, missed
            )
            arrived = (*item.terms, (-1, missed))
            self._timed(
                number, Place(indent, 0, None), lambda at, c=call, s=step: self._mark_at(at, c, s)
            )
            self.writer.add(indent, f"if {result} is None: C[{none}] += 1")
            record = self._record
            record(self.ledger.deliveries.append, Delivery(node, edge, item.terms, arrived))
            record(self.ledger.failures.append, (node, ((1, failed),)))
            record(self.ledger.losses.append, Loss(node, "filtered", ((1, none),)))
            terms = (*arrived, (-1, failed), (-1, lost), (-1, none))
            record(self.ledger.emissions[node, "out"].append, terms)
            item = Item(result, line, terms)
        return item

    def _mark_at(self, indent: int, text: str, step: Step) -> None:
        self.writer.mark(self.writer.add(indent, text), step)

    def _zip(
        self, merge: str, edges: list[Edge], arrived: dict[str, Item], item: Item, place: Place
    ) -> None:
        ports = list(self.nodes[merge].shape.inputs)
        values = [arrived[port] for port in ports]
        number, result = self.numbers[merge], self._variable()
        names = ", ".join(value.variable for value in values)
        waiting = " or ".join(f"q{number}_{index}" for index in range(len(ports)))
        absent = " or ".join(f"{value.variable} is None" for value in values)
        self.writer.add(place.indent, f"if {absent} or {waiting}:")
        line = self.writer.add(place.indent + 1, f"{result} = join{number}({names})")
        failed = self.counter()
        for edge in edges:
            value, missed = arrived[edge.target_port], self.counter()
            step = Step(line, value.line, merge, value.variable, edge, True, failed, failed, missed)
            self.writer.mark(line, step)
            received = (*value.terms, (-1, missed))
            delivery = Delivery(merge, edge, value.terms, received)
            self._record(self.ledger.deliveries.append, delivery)
        self.writer.add(place.indent, f"else: {result} = ({names})")
        joined = Item(result, line, (*item.terms, (-1, failed)))
        self._result(merge, joined, place)


def _target(consumer: Consumer) -> str:
    return consumer.edge.target if consumer.edge is not None else ""


def _count_feeders(consumers: Consumers) -> dict[str, int]:
    """Fused edges into each node."""
    found: dict[str, int] = {}
    for edges in consumers.values():
        for consumer in edges:
            if consumer.fused:
                found[_target(consumer)] = found.get(_target(consumer), 0) + 1
    return _Counts(found)


class _Counts(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 0
