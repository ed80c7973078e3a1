"""Joins: branches of one segment that meet in a zip, written side by side.

Where each branch is a chain of plain calls, each gives one value, or None, for
an item; so the tuple can be made in place, and the zip itself is asked only
when a value is missing, or when it has kept one from before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamflow.flow.merge import Zip
from streamflow.graph import Edge
from streamflow.node import Kind
from streamflow.scheduler.chunk import Step
from streamflow.scheduler.ledger import Delivery, Loss
from streamflow.scheduler.place import Consumer, Item, Place

if TYPE_CHECKING:
    from streamflow.scheduler.emit import Emitter


def write_join(emitter: Emitter, consumers: list[Consumer], item: Item, place: Place) -> bool:
    """Write the branches, the zip and what follows it; false if it is no such place.

    Args:
        emitter: who writes.
        consumers: of the port that fans out.
        item: what it emitted.
        place: where.
    """
    branches = [edges for edges in (_chain(emitter, c) for c in consumers) if edges]
    merges = {edges[-1].target for edges in branches}
    if len(branches) < 2 or len(branches) < len(consumers) or len(merges) != 1:
        return False
    merge = merges.pop()
    ports = sorted(edges[-1].target_port for edges in branches)
    if ports != sorted(emitter.nodes[merge].shape.inputs) or emitter.fed[merge] > len(ports):
        return False
    values: dict[str, Item] = {}
    for edges in branches:
        values[edges[-1].target_port] = _write_branch(emitter, edges, item, place.indent)
    _write_zip(emitter, merge, [edges[-1] for edges in branches], values, item, place)
    return True


def _chain(emitter: Emitter, consumer: Consumer) -> list[Edge] | None:
    """Edges from a fan-out to a zip, through nodes that give one value for one item."""
    edges: list[Edge] = []
    while consumer.target is not None and consumer.edge is not None:
        edges.append(consumer.edge)
        target = emitter.nodes[consumer.target]
        if isinstance(target.node, Zip):
            return edges
        following = emitter.consumers.get((target.id, "out"), [])
        simple = (
            target.shape.kind in (Kind.PLAIN, Kind.ASYNC)
            and target.options.error == "fail"
            and list(target.outputs) == ["out"]
            and target.id not in emitter.emits
            and emitter.fed[target.id] == 1
            and len(following) == 1
        )
        if not simple:
            return None
        consumer = following[0]
    return None


def _write_branch(emitter: Emitter, edges: list[Edge], item: Item, indent: int) -> Item:
    """Write the calls of one branch; its variable is None where a node filtered the item."""
    for edge in edges[:-1]:
        result = emitter.fresh()
        if edge is not edges[0]:
            emitter.writer.add(indent, f"{result} = None")
            emitter.writer.add(indent, f"if {item.variable} is not None:")
            indent += 1
        item = _write_call(emitter, edge, item, result, indent)
    return item


def _write_call(emitter: Emitter, edge: Edge, item: Item, result: str, indent: int) -> Item:
    node, ledger, record = edge.target, emitter.ledger, emitter.record
    missed, failed, lost, none = (emitter.counter() for _ in range(4))
    number, shape = emitter.numbers[node], emitter.nodes[node].shape
    arguments = emitter.arguments(node, edge.target_port, item.variable)
    call = f"{result} = {'await ' * shape.kind.is_async}p{number}({arguments})"
    line = emitter.writer.next_line + emitter.checked
    step = Step(line, item.line, node, item.variable, edge, True, failed, lost, missed)

    def write(at: int) -> None:
        emitter.writer.mark(emitter.writer.add(at, call), step)

    emitter.timed(number, Place(indent, 0, None), write)
    emitter.writer.add(indent, f"if {result} is None: C[{none}] += 1")
    arrived = (*item.terms, (-1, missed))
    record(ledger.deliveries.append, Delivery(node, edge, item.terms, arrived))
    record(ledger.failures.append, (node, ((1, failed),)))
    record(ledger.losses.append, Loss(node, "filtered", ((1, none),)))
    terms = (*arrived, (-1, failed), (-1, lost), (-1, none))
    record(ledger.emissions[node, "out"].append, terms)
    return Item(result, line, terms)


def _write_zip(
    emitter: Emitter,
    merge: str,
    edges: list[Edge],
    values: dict[str, Item],
    item: Item,
    place: Place,
) -> None:
    ports = list(emitter.nodes[merge].shape.inputs)
    number, result = emitter.numbers[merge], emitter.fresh()
    names = ", ".join(values[port].variable for port in ports)
    absent = " or ".join(f"{values[port].variable} is None" for port in ports)
    kept = " or ".join(f"q{number}_{index}" for index in range(len(ports)))
    emitter.writer.add(place.indent, f"if {absent} or {kept}:")
    line = emitter.writer.add(place.indent + 1, f"{result} = join{number}({names})")
    failed = emitter.counter()
    emitter.record(emitter.ledger.failures.append, (merge, ((1, failed),)))
    for edge in edges:
        value, missed = values[edge.target_port], emitter.counter()
        step = Step(line, value.line, merge, value.variable, edge, True, failed, failed, missed)
        emitter.writer.mark(line, step)
        received = (*value.terms, (-1, missed))
        delivery = Delivery(merge, edge, value.terms, received)
        emitter.record(emitter.ledger.deliveries.append, delivery)
    emitter.writer.add(place.indent, f"else: {result} = ({names})")
    emitter.result(merge, Item(result, line, (*item.terms, (-1, failed))), place)
