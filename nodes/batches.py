"""Batches: items are gathered, and leave in lists of a fixed length."""

from __future__ import annotations

from typing import Any

from streamflow.context import NodeContext
from streamflow.node import Node


class Batcher(Node):
    """Gathers items into lists; what is left at the end is a shorter list.

    Args:
        count: items in a list, 1 or more.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._items: list[Any] = []

    def initialize(self, ctx: NodeContext) -> None:
        """Begin with nothing."""
        self._items = []

    def process(self, item: Any) -> list[Any] | None:
        """Return the list if this item fills it."""
        self._items.append(item)
        return self.flush() if len(self._items) >= self.count else None

    def flush(self) -> list[Any] | None:
        """Return what has been gathered, if anything."""
        items, self._items = self._items, []
        return items or None

    def cleanup(self) -> None:
        """Let the items go."""
        self._items = []

    def get_state(self) -> list[Any]:
        """The items gathered so far."""
        return list(self._items)

    def set_state(self, state: list[Any]) -> None:
        """Go on with these items."""
        self._items = list(state)
