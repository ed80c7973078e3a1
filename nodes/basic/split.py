"""A fork in the way: a condition tells which port an item leaves by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from streamflow.node import Node, Out, kind_of
from streamflow.nodes.checks import check_predicate
from streamflow.ports import Data, Ports


class Split(Node):
    """Emits each item to the port ``true`` or ``false``, as a condition says of it.

    Args:
        condition: function of an item, plain or async; what is true in Python
            is true.

    Raises:
        ValueError: the condition is no such function.

    >>> from streamflow.testing import NodeRunner
    >>> with NodeRunner(Split(lambda n: n > 1)) as runner:
    ...     runner.run([1, 2])
    [('false', 1), ('true', 2)]
    """

    outputs: ClassVar[Ports] = {"true": Data(), "false": Data()}

    def __init__(self, condition: Callable[[Any], Any]) -> None:
        check_predicate("condition", condition)
        self.condition = condition
        self.process = self._await if kind_of(condition).is_async else self._ask

    def _ask(self, item: Any) -> Out:
        return Out("true" if self.condition(item) else "false", item)

    async def _await(self, item: Any) -> Out:
        return Out("true" if await self.condition(item) else "false", item)
