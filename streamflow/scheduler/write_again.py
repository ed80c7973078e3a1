"""Code generation for nodes with a `Retry`: the call as ever, and one more line for its failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamflow.scheduler.chunk import Step
from streamflow.scheduler.place import Item, Place

if TYPE_CHECKING:
    from streamflow.scheduler.emit import Emitter


def write_call(
    emitter: Emitter, port: str, step: Step, result: str, indent: int, call: str, twin: str
) -> None:
    """Write a plain or async call, whose result goes to a variable.

    Args:
        emitter: who writes.
        port: the node's input port.
        step: for the lines of the call.
        result: the variable.
        indent: depth of indentation.
        call: the statement that makes the call.
        twin: the same, timed.
    """
    start = _write_start(emitter, step.node, result, indent)
    _write_try(emitter, port, step, result, indent, start, call, twin)


def write_generator(emitter: Emitter, port: str, step: Step, place: Place) -> None:
    """Write a call of a generator, what it yields gathered first and handed on then."""
    add, result, indent = emitter.writer.add, emitter.fresh(), place.indent
    node, number, gathered = step.node, emitter.numbers[step.node], f"b{result}"
    is_async, yielded = emitter.nodes[node].shape.kind.is_async, emitter.ledger.counter()
    emitter.writer.uses(f"gather{number}")
    call = emitter.call(node, port, step.variable)
    start = _write_start(emitter, node, result, indent)
    timed = f"{'timed_async' if is_async else 'timed'}({call}, T{number})"
    gather = f"{gathered} = {'await ' * is_async}gather{number}"
    _write_try(
        emitter,
        port,
        step,
        gathered,
        indent,
        start,
        f"{gather}({call}, {start})",
        f"{gather}({timed}, {start})",
    )
    emitter._drain(node, step, indent)
    add(indent, f"for {result} in {gathered}:")
    line = add(indent + 1, f"C[{yielded}] += 1")
    item = Item(result, line, emitter.ledger.flow(plus=(yielded,)))
    emitter.result(node, item, Place(indent + 1, place.loops + 1, "continue"), step.failed)


def _write_start(emitter: Emitter, node: str, result: str, indent: int) -> str:
    """The expression for how much the node's context holds before the call."""
    if node not in emitter.emits:
        return "0"
    emitter.writer.add(indent, f"k{result} = len(e{emitter.numbers[node]})")
    return f"k{result}"


def _write_try(
    emitter: Emitter,
    port: str,
    step: Step,
    target: str,
    indent: int,
    start: str,
    call: str,
    twin: str,
) -> None:
    add, node = emitter.writer.add, step.node
    arguments = [str(step.failed), "error", start, step.variable]
    if emitter.nodes[node].shape.takes_port:
        arguments.append(repr(port))
    again = f"await again{emitter.numbers[node]}({', '.join(arguments)})"
    add(indent, "try:")
    emitter.writer.mark(step, add(indent + 1, call, twin))
    emitter.writer.mark(step, add(indent, f"except Exception as error: {target} = {again}"))
    emitter._stop_clock()
