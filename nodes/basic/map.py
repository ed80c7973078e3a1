"""Each item becomes what a function makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamflow.node import Node
from streamflow.nodes.checks import check_function


class Map(Node):
    """Emits what a function makes of each item.

    As with any node, None drops the item, and a generator function makes any
    number of items of one; a list is one item.

    Args:
        function: of one item; plain, async, generator or async generator.

    Raises:
        ValueError: it cannot be called.

    >>> import streamflow as sf
    >>> sf.Pipeline(Map(str.upper)).run(["a", "b"]).results
    ['A', 'B']
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        check_function("function", function)
        # The function is the call itself: nothing stands between.
        self.process = function
