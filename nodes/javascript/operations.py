"""Code for one operation: fast where the operands are what they mostly are, else a call.

Each function gives an expression of Python for operands that are at hand, and
what is known of its result.
"""

from __future__ import annotations

from typing import Final

from streamflow.nodes.javascript.numbers import MAX_SAFE, MIN_SAFE
from streamflow.nodes.javascript.operands import (
    Kind,
    Operand,
    is_comparable,
    is_number,
    truth,
)

Code = tuple[str, Kind]

# Operators that are always called.
CALLED: Final = {
    "**": ("power", Kind.NUMBER),
    "&": ("bit_and", Kind.NUMBER),
    "|": ("bit_or", Kind.NUMBER),
    "^": ("bit_xor", Kind.NUMBER),
    "<<": ("shift_left", Kind.NUMBER),
    ">>": ("shift_right", Kind.NUMBER),
    ">>>": ("shift_right_unsigned", Kind.NUMBER),
    "in": ("has_property", Kind.BOOLEAN),
}
ORDER: Final = {
    "<": "less",
    ">": "greater",
    "<=": "less_or_equal",
    ">=": "greater_or_equal",
}
EMPTY: Final = (Kind.NULL, Kind.UNDEFINED)


def binary(operator: str, a: Operand, b: Operand) -> Code:
    """``a operator b``."""
    if operator in CALLED:
        function, kind = CALLED[operator]
        return f"{function}({a.code}, {b.code})", kind
    if operator in ORDER:
        return order(operator, a, b), Kind.BOOLEAN
    if operator in ("===", "=="):
        return equality(operator, a, b), Kind.BOOLEAN
    if operator in ("!==", "!="):
        return f"not ({equality(operator.replace('!', '='), a, b)})", Kind.BOOLEAN
    return arithmetic(operator, a, b)


def arithmetic(operator: str, a: Operand, b: Operand) -> Code:
    """``+ - * / %``."""
    function = {
        "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "remainder",
    }[operator]  # fmt: skip
    call = f"{function}({a.code}, {b.code})"
    known = {a.kind, b.kind}
    if known - {Kind.NUMBER, Kind.ANY}:
        # A string, a boolean or nothing: rare, unless strings are to be joined.
        if operator != "+":
            return call, Kind.NUMBER
        return call, Kind.STRING if Kind.STRING in known else Kind.ANY
    kind = Kind.ANY if operator == "+" and Kind.ANY in known else Kind.NUMBER
    conditions = [is_number(a, b)] if Kind.ANY in known else []
    fast = f"{a.code} {operator} {b.code}"
    if operator in "+-*":
        # What needs more than 53 bits is rounded; a product that is zero may be -0.
        conditions.append(f"{MIN_SAFE} <= (r := {fast}) <= {MAX_SAFE}")
        fast = "r"
        if operator == "*":
            conditions.append("r")
    elif operator == "/":
        conditions.append(b.code)
    else:
        conditions.append(f"{a.code} > 0 < {b.code} < INFINITY and {a.code} < INFINITY")
    return f"{fast} if {' and '.join(conditions)} else {call}", kind


def order(operator: str, a: Operand, b: Operand) -> str:
    """``< > <= >=``."""
    call = f"{ORDER[operator]}({a.code}, {b.code})"
    fast = f"{a.code} {operator} {b.code}"
    kinds = {a.kind, b.kind}
    if kinds == {Kind.NUMBER}:
        return fast
    if kinds - {Kind.NUMBER, Kind.ANY}:
        return call
    for one, other in ((a, b), (b, a)):
        if one.kind is Kind.NUMBER:
            return f"{fast} if {is_comparable(other, one)} else {call}"
    return f"{fast} if {is_number(a, b)} else {call}"


def equality(operator: str, a: Operand, b: Operand) -> str:
    """``===`` and ``==``."""
    if b.kind is Kind.ANY or a.kind in EMPTY:
        # Both are symmetric: what is known stands on the right.
        a, b = b, a
    if b.kind in EMPTY:
        return _is_empty(operator, a, b)
    fast = f"{a.code} == {b.code}"
    call = f"{'strictly_equal' if operator == '===' else 'equal'}({a.code}, {b.code})"
    if a.kind is b.kind is not Kind.ANY:
        return fast
    if a.kind is not Kind.ANY or b.kind is Kind.ANY:
        return call
    if b.kind is Kind.NUMBER:
        return f"{fast} if {is_comparable(a, b)} else {call}"
    if b.kind is Kind.STRING:
        return f"{fast} if type({a.code}) is str else {call}"
    return f"{fast} if type({a.code}) is bool else {call}"


def _is_empty(operator: str, a: Operand, empty: Operand) -> str:
    if a.kind is not Kind.ANY:
        # Python warns of `5 is None`, and the answer is known.
        return repr(a.kind is empty.kind or (operator == "==" and a.kind in EMPTY))
    if operator == "===":
        return f"{a.code} is {empty.code}"
    return f"({a.code} is None or {a.code} is UNDEFINED)"


def unary(operator: str, a: Operand) -> Code:
    """``! - + ~ typeof void``."""
    if operator == "!":
        return f"not {truth(a)}", Kind.BOOLEAN
    if operator == "typeof":
        return f"type_of({a.code})", Kind.STRING
    if operator == "void":
        return "UNDEFINED", Kind.UNDEFINED
    if operator == "~":
        return f"invert({a.code})", Kind.NUMBER
    if a.kind is Kind.NUMBER:
        return (f"-{a.code} or negate({a.code})" if operator == "-" else a.code), Kind.NUMBER
    return f"{'negate' if operator == '-' else 'to_number'}({a.code})", Kind.NUMBER


def member(value: Operand, key: Operand) -> str:
    """``value.key`` and ``value[key]``."""
    call = f"get_item({value.code}, {key.code})"
    if key.kind is Kind.STRING:
        call = f"get_member({value.code}, {key.code})"
        fast = f"{value.code}.get({key.code}, UNDEFINED)"
        return f"{fast} if type({value.code}) is dict else {call}"
    if key.kind is Kind.NUMBER:
        fast = f"{value.code}[{key.code}]"
        within = f"type({key.code}) is int and 0 <= {key.code} < len({value.code})"
        return f"{fast} if type({value.code}) is list and {within} else {call}"
    return call


def returned(result: Operand) -> str:
    """What a compiled expression returns."""
    if result.kind in (Kind.BOOLEAN, Kind.STRING, Kind.NULL):
        return result.code
    if result.kind is Kind.NUMBER:
        return f"{result.code} if type({result.code}) is int else shorten({result.code})"
    return f"{result.code} if type({result.code}) in UNCHANGED else export({result.code})"


def tested(result: Operand) -> str:
    """What a compiled condition returns."""
    return result.code if result.kind is Kind.BOOLEAN else f"not not {truth(result)}"
