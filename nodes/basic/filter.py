"""Items that a predicate holds for go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamflow.node import Node, kind_of
from streamflow.nodes.checks import check_predicate


class Filter(Node):
    """Emits the items that a predicate is true of, and drops the others.

    Args:
        predicate: function of an item, plain or async; what is true in Python
            is true.

    Raises:
        ValueError: the predicate is no such function.

    >>> import streamflow as sf
    >>> sf.Pipeline(Filter(lambda n: n % 2)).run([1, 2, 3]).results
    [1, 3]
    """

    def __init__(self, predicate: Callable[[Any], Any]) -> None:
        check_predicate("predicate", predicate)
        self.predicate = predicate
        self.process = self._await if kind_of(predicate).is_async else self._ask

    def _ask(self, item: Any) -> Any:
        return item if self.predicate(item) else None

    async def _await(self, item: Any) -> Any:
        return item if await self.predicate(item) else None
