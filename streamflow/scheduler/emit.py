"""Code generation: a segment as Python functions, one item at a time.

``x1 = p0(x0)`` calls a node; the next line hands the result on. Branches follow
each other, None leaves, generators become loops. A node that several branches
of the segment feed becomes a function of its own, and so does what would nest
too deep: CPython allows 20 nested blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streamflow.graph import Edge, GraphNode
from streamflow.scheduler.chunk import Step, Writer
from streamflow.scheduler.join import write_join
from streamflow.scheduler.ledger import Delivery, FlowId, Ledger, Loss
from streamflow.scheduler.place import Consumer, Consumers, Item, Place, count_feeders
from streamflow.scheduler.write_again import write_call, write_generator

MAX_LOOPS: Final = 8
MAX_INDENT: Final = 20


class Emitter:
    """Writes the functions of one entry into a segment.

    Args:
        nodes: the segment's nodes, by id, in topological order.
        consumers: what each port is connected to.
        ledger: where counters come from.
        emits: ids of nodes that may emit through their context.
        methods: ids of nodes whose `process` is called as a plain method,
            ``p0(o0, x)``: cheaper than by a bound one.

    Attributes:
        writer: where lines go.
        numbers: node id → its number in generated names.
        fed: node id → how many fused edges enter it.
    """

    def __init__(
        self,
        nodes: Mapping[str, GraphNode],
        consumers: Consumers,
        ledger: Ledger,
        emits: frozenset[str],
        methods: frozenset[str],
    ) -> None:
        self.nodes, self.consumers, self.ledger = nodes, consumers, ledger
        self.emits, self._methods = emits, methods
        self.writer = Writer()
        self.numbers = {id: number for number, id in enumerate(nodes)}
        self.fed = count_feeders(consumers)
        self._awaits: dict[tuple[str, bool], bool] = {}
        self._last = 0
        self._clocked = False
        self._subs: dict[tuple[str, str], list[FlowId]] = {}

    def entry(self, node: str, port: str | None, edge: Edge | None, *, counted: bool) -> int:
        """Write ``run(items)``.

        Args:
            node: where items enter.
            port: the input port; None if the items are what the node emits.
            edge: the edge they come over, if any.
            counted: whether the caller knows how many there are, and counts them
                where the function is no coroutine function.

        Returns:
            Counter of the items that came in.
        """
        root, is_async = self.ledger.counter(), self.awaits(node, calls=port is not None)
        self.writer.begin(f"{'async ' * is_async}def run", "items")
        self._stop_clock()
        add = self.writer.add
        if not counted:
            add(1, "n = 0")
            add(1, "try:")
        indent = 1 if counted else 2
        line = add(indent, "for x0 in items:")
        if port is None:
            failed = self.ledger.counter()
            self.ledger.failures.append((node, failed))
            self.writer.mark(Step(line, 0, node, "", calls=True, failed=failed, lost=failed))
        if not counted:
            add(indent + 1, "n += 1")
        if is_async:
            # An item may be in hand for long: counted now, a report shows it.
            add(indent + 1, f"C[{root}] += 1")
            add(indent + 1, "if gate.closed: await passage()")
        item = Item("x0", line, self.ledger.flow(plus=(root,)))
        place = Place(indent + 1, indent, "continue")
        if port is None:
            self.result(node, item, place)
        else:
            self._call(node, port, edge, item, place)
        if not counted:
            add(1, "finally: " + ("pass" if is_async else f"C[{root}] += n"))
            add(1, "return n")
        self.writer.end()
        self._write_subs()
        return root

    def _write_subs(self) -> None:
        while self._subs:
            # Whoever calls a sub comes before it in topological order, so its
            # flow is complete when its turn comes.
            node, port = min(self._subs, key=lambda key: self.numbers[key[0]])
            feeders = self._subs.pop((node, port))
            line = self.writer.begin(
                f"{'async ' * self.awaits(node)}def {self._sub_name(node, port)}", "x"
            )
            self._stop_clock()
            item = Item("x", line, self.ledger.flow(*feeders))
            self._call_here(node, port, None, item, Place(1, 0, "return"))
            self.writer.add(1, "return")
            self.writer.end()

    def _sub_name(self, node: str, port: str) -> str:
        return f"n{self.numbers[node]}_{list(self.nodes[node].shape.inputs).index(port)}"

    def fresh(self) -> str:
        """A new name for a variable."""
        self._last += 1
        return f"x{self._last}"

    def awaits(self, node: str, *, calls: bool = True) -> bool:
        """Whether processing an item from a node on has to await anything."""
        key = (node, calls)
        if key not in self._awaits:
            # A retry waits before it calls again.
            waits = self.nodes[node].shape.kind.is_async or self.nodes[node].options.retry
            self._awaits[key] = (calls and bool(waits)) or any(
                consumer.awaits or (consumer.target is not None and self.awaits(consumer.target))
                for port in self.nodes[node].outputs
                for consumer in self.consumers.get((node, port), ())
            )
        return self._awaits[key]

    def call(self, node: str, port: str, variable: str) -> str:
        """The expression that calls a node with an item."""
        number = self.numbers[node]
        self.writer.uses(f"p{number}")
        arguments = [variable]
        if node in self._methods:
            self.writer.uses(f"o{number}")
            arguments.insert(0, f"o{number}")
        if self.nodes[node].shape.takes_port:
            arguments.append(repr(port))
        return f"p{number}({', '.join(arguments)})"

    def timed(self, node: str, call: str, result: str) -> str:
        """The statement of a call between two looks at the time, and a look at its result.

        Calls in a row share the look between them. What is written between two
        calls but a test for None stops the clock: see `_stop_clock`.
        """
        number, start = self.numbers[node], "" if self._clocked else "t = now(); "
        self._clocked = True
        return (
            f"{start}{call}; u = now(); t{number}(u - t); t = u; "
            f"{result}.__class__ in odd{number} and odd({number}, {result})"
        )

    def _stop_clock(self) -> None:
        self._clocked = False

    def _call(self, node: str, port: str, edge: Edge | None, item: Item, place: Place) -> None:
        """Hand an item to a node: in place, or through a function of the node's own."""
        deep = place.loops >= MAX_LOOPS or place.indent >= MAX_INDENT
        if self.fed[node] < 2 and not deep:
            self._call_here(node, port, edge, item, place)
            return
        missed, name = self.ledger.counter(), self._sub_name(node, port)
        self.writer.uses(name)
        line = self.writer.add(
            place.indent, f"{'await ' * self.awaits(node)}{name}({item.variable})"
        )
        self._stop_clock()
        self.writer.mark(Step(line, item.line, node, item.variable, edge, missed=missed))
        arrived = self.ledger.flow(item.flow, minus=(missed,))
        self.ledger.deliveries.append(Delivery(node, edge, item.flow, arrived))
        self._subs.setdefault((node, port), []).append(arrived)

    def _call_here(self, node: str, port: str, edge: Edge | None, item: Item, place: Place) -> None:
        ledger = self.ledger
        failed, lost, missed = ledger.counter(), ledger.counter(), -1
        if item.variable != "x":  # that of a sub has been delivered where it was called
            missed = ledger.counter()
            arrived = ledger.flow(item.flow, minus=(missed,))
            ledger.deliveries.append(Delivery(node, edge, item.flow, arrived))
            item = Item(item.variable, item.line, arrived)
        ledger.failures.append((node, failed))
        step = Step(
            self.writer.next_line,
            item.line,
            node,
            item.variable,
            edge,
            calls=True,
            failed=failed,
            lost=lost,
            missed=missed,
        )
        if self.nodes[node].shape.kind.is_generator:
            # What it was given says nothing of what it yields: that is counted.
            if self.nodes[node].options.retry is None:
                self._call_generator(node, port, step, place)
            else:
                write_generator(self, port, step, place)
        else:
            self._call_function(node, port, step, item.flow, place)

    def _call_function(
        self, node: str, port: str, step: Step, arrived: FlowId, place: Place
    ) -> None:
        add, result, options = self.writer.add, self.fresh(), self.nodes[node].options
        wait = "await " * self.nodes[node].shape.kind.is_async
        call = f"{result} = {wait}{self.call(node, port, step.variable)}"
        twin = self.timed(node, call, result)
        minus = (step.lost, step.failed) if options.error == "fail" else (step.lost,)
        if options.retry is not None:
            write_call(self, port, step, result, place.indent, call, twin)
        elif options.error == "fail":
            self.writer.mark(step, add(place.indent, call, twin))
        else:
            add(place.indent, "try:")
            self.writer.mark(step, add(place.indent + 1, call, twin))
            add(place.indent, f"except Exception as error: {self._handler(node, result, step)}")
            self._stop_clock()
        line = self._drain(node, step, place.indent) or step.line
        item = Item(result, line, self.ledger.flow(arrived, minus=minus))
        self.result(node, item, place, step.failed)

    def _handler(self, node: str, result: str, step: Step) -> str:
        return f"{result} = failed({step.failed}, {node!r}, error, {step.variable})"

    def _drain(self, node: str, step: Step, indent: int) -> int | None:
        """Hand on what the call emitted through its context, before what it returned."""
        if node not in self.emits:
            return None
        number = self.numbers[node]
        wait = "await " * self.awaits(node, calls=False)
        line = self.writer.add(indent, f"if e{number}: {wait}d{number}()")
        self.writer.mark(step, line)
        self._stop_clock()
        return line

    def _call_generator(self, node: str, port: str, step: Step, place: Place) -> None:
        add, indent, result = self.writer.add, place.indent, self.fresh()
        is_async, yielded = self.nodes[node].shape.kind.is_async, self.ledger.counter()
        generator = f"g{result}"
        call = self.call(node, port, step.variable)
        timed = f"{'timed_async' if is_async else 'timed'}({call}, T{self.numbers[node]})"
        line = add(indent, f"{generator} = {call}", f"{generator} = {timed}")
        self.writer.mark(step, line)
        add(indent, "try:")
        inner = Place(indent + 2, place.loops + 2, "continue")
        if self.nodes[node].options.error == "fail":
            loop = f"{'async ' * is_async}for {result} in {generator}:"
            self.writer.mark(step, add(indent + 1, loop))
        else:
            self._next(node, generator, result, step, indent + 1)
        self._stop_clock()
        line = add(inner.indent, f"C[{yielded}] += 1")
        line = self._drain(node, step, inner.indent) or line
        item = Item(result, line, self.ledger.flow(plus=(yielded,)))
        self.result(node, item, inner, step.failed)
        close = f"await {generator}.aclose()" if is_async else f"{generator}.close()"
        add(indent, f"finally: {close}")
        self._stop_clock()
        self._drain(node, step, indent)

    def _next(self, node: str, generator: str, result: str, step: Step, indent: int) -> None:
        """Write a loop that catches what the generator raises, and only that."""
        add = self.writer.add
        is_async = self.nodes[node].shape.kind.is_async
        following = f"await anext({generator})" if is_async else f"next({generator})"
        add(indent, "more = True")
        add(indent, "while more:")
        add(indent + 1, "try:")
        self.writer.mark(step, add(indent + 2, f"{result} = {following}"))
        add(indent + 1, f"except Stop{'Async' * is_async}Iteration: break")
        add(indent + 1, "except Exception as error:")
        add(indent + 2, "more = False")
        add(indent + 2, self._handler(node, result, step))

    def result(self, node: str, item: Item, place: Place, failed: int | None = None) -> None:
        """Write what happens to what a node gave.

        Args:
            node: who gave it.
            item: what it gave.
            place: where.
            failed: counter of items it failed on, which may come as None.
        """
        outputs = self.nodes[node].outputs
        if not outputs:
            return
        place, item = self._unless_none(node, item, place, failed)
        if list(outputs) == ["out"]:
            self._deliver(node, "out", item, place)
        else:
            self._dispatch(node, item, place)

    def _unless_none(
        self, node: str, item: Item, place: Place, failed: int | None
    ) -> tuple[Place, Item]:
        ledger, add = self.ledger, self.writer.add
        none = ledger.counter()
        skips = failed is not None and self.nodes[node].options.error == "skip"
        if self.nodes[node].shape.outputs:  # a sink's None is no loss
            # A skipped item comes as None, too.
            lost = ledger.flow(plus=(none,), minus=(failed,) if skips and failed else ())
            ledger.losses.append(Loss(node, "filtered", lost))
        left = Item(item.variable, item.line, ledger.flow(item.flow, minus=(none,)))
        add(place.indent, f"if {item.variable} is None:")
        add(place.indent + 1, f"C[{none}] += 1")
        if place.leave is not None:
            add(place.indent + 1, place.leave)
            return place, left
        add(place.indent, "else:")
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
            self._stop_clock()
            sent = self.ledger.counter()
            # The item counts as assigned here, not above: a branch of this `if`
            # that is not taken has not missed it.
            line = add(indent + 1, f"C[{sent}] += 1")
            sent_item = Item(variable, line, self.ledger.flow(plus=(sent,)))
            self._deliver(node, port, sent_item, place.inner(leave=place.leave))
            word = "elif"
        self._stop_clock()
        failed = self.ledger.counter()
        line = add(indent, f"else: no_port({node!r}, {port_variable})")
        self.writer.mark(Step(line, line, node, variable, calls=True, failed=failed, lost=failed))
        self.ledger.failures.append((node, failed))

    def _deliver(self, node: str, port: str, item: Item, place: Place) -> None:
        """Hand an item to everything that its port is connected to."""
        self.ledger.emissions.append((node, item.flow))
        consumers = self.consumers.get((node, port), [])
        if not consumers:
            self.ledger.losses.append(Loss(node, "unconnected", item.flow))
            self.writer.add(place.indent, "pass")
        elif not write_join(self, consumers, item, place):
            for consumer in consumers[:-1]:
                self._hand(node, consumer, item, Place(place.indent, place.loops, None))
            self._hand(node, consumers[-1], item, place)

    def _hand(self, node: str, consumer: Consumer, item: Item, place: Place) -> None:
        if consumer.target is not None and consumer.edge is not None:
            self._call(consumer.target, consumer.edge.target_port, consumer.edge, item, place)
            return
        name, variable = f"s{consumer.name}", item.variable
        text = f"{name}({variable})"
        if consumer.link is None:
            name, text = "results", f"results.append({variable})"
        elif consumer.awaits:
            text = f"if not {text}: await w{consumer.name}({variable})"
        self.writer.uses(name)
        line = self.writer.add(place.indent, text)
        self.writer.mark(Step(line, item.line, node, variable, consumer.edge, link=consumer.link))
        self._stop_clock()
