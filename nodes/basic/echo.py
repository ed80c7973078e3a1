"""What comes goes on, numbered."""

from __future__ import annotations

from typing import Any

from streamflow.context import NodeContext
from streamflow.node import Node


class Echo(Node):
    """Wraps each item in a dict that numbers it: ``input``, ``counter`` and ``node``.

    ``input`` is the item as it came, ``counter`` its number from 1, ``node``
    the text ``Echo``.

    Example:
        >>> import streamflow as sf
        >>> sf.Pipeline(Echo()).run(["a"]).results
        [{'input': 'a', 'counter': 1, 'node': 'Echo'}]
    """

    def __init__(self) -> None:
        self.counter: int = 0

    def initialize(self, ctx: NodeContext) -> None:
        """Count from the beginning."""
        self.counter = 0

    def process(self, item: Any) -> dict[str, Any]:
        """Return the item with its number."""
        self.counter += 1
        return {"input": item, "counter": self.counter, "node": "Echo"}

    def get_state(self) -> int:
        """How many items there were."""
        return self.counter

    def set_state(self, state: int) -> None:
        """Count on from there."""
        self.counter = state
