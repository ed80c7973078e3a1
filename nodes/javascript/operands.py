"""Operands: pieces of generated code, and what is known of the values they stand for."""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from streamflow.nodes.javascript.numbers import MAX_SAFE, MIN_SAFE
from streamflow.nodes.javascript.values import UNDEFINED


class Kind(Enum):
    """What is known of a value; but for `ANY` its class is exactly one of these."""

    ANY = auto()
    NUMBER = auto()
    STRING = auto()
    BOOLEAN = auto()
    NULL = auto()
    UNDEFINED = auto()


class Operand(NamedTuple):
    """A value that generated code has at hand.

    Attributes:
        code: a name or a literal, which may be written more than once.
        kind: what is known of it.
        is_constant: whether it is written down in the expression.
        is_safe: whether it is a number within ``MIN_SAFE`` and ``MAX_SAFE`` for sure.
    """

    code: str
    kind: Kind
    is_constant: bool = False
    is_safe: bool = False


NOTHING: Final = Operand("UNDEFINED", Kind.UNDEFINED, is_constant=True)
"""The operand that is undefined."""


def constant(value: Any) -> Operand:
    """The operand of a value that is written down."""
    if value is UNDEFINED:
        return NOTHING
    if value is None:
        return Operand("None", Kind.NULL, is_constant=True)
    if isinstance(value, bool):
        return Operand(repr(value), Kind.BOOLEAN, is_constant=True)
    if isinstance(value, str):
        return Operand(repr(value), Kind.STRING, is_constant=True)
    if not math.isfinite(value):
        code = "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
        return Operand(f"({code})", Kind.NUMBER, is_constant=True)
    is_safe = MIN_SAFE <= value <= MAX_SAFE
    return Operand(f"({value!r})", Kind.NUMBER, is_constant=True, is_safe=is_safe)


def is_number(*operands: Operand) -> str:
    """Code that is true where all are numbers in the form that Python's operators are right for.

    Empty if that is known.
    """
    return " and ".join(
        f"((k := type({o.code})) is float or k is int and {MIN_SAFE} <= {o.code} <= {MAX_SAFE})"
        for o in operands
        if o.kind is not Kind.NUMBER
    )


def is_comparable(operand: Operand, other: Operand) -> str:
    """Code that is true where the operand is a number that Python compares rightly with ``other``.

    Against a safe one, an int beyond compares as the float that it would be rounded to.
    """
    if other.is_safe:
        return f"((k := type({operand.code})) is int or k is float)"
    return is_number(operand)


def truth(operand: Operand) -> str:
    """Code that is true in Python where the operand is true in JavaScript."""
    code, kind = operand.code, operand.kind
    if kind is Kind.NUMBER:
        return f"({code} == {code} and {code} != 0)"
    if kind is Kind.ANY:
        return f"({code} is True or {code} is not False and truthy({code}))"
    return code
