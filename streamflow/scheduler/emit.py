"""Code generation: a segment as Python functions, one item at a time.

``x1 = p0(x0)`` calls a node; the next line hands the result on. Branches follow
each other, None leaves, generators become loops. A node that several branches
of the segment feed becomes a function of its own, and so does what would nest
too deep: CPython allows 20 nested blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from streamflow.graph import Edge, GraphNode
from streamflow.node import Kind
from streamflow.scheduler.chunk import Step, Writer
from streamflow.scheduler.join import write_join
from streamflow.scheduler.ledger import Delivery, Ledger, Loss, Terms
from streamflow.scheduler.place import Consumer, Consumers, Item, Place, count_feeders

MAX_LOOPS: Final = 8
MAX_INDENT: Final = 20


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
        self.fed = count_feeders(consumers)
        self._awaits: dict[tuple[str, bool], bool] = {}
        self.checked = False
        self._replay: list[int] | None = None
        self._made: list[int] = []
        self._last = 0
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
        root = self.counter()
        for name, checked in (("fast", False), ("checked", True)):
            self.checked, self._last = checked, 0
            self._replay = self._made[1:] if checked else None
            self._function(name, node, port, edge, root)
        return self.awaits(node, calls=port is not None)

    def _function(
        self, name: str, node: str, port: str | None, edge: Edge | None, root: int
    ) -> None:
        write, is_async = self.writer.add, self.awaits(node, calls=port is not None)
        write(0, f"{'async ' * is_async}def {name}(items):")
        write(1, "n = 0")
        write(1, "try:")
        line = write(2, "for x0 in items:")
        self.writer.mark(line, Step(line, 0, node, "", calls=True, failed=self.counter()))
        if port is None and not self.checked:
            self.ledger.failures.append((node, ((1, self.writer.steps[line].failed),)))
        write(3, "n += 1")
        if is_async:
            # Its item may be in hand for long: counted now, a report shows it.
            write(3, f"C[{root}] += 1")
            write(3, "if gate.closed: await passage()")
        place = Place(3, 2, "continue")
        item = Item("x0", line, ((1, root),))
        if port is None:
            self.result(node, item, place)
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
        return f"{'checked_' * self.checked}n{self.numbers[node]}_{number}"

    def counter(self) -> int:
        """A new counter; when the timed twin is written, the same again."""
        if self._replay is not None:
            return self._replay.pop(0)
        self._made.append(self.ledger.counter())
        return self._made[-1]

    def record(self, kind: Callable[[Any], None], value: Any) -> None:
        """Note what a counter means."""
        # The twin writes the same counters, so what they mean is noted once.
        if self._replay is None:
            kind(value)

    def fresh(self) -> str:
        """A new name for a variable."""
        self._last += 1
        return f"x{self._last}"

    def awaits(self, node: str, *, calls: bool = True) -> bool:
        """Whether processing an item from a node on has to await anything."""
        key = (node, calls)
        if key not in self._awaits:
            self._awaits[key] = calls and self.nodes[node].shape.kind.is_async
            for port in self.nodes[node].outputs:
                for consumer in self.consumers.get((node, port), ()):
                    target = consumer.target
                    if consumer.awaits or (target is not None and self.awaits(target)):
                        self._awaits[key] = True
        return self._awaits[key]

    def _call(self, node: str, port: str, edge: Edge | None, item: Item, place: Place) -> None:
        """Hand an item to a node: in place, or through a function of the node's own."""
        deep = place.loops >= MAX_LOOPS or place.indent >= MAX_INDENT
        if self.fed[node] < 2 and not deep:
            self._call_here(node, port, edge, item, place)
            return
        missed = self.counter()
        wait = "await " * self.awaits(node)
        text = f"{wait}{self._sub_name(node, port)}({item.variable})"
        line = self.writer.add(place.indent, text)
        step = Step(line, item.line, node, item.variable, edge, missed=missed)
        self.writer.mark(line, step)
        arrived = (*item.terms, (-1, missed))
        self.record(self.ledger.deliveries.append, Delivery(node, edge, item.terms, arrived))
        self._subs[node, port] = (*self._subs.get((node, port), ()), *arrived)

    def _call_here(self, node: str, port: str, edge: Edge | None, item: Item, place: Place) -> None:
        missed, failed, lost = self.counter(), self.counter(), self.counter()
        is_sub = item.variable == "x"
        arrived = item.terms if is_sub else (*item.terms, (-1, missed))
        if not is_sub:
            delivery = Delivery(node, edge, item.terms, arrived)
            self.record(self.ledger.deliveries.append, delivery)
        self.record(self.ledger.failures.append, (node, ((1, failed),)))
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

    def arguments(self, node: str, port: str, variable: str) -> str:
        """What `process` is called with."""
        return f"{variable}, {port!r}" if self.nodes[node].shape.takes_port else variable

    def _call_plain(self, node: str, port: str, step: Step, arrived: Terms, place: Place) -> None:
        number, result = self.numbers[node], self.fresh()
        wait = "await " * self.nodes[node].shape.kind.is_async
        call = f"{result} = {wait}p{number}({self.arguments(node, port, step.variable)})"
        self.timed(number, place, lambda indent: self._guarded(node, call, result, step, indent))
        if self.checked:
            self.writer.add(
                place.indent, f"if {result}.__class__ in odd{number}: odd({number}, {result})"
            )
        line = self._drain(node, step, place.indent) or step.line
        terms = (*arrived, (-1, step.lost))
        if self.nodes[node].options.error == "fail":
            terms = (*terms, (-1, step.failed))
        self.result(node, Item(result, line, terms), place, step.failed)

    def timed(self, number: int, place: Place, write: Callable[[int], None]) -> None:
        """Write a call, between two looks at the time in the twin that is timed."""
        if self.checked:
            self.writer.add(place.indent, "t = now()")
        write(place.indent)
        if self.checked:
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
        number, result, kind = self.numbers[node], self.fresh(), self.nodes[node].shape.kind
        yielded = self.counter()
        call = f"p{number}({self.arguments(node, port, step.variable)})"
        if self.checked:
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
        self.result(node, item, inner, step.failed)
        close = f"await {generator}.aclose()" if kind.is_async else f"{generator}.close()"
        add(indent, f"finally: {close}")
        self._drain(node, step, indent)

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

    def result(self, node: str, item: Item, place: Place, failed: int | None = None) -> None:
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
            self.record(self.ledger.losses.append, Loss(node, "filtered", terms))
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
        self.record(self.ledger.failures.append, (node, ((1, failed),)))

    def _deliver(self, node: str, port: str, item: Item, place: Place) -> None:
        """Hand an item to everything that its port is connected to."""
        self.record(self.ledger.emissions[node, port].append, item.terms)
        consumers = self.consumers.get((node, port), [])
        if not consumers:
            self.record(self.ledger.losses.append, Loss(node, "unconnected", item.terms))
            self.writer.add(place.indent, "pass")
            return
        if write_join(self, consumers, item, place):
            return
        for consumer in consumers[:-1]:
            self._hand(node, consumer, item, Place(place.indent, place.loops, None))
        self._hand(node, consumers[-1], item, place)

    def _hand(self, node: str, consumer: Consumer, item: Item, place: Place) -> None:
        if consumer.target is not None and consumer.edge is not None:
            self._call(consumer.target, consumer.edge.target_port, consumer.edge, item, place)
            return
        if consumer.awaits:
            text = f"if not s{consumer.name}({item.variable}): await w{consumer.name}"
            text = f"{text}({item.variable})"
        else:
            text = f"s{consumer.name}({item.variable})"
        line = self.writer.add(place.indent, text)
        step = Step(line, item.line, node, item.variable, consumer.edge, link=consumer.link)
        self.writer.mark(line, step)
