"""Components that look at no item: passthrough, logger, merge and accumulator."""

from __future__ import annotations

import json
import logging
from typing import Any, ClassVar, Literal

from streamflow.context import NodeContext
from streamflow.node import Node
from streamflow.nodes.batches import Batcher
from streamflow.nodes.checks import check_count
from streamflow.ports import Data, Ports

MAX_SHOWN = 1_000
"""Characters of an item in a line of the log."""

Level = Literal["debug", "info", "warn", "warning", "error"]

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Passthrough(Node):
    """Emits each item as it came."""

    def process(self, item: Any) -> Any:
        """Return the item itself."""
        return item


class Logger(Node):
    """Writes each item to the node's logger, and emits it as it came.

    Args:
        level: ``debug``, ``info``, ``warn``, ``warning`` or ``error``.
        prefix: what stands before the item.

    Raises:
        ValueError: the level is none of these.
    """

    def __init__(self, level: Level = "info", prefix: str = "") -> None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        self.level, self.prefix = LEVELS[level], prefix

    def initialize(self, ctx: NodeContext) -> None:
        """Take the logger ``streamflow.node.<id>``."""
        self._logger = ctx.logger

    def process(self, item: Any) -> Any:
        """Write a line, if anybody listens, and return the item."""
        if self._logger.isEnabledFor(self.level):
            self._logger.log(
                self.level, "%s%s", f"{self.prefix} " if self.prefix else "", _show(item)
            )
        return item

    def cleanup(self) -> None:
        """Leave the logger, which cannot travel."""
        # Also called where there never was one: before a node goes to another process.
        vars(self).pop("_logger", None)


def _show(item: Any) -> str:
    try:
        text = json.dumps(item, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        # A frame, say: no JSON, and no reason to stop a run for.
        text = repr(item)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


class Merge(Node):
    """Emits the items of all its inputs as they come: ``in``, ``in1``, ``in2`` and so on.

    Any number of edges may end at one of them.

    Args:
        inputs: how many there are beside ``in``.

    Raises:
        ValueError: the number is less than 1.
    """

    inputs: ClassVar[Ports] = {"in": Data(), "in1": Data(), "in2": Data()}

    def __init__(self, inputs: int = 2) -> None:
        check_count("inputs", inputs)
        names = ["in", *(f"in{number}" for number in range(1, inputs + 1))]
        # ClassVar of the base: each instance has as many as it is asked for.
        self.inputs = dict.fromkeys(names, Data())  # type: ignore[misc]

    def process(self, item: Any, port: str) -> Any:
        """Return the item itself."""
        return item


class Accumulator(Batcher):
    """Emits items in lists of ``batchSize``; the last list may be shorter.

    Args:
        batchSize: items in a list.

    Raises:
        ValueError: the size is less than 1.

    >>> import streamflow as sf
    >>> sf.Pipeline(Accumulator(2)).run([1, 2, 3]).results
    [[1, 2], [3]]
    """

    def __init__(self, batchSize: int = 10) -> None:
        check_count("batchSize", batchSize)
        super().__init__(batchSize)
