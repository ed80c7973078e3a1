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
    if len(consumers) < 2:
        return False
    branches = [edges for edges in (_chain(emitter, c) for c in consumers) if edges]
    merges = {edges[-1].target for edges in branches}
    if len(branches) < len(consumers) or len(merges) != 1:
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
            and target.options.retry is None
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
    results = [emitter.fresh() for _ in edges[:-1]]
    for result in results[1:]:
        emitter.writer.add(indent, f"{result} = None")
    for edge, result in zip(edges, results, strict=False):
        if edge is not edges[0]:
            emitter.writer.add(indent, f"if {item.variable} is not None:")
            indent += 1
        item = _write_call(emitter, edge, item, result, indent)
    return item


def _write_call(emitter: Emitter, edge: Edge, item: Item, result: str, indent: int) -> Item:
    node, ledger = edge.target, emitter.ledger
    missed, failed, lost, none = (ledger.counter() for _ in range(4))
    wait = "await " * emitter.nodes[node].shape.kind.is_async
    call = emitter.call(node, edge.target_port, item.variable)
    call = f"{result} = {wait}{call}"
    line = emitter.writer.add(indent, call, emitter.timed(node, call, result))
    emitter.writer.mark(
        Step(line, item.line, node, item.variable, edge, True, failed, lost, missed)
    )
    emitter.writer.add(indent, f"if {result} is None: C[{none}] += 1")
    arrived = ledger.flow(item.flow, minus=(missed,))
    ledger.deliveries.append(Delivery(node, edge, item.flow, arrived))
    ledger.failures.append((node, failed))
    ledger.losses.append(Loss(node, "filtered", ledger.flow(plus=(none,))))
    emitted = ledger.flow(arrived, minus=(failed, lost, none))
    ledger.emissions.append((node, emitted))
    return Item(result, line, emitted)


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
    queues = [f"q{number}_{index}" for index in range(len(ports))]
    for queue in queues:
        emitter.writer.uses(queue)
    kept = " or ".join(queues)
    emitter.writer.add(place.indent, f"if {absent} or {kept}:")
    line = emitter.writer.add(place.indent + 1, f"{result} = join{number}({names})")
    ledger = emitter.ledger
    failed = ledger.counter()
    ledger.failures.append((merge, failed))
    # What broke off in a branch has not come here, and made no pair.
    abandoned = ledger.counter()
    emitter.writer.mark(Step(line, item.line, merge, item.variable, missed=abandoned))
    for edge in edges:
        value, missed = values[edge.target_port], ledger.counter()
        emitter.writer.mark(
            Step(line, value.line, merge, value.variable, edge, True, failed, failed, missed)
        )
        received = ledger.flow(value.flow, minus=(missed,))
        ledger.deliveries.append(Delivery(merge, edge, value.flow, received))
    emitter.writer.add(place.indent, f"else: {result} = ({names})")
    emitter.result(
        merge, Item(result, line, ledger.flow(item.flow, minus=(failed, abandoned))), place
    )
