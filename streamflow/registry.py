"""The registry: node classes by name, so that text can name them.

Packages announce theirs in the entry-point group ``streamflow.nodes``; they are
imported when first asked for. A name also answers to its snake and kebab case.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import re
from collections.abc import Callable, Mapping
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
        return bind(self.get(name), params)()

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

    def resolve(self, type: str, *, allow_imports: bool = False) -> NodeFactory:
        """The class or factory that a text means.

        Args:
            type: a name, or ``package.module:Class``.
            allow_imports: whether a class that is not registered may be imported.

        Raises:
            UnknownNodeError: nothing has that name.
            GraphError: it would have to be imported, and that is not allowed or fails.
        """
        module, colon, path = type.partition(":")
        if not colon or self.has(type):
            return self.get(type)
        if not allow_imports:
            raise GraphError(f"{type} is not registered, and imports are not allowed")
        try:
            found: Any = importlib.import_module(module)
            for name in path.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError, ValueError) as error:
            raise GraphError(f"{type} cannot be imported: {error}") from error
        if not (isinstance(found, builtin_type) and issubclass(found, Node)):
            raise GraphError(f"{type} is no node class")
        return found

    def name_of(self, node: str | type) -> str:
        """The name by which a node type is listed; an import path if it is not registered.

        Args:
            node: another spelling of the name, or a class.

        Raises:
            UnknownNodeError: nothing has that name.

        >>> registry.name_of("pass-through"), registry.name_of(int)
        ('PassThrough', 'builtins:int')
        """
        if isinstance(node, str):
            self.get(node)
            return self._names[snake_case(node)]
        found = (name for name, factory in self._factories.items() if factory is node)
        path = f"{node.__module__}:{node.__qualname__}"
        announced = (p.name for p in self._entry_points().values() if _is_home(p, node))
        return next(found, None) or next(announced, path)

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


def bind(make: NodeFactory, params: Mapping[str, Any]) -> Callable[[], Node]:
    """A function without arguments that makes a node of these parameters.

    Raises:
        GraphError: ``make`` does not take them.
    """
    check_params(make, params)
    return functools.partial(make, **params)


def _is_home(point: EntryPoint, cls: type) -> bool:
    return point.attr == cls.__qualname__ and point.module == cls.__module__


builtin_type = type
"""``type`` is a parameter here."""

registry: Final = Registry()
"""The process's registry."""
