"""Assignments: what a worker is told to run, in a form that travels."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

from streamflow import pickling
from streamflow.clock import Clock
from streamflow.graph import Edge, Graph, Queue
from streamflow.node import Node
from streamflow.process import Process
from streamflow.scheduler.build import Options
from streamflow.scheduler.part import About
from streamflow.scheduler.plan import Plan


class WarningFilter(NamedTuple):
    """A filter of warnings, as `warnings.filterwarnings` takes it."""

    action: Any
    message: str
    category: Any
    module: str
    lineno: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """A stream that leads from one process to another.

    Attributes:
        number: of its wire.
        name: for errors.
        source: process that it leaves; None for the pipeline's own.
        target: process that it enters; likewise.
        queue: what it holds.
        edge: what it is in the graph; None where it brings inputs to a node, or
            takes to the pipeline's own process what leaves an unconnected port.
        node: where it begins or ends, if it is no edge.
        port: likewise.
        attached: whether it is read from the beginning.
        mends: whether another process may take the place of its target.
    """

    number: int
    name: str
    source: str | None
    target: str | None
    queue: Queue
    edge: Edge | None = None
    node: str = ""
    port: str = ""
    attached: bool = True
    mends: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """Everything that a worker needs to know.

    Attributes:
        about: the execution.
        process: which one it is, with its limits.
        plan: what runs there; its graph has no instances.
        instances: the nodes, pickled.
        crossings: streams that begin or end there.
        clock: how time passes.
        options: how it is built.
        stall_after: seconds after which a node that holds its thread is reported.
        levels: of loggers, by name.
        filters: of warnings.
    """

    about: About
    process: Process
    plan: Plan
    instances: bytes
    crossings: tuple[Crossing, ...]
    clock: Clock
    options: Options
    stall_after: float
    levels: Mapping[str, int]
    filters: tuple[WarningFilter, ...]

    def dumps(self) -> bytes:
        """The assignment as bytes.

        Raises:
            PicklingError: part of it cannot travel; it is named.
        """
        return pickling.dumps(self, "the pipeline's metadata and options")

    @staticmethod
    def loads(data: Any) -> Assignment:
        """What `dumps` gave."""
        loaded: Assignment = pickling.loads(data)
        return loaded


def without_instances(plan: Plan) -> Plan:
    """The plan with nodes that have everything but their instance."""
    nobody = cast("Node", None)  # until `with_instances`
    nodes = {id: replace(node, node=nobody, factory=None) for id, node in plan.graph.nodes.items()}
    return replace(plan, graph=Graph(nodes, plan.graph.edges))


def with_instances(plan: Plan, instances: Mapping[str, Node]) -> Plan:
    """The plan with the instances put in again."""
    nodes = {id: replace(node, node=instances[id]) for id, node in plan.graph.nodes.items()}
    return replace(plan, graph=Graph(nodes, plan.graph.edges))


def pack(instances: Mapping[str, Node]) -> bytes:
    """Clean up instances, and pickle them together, so that what they share stays shared.

    Raises:
        PicklingError: something in one of them cannot travel; it is named.
    """
    return pickling.travel(instances)


def logging_levels() -> dict[str, int]:
    """What is set on each logger of this process, the root included."""
    root = logging.getLogger()
    known = {name: logging.getLogger(name).level for name in root.manager.loggerDict}
    return {"": root.level} | {name: level for name, level in known.items() if level}


def warning_filters() -> tuple[WarningFilter, ...]:
    """The filters of warnings in this process, the first to be asked first."""
    return tuple(
        WarningFilter(action, _text(message), category, _text(module), line)
        for action, message, category, module, line in warnings.filters
    )


def _text(pattern: re.Pattern[str] | str | None) -> str:
    return pattern.pattern if isinstance(pattern, re.Pattern) else pattern or ""
