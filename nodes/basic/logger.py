"""A line in the log for each item that passes."""

from __future__ import annotations

import logging
import reprlib
from typing import Any, Literal

from streamflow.context import NodeContext
from streamflow.node import Node
from streamflow.nodes.checks import check_count

Level = Literal["debug", "info", "warning", "error", "critical"]

LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class Logger(Node):
    """Writes each item to the log, and emits it as it came.

    The line goes to Python's logger ``streamflow.node.<id>``: the message, and
    the item's ``repr``, shortened. Where nobody listens to that level, the
    item is not even looked at.

    Args:
        level: of the lines: debug, info, warning, error or critical.
        message: what stands before each item; it is text, not a format.
        limit: characters of an item to show, at most.
        every: write only one item in so many, the first of them.

    Raises:
        ValueError: the level is unknown, or limit or every less than 1.
    """

    def __init__(
        self, level: Level = "info", message: str = "", limit: int = 200, every: int = 1
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        check_count("limit", limit)
        check_count("every", every)
        self.level, self.message, self.limit, self.every = level, message, limit, every
        self._count = 0

    def initialize(self, ctx: NodeContext) -> None:
        """Take the logger."""
        self._logger, self._count = ctx.logger, 0
        self._number = LEVELS[self.level]
        self._shorten = shortened(self.limit)

    def process(self, item: Any) -> Any:
        """Write, and return the item."""
        if self._count % self.every == 0 and self._logger.isEnabledFor(self._number):
            words = self._shorten.repr(item)
            if len(words) > self.limit:
                words = words[: self.limit] + "…"
            self._logger.log(self._number, "%s%s", self.message and self.message + " ", words)
        self._count += 1
        return item

    def get_state(self) -> int:
        """How many items there were."""
        return self._count

    def set_state(self, state: int) -> None:
        """Count on from there."""
        self._count = state


def shortened(limit: int) -> reprlib.Repr:
    """A ``repr`` that looks at no more of a value than is shown of it.

    >>> shortened(20).repr("a" * 1_000_000)
    "'aaaaaaaa...aaaaaaaa'"
    """
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = limit + 1
    short.maxlist = short.maxtuple = short.maxdict = limit
    short.maxset = short.maxfrozenset = short.maxdeque = short.maxarray = limit
    return short
