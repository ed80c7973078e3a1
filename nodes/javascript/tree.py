"""The tree that an expression is parsed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written down: number, string, true, false, null or undefined."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a name that the expression was given; ``index`` is its place among them."""

    index: int


@dataclass(frozen=True, slots=True)
class Group:
    """What stands in parentheses."""

    inner: Tree


@dataclass(frozen=True, slots=True)
class Template:
    """Strings and expressions in turn, made one string."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """``...inner``, in an array or an object."""

    inner: Tree


@dataclass(frozen=True, slots=True)
class Array:
    """``[a, ...b]``."""

    items: tuple[Tree | Spread, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """``{a: 1, [b]: 2, ...c}``: pairs of a key's expression and a value's, and spreads."""

    entries: tuple[tuple[Tree, Tree] | Spread, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """An operator before its operand: ``! - + ~ typeof void``."""

    operator: str
    operand: Tree


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two operands, both of which are evaluated."""

    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Logical:
    """``&& || ??``: the right operand is evaluated only if the left one does not decide."""

    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Conditional:
    """``condition ? yes : no``."""

    condition: Tree
    yes: Tree
    no: Tree


@dataclass(frozen=True, slots=True)
class Property:
    """``value.key`` and ``value[key]``; with ``optional``, ``value?.key``."""

    value: Tree
    key: Tree
    optional: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """Properties of properties of which one is optional: where it ends, all of it ends."""

    inner: Tree


Tree: TypeAlias = (
    Constant
    | Name
    | Group
    | Template
    | Array
    | Object
    | Unary
    | Binary
    | Logical
    | Conditional
    | Property
    | Chain
)
