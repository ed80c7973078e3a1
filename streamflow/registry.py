"""The registry: node classes by name, so that text can name them.

Packages announce theirs in the entry-point group ``streamflow.nodes``; they are
imported when first asked for. A name also answers to its snake and kebab case.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from streamflow.errors import GraphError, UnknownNodeError
from streamflow.node import Node
from streamflow.schema import check_params

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "streamflow.nodes"

NodeFactory = Callable[..., Node]


def snake_case(name: str) -> str:
    """``MediaSource`` as ``media_source``.

    >>> snake_case("EBUMeter"), snake_case("media-source")
    ('ebu_meter', 'media_source')
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.replace("-", "_").lower()


class Registry:
    """Node classes, and factories that make nodes, by name.

    >>> class Twice(Node):
    ...     def process(self, item): return item * 2
    >>> registry = Registry()
    >>> registry.register(Twice)
    >>> registry.has("twice"), type(registry.create("twice")).__name__
    (True, 'Twice')
    """

    def __init__(self, *, discover: bool = True) -> None:
        self._factories: dict[str, NodeFactory] = {}
        self._names: dict[str, str] = {}
        self._found: dict[str, EntryPoint] | None = None if discover else {}

    def register(self, factory: NodeFactory, name: str | None = None) -> None:
        """Make a class, or a function that returns a node, available by name.

        Raises:
            GraphError: the name is taken by something else.
        """
        name = name or factory.__name__
        known = self._names.get(snake_case(name), name)
        if self._factories.get(known, factory) is not factory:
            raise GraphError(f"a node type {known!r} is registered already")
        self._factories[name] = factory
        self._names[snake_case(name)] = name

    def create(self, name: str, **params: Any) -> Node:
        """Make a node.

        Raises:
            UnknownNodeError: nothing has that name; it offers the nearest.
            GraphError: the constructor does not take these parameters.
        """
        factory = self.get(name)
        if isinstance(factory, type):
            check_params(factory, params)
        return factory(**params)

    def get(self, name: str) -> NodeFactory:
        """The class or factory of that name.

        Raises:
            UnknownNodeError: nothing has that name.
        """
        found = self._entry_points()
        key = snake_case(name)
        if key not in self._names and key in found:
            self.register(found[key].load(), found[key].name)
        if key not in self._names:
            raise UnknownNodeError(name, self._nearest(name))
        return self._factories[self._names[key]]

    def has(self, name: str) -> bool:
        """Whether `get` would find something."""
        return snake_case(name) in self._names or snake_case(name) in self._entry_points()

    def list(self) -> list[str]:
        """All names, sorted."""
        found = {point.name for point in self._entry_points().values()}
        return sorted(found | set(self._names.values()))

    def _entry_points(self) -> dict[str, EntryPoint]:
        if self._found is None:
            from importlib.metadata import entry_points

            self._found = {snake_case(point.name): point for point in entry_points(group=GROUP)}
        return self._found

    def _nearest(self, name: str) -> tuple[str, ...]:
        by_key = {snake_case(known): known for known in self.list()}
        near = difflib.get_close_matches(snake_case(name), by_key, 3)
        return tuple(by_key[key] for key in near)


registry: Final = Registry()
"""The process's registry."""
