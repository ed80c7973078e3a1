"""Node types: what a registry knows of the names in a manifest, without making a node."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from streamflow.errors import GraphError, UnknownNodeError
from streamflow.manifest.params import plain_types
from streamflow.node import Node
from streamflow.ports import Data, Ports, normalize
from streamflow.registry import NodeFactory, Registry, snake_case
from streamflow.schema import constructor_parameters


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type.

    Attributes:
        name: by which the registry lists it, or its import path.
        make: the class or factory.
        parameters: of the constructor.
        plain: types that each parameter takes whole.
        inputs: ports that the class declares; None for a factory, which declares none.
        outputs: likewise.
        fixes_inputs: whether every instance has just these.
        fixes_outputs: likewise.
    """

    name: str
    make: NodeFactory
    parameters: Mapping[str, inspect.Parameter]
    plain: Mapping[str, frozenset[type]]
    inputs: Mapping[str, Data] | None
    outputs: Mapping[str, Data] | None
    fixes_inputs: bool
    fixes_outputs: bool


class NodeTypes:
    """Looks up node types, each once.

    Args:
        registry: where names are looked up.
        allow_imports: whether a name may be the import path of a class.

    >>> from streamflow.registry import registry
    >>> NodeTypes(registry, allow_imports=False).find("pass-through").name
    'PassThrough'
    """

    def __init__(self, registry: Registry, *, allow_imports: bool) -> None:
        self._registry, self._allow_imports = registry, allow_imports
        self._found: dict[str, NodeType | GraphError | UnknownNodeError] = {}
        self._listed: dict[str, str] = {}

    def has(self, name: str) -> bool:
        """Whether the registry has a type of that name."""
        return self._registry.has(name)

    def find(self, name: str) -> NodeType:
        """The type that a name stands for.

        Raises:
            UnknownNodeError: nothing has that name; `nearest` tells what is near.
            GraphError: it cannot be imported, or may not be.
        """
        found = self._found.get(name)
        if found is None:
            try:
                found = self._find(name)
            except (GraphError, UnknownNodeError) as error:
                found = error
            self._found[name] = found
        if isinstance(found, NodeType):
            return found
        raise found

    def nearest(self, name: str) -> list[str]:
        """Names that look like one that is unknown, best first."""
        if not self._listed:
            self._listed = {snake_case(known): known for known in self._registry.list()}
        return [self._listed[k] for k in difflib.get_close_matches(snake_case(name), self._listed)]

    def _find(self, name: str) -> NodeType:
        if ":" not in name and not self._registry.has(name):
            raise UnknownNodeError(name)
        try:
            make = self._registry.resolve(name, allow_imports=self._allow_imports)
        except (GraphError, UnknownNodeError):
            raise
        except Exception as error:  # importing runs the package's own code
            words = str(error) or type(error).__name__
            raise GraphError(f"{name} cannot be imported: {words}") from error
        listed = self._registry.name_of(name) if self._registry.has(name) else name
        parameters = constructor_parameters(make)
        return NodeType(
            listed,
            make,
            parameters,
            {name: plain_types(parameter) for name, parameter in parameters.items()},
            _ports(make, "inputs"),
            _ports(make, "outputs"),
            _fixes(make, "inputs"),
            _fixes(make, "outputs"),
        )


def _ports(make: NodeFactory, side: str) -> Mapping[str, Data] | None:
    ports = getattr(make, side, None)
    if not isinstance(ports, Mapping):
        return None
    try:
        return normalize(cast("Ports", ports))
    except TypeError:
        return None  # told where the node is made


def _fixes(make: NodeFactory, side: str) -> bool:
    # Code that as much as names its ports may give each instance others. Reading them is
    # harmless, but what is not checked here is checked where the node is made.
    if not isinstance(make, type):
        return False
    return not any(side in code.co_names or side in code.co_consts for code in _codes(make))


def _codes(cls: type) -> Iterator[Any]:
    for base in cls.__mro__[: cls.__mro__.index(Node)] if Node in cls.__mro__ else cls.__mro__:
        for member in vars(base).values():
            code = getattr(inspect.unwrap(member) if callable(member) else member, "__code__", None)
            if code is not None:
                yield code
