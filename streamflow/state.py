"""State: named values that belong to one node of one execution."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any


class NodeState(MutableMapping[str, Any]):
    """A dictionary with `get` and `set`, private to one node instance of one execution.

    >>> state = NodeState()
    >>> state.set("count", 1)
    >>> state.get("count"), state.get("other", 0)
    (1, 0)
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        """Keep a value under a name."""
        self._values[key] = value

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
