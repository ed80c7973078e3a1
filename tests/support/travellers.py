"""Things that travel to other processes, in tests."""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import streamflow as sf

LOCK = threading.Lock()


class Thing:
    """Something with attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def method(self) -> None: ...


class Detect(sf.Node):
    """A node with attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)
        self.cleaned = 0

    def process(self, item: Any) -> Any:
        return item

    def cleanup(self) -> None:
        self.cleaned += 1


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    name: str
    value: Any


class Pair(NamedTuple):
    left: Any
    right: Any


class Names(collections.UserDict[str, Any]): ...


class Listed(list[Any]): ...


class Mapped(dict[str, Any]): ...


def local_class() -> type:
    class Local:
        lock = LOCK

    return Local


def keeps(value: Any) -> Callable[[], Any]:
    def kept() -> Any:
        return value

    return kept


def has_default() -> Callable[..., Any]:
    def chosen(item: Any, chooser: Any = LOCK, *, other: Any = None) -> Any:
        return item, chooser, other

    return chosen


def uses_global() -> Callable[[], Any]:
    def used() -> Any:
        return [LOCK for _ in range(2)]

    return used
