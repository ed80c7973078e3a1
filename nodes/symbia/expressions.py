"""Components that an expression tells what to do: filter, map and split."""

from __future__ import annotations

from typing import Any, ClassVar

from streamflow.context import NodeContext
from streamflow.node import Node, Out
from streamflow.nodes.javascript import EvaluationError, compile_expression
from streamflow.nodes.symbia.failures import ERROR, failed
from streamflow.ports import Data, Ports


class Guided(Node):
    """The base of nodes that an expression guides: it knows where errors go."""

    def initialize(self, ctx: NodeContext) -> None:
        """Take the context."""
        self._ctx = ctx

    def cleanup(self) -> None:
        """Leave the context, which cannot travel."""
        # Also called where there never was one: before a node goes to another process.
        vars(self).pop("_ctx", None)


class Filter(Guided):
    """Emits items to ``out`` if a predicate holds for them, else to ``rejected``.

    An item that the predicate cannot be used on goes to ``error`` as a
    `NodeError`; where nothing is connected there, the node fails.

    Args:
        predicate: JavaScript expression of the item, which is called ``value``.

    Raises:
        ExpressionError: the predicate is no expression of the subset.

    >>> import streamflow as sf
    >>> sf.Pipeline(Filter("value > 10")).run([5, 15, "11"]).results
    [15, '11']
    """

    outputs: ClassVar[Ports] = {"out": Data(), "rejected": Data(), ERROR: Data()}

    def __init__(self, predicate: str) -> None:
        self.predicate = compile_expression(predicate)

    def process(self, item: Any) -> Any:
        """Return the item, for the port that the predicate decides."""
        try:
            holds = self.predicate.test(item)
        except EvaluationError as error:
            return failed(self._ctx, error, item)
        return item if holds else Out("rejected", item)


class Split(Guided):
    """Emits items to the port ``true`` or ``false``, as a condition decides.

    An item that the condition cannot be used on goes to ``error`` as a
    `NodeError`; where nothing is connected there, the node fails.

    Args:
        condition: JavaScript expression of the item, which is called ``value``.

    Raises:
        ExpressionError: the condition is no expression of the subset.

    >>> from streamflow.testing import NodeRunner
    >>> with NodeRunner(Split("value.status === 'active'")) as runner:
    ...     runner.run([{"status": "active"}, {}])
    [('true', {'status': 'active'}), ('false', {})]
    """

    outputs: ClassVar[Ports] = {"true": Data(), "false": Data(), ERROR: Data()}

    def __init__(self, condition: str) -> None:
        self.condition = compile_expression(condition)

    def process(self, item: Any) -> Out:
        """Return the item, for the port that the condition decides."""
        try:
            return Out("true" if self.condition.test(item) else "false", item)
        except EvaluationError as error:
            return failed(self._ctx, error, item)


class Map(Guided):
    """Emits what an expression makes of each item; null and undefined go no further.

    An item that the expression cannot be used on goes to ``error`` as a
    `NodeError`; where nothing is connected there, the node fails.

    Args:
        expression: JavaScript expression of the item, which is called ``value``.
        transform: another name of ``expression``.

    Raises:
        ExpressionError: the expression is none of the subset.
        ValueError: not exactly one of the two is given.

    >>> import streamflow as sf
    >>> sf.Pipeline(Map("value.data.items")).run([{"data": {"items": [1, 2]}}]).results
    [[1, 2]]
    """

    outputs: ClassVar[Ports] = {"out": Data(), ERROR: Data()}

    def __init__(self, expression: str | None = None, transform: str | None = None) -> None:
        text = transform if expression is None else expression
        if text is None or (expression is not None and transform is not None):
            raise ValueError("one of expression and transform must be given, which are the same")
        self.expression = compile_expression(text)

    def process(self, item: Any) -> Any:
        """Return what the expression makes of the item."""
        try:
            return self.expression.evaluate(item)
        except EvaluationError as error:
            return failed(self._ctx, error, item)
