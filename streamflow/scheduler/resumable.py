"""Resumable: which graphs can go on from a checkpoint, and whether one is of this graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from streamflow.errors import CheckpointError
from streamflow.function import FunctionNode
from streamflow.graph import GraphNode
from streamflow.node import Node
from streamflow.scheduler.concurrent import Concurrent
from streamflow.scheduler.plan import Plan

ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


def check_resumable(plan: Plan, directory: str) -> None:
    """Refuse a graph with a node that a checkpoint cannot hold.

    Raises:
        CheckpointError: there is one; it is named, and what it needs.
    """
    for id, node in plan.graph.nodes.items():
        reason = _obstacle(node)
        if reason:
            words = f"node {id!r} ({_type_of(node)}) cannot take part in checkpoints: {reason}"
            raise CheckpointError(directory, words)


def _obstacle(node: GraphNode) -> str:
    """Why a node cannot go on from a checkpoint; "" if it can."""
    instance = node.node
    each = instance.wrapped if isinstance(instance, Concurrent) else instance
    cls = type(each)
    if each.resumable is False:
        return each.why_not_resumable or "it says so of itself (resumable = False)"
    if each.is_streaming:
        return "it takes its input as a stream, and only it knows which items it has used up"
    if each.resumable is None and cls.flush is not Node.flush and not _tells(cls):
        return (
            "it holds something back (it has flush), and has no get_state() and set_state(); "
            "if nothing it holds matters, say resumable = True in the class"
        )
    return ""


def _tells(cls: type[Node]) -> bool:
    return cls.get_state is not Node.get_state


def print_of(plan: Plan) -> dict[str, str]:
    """What a graph is made of, in words: a checkpoint of one is none of another.

    Returns:
        What → how it is, for every node and edge.
    """
    found = {f"node {id!r}": _words(plan, id, node) for id, node in plan.graph.nodes.items()}
    for edge in plan.graph.edges:
        found[f"edge {edge.name}"] = "a link" if edge in plan.borders else "a call"
    return found


def _words(plan: Plan, id: str, node: GraphNode) -> str:
    params = ", ".join(f"{name}={value!r}" for name, value in node.params.items())
    where = plan.home[id].where
    width = f" x {node.options.concurrency}" if node.options.concurrency > 1 else ""
    return ADDRESS.sub("", f"{_type_of(node)}({params}) on {where}{width}")


def _type_of(node: GraphNode) -> str:
    instance = node.node
    each = instance.wrapped if isinstance(instance, Concurrent) else instance
    return each.__name__ if isinstance(each, FunctionNode) else type(each).__qualname__


def check_print(path: str, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Refuse a checkpoint of another graph.

    Raises:
        CheckpointError: it is one; the first difference is named.
    """
    for what in {**there, **here}:
        before, now = there.get(what), here.get(what)
        if before == now:
            continue
        if before is None:
            reason = f"{what} is new"
        elif now is None:
            reason = f"{what} is gone"
        else:
            reason = f"{what} was {before}, and is {now}"
        raise CheckpointError(path, f"it is of another graph: {reason}")
