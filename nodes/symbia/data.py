"""A part of each item, found by its path."""

from __future__ import annotations

import re
from typing import Any, Final

from streamflow.node import Node
from streamflow.nodes.javascript import compile_expression

# `data.items[0].name`, with quotes around what is no plain name: `data["a b"]`.
_STEP: Final = re.compile(
    r"""(?P<name>[^.\[\]"'\s]+)|\[(?:(?P<index>\d+)|"(?P<double>[^"]*)"|'(?P<single>[^']*)')\]"""
)


class JsonTransform(Node):
    """Emits the part of each item that a path leads to; an item without it goes no further.

    Args:
        path: names and indexes, such as ``data.items[0].name``; a name of any
            characters stands in brackets and quotes: ``data["first name"]``. A
            leading ``$`` is the item itself.

    Raises:
        ValueError: it is no path; it says where.

    >>> import streamflow as sf
    >>> sf.Pipeline(JsonTransform("data.items[1]")).run([{"data": {"items": [1, 2]}}, {}]).results
    [2]
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.steps = read_path(path)
        keys = "".join(f"?.[{_quote(step)}]" for step in self.steps)
        self._find = compile_expression(f"value{keys}")

    def process(self, item: Any) -> Any:
        """Return the part."""
        return self._find(item)


def read_path(path: str) -> tuple[str, ...]:
    """The names and indexes of a path.

    Raises:
        ValueError: it is none.

    >>> read_path("$.data[0]['a.b']")
    ('data', '0', 'a.b')
    """
    steps: list[str] = []
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        dot = path.startswith(".", position)
        step = _STEP.match(path, position + dot)
        # A dot stands before each name but the first, and before no bracket.
        needed = step is not None and step["name"] is not None and position > 0
        if step is None or dot != needed:
            raise ValueError(f"path cannot go on at character {position + 1} of {path!r}")
        steps.append(next(part for part in step.groups() if part is not None))
        position = step.end()
    return tuple(steps)


def _quote(step: str) -> str:
    # As a string of JavaScript that needs no care for what is in it.
    units = step.encode("utf-16-be", "surrogatepass")
    return "'" + "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)) + "'"
