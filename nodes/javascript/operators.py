"""Operators on values of any kind: the slow way, which is always right.

Compiled expressions come here where a value is not what most values are.
"""

from __future__ import annotations

import math
from typing import Any

from streamflow.nodes.javascript.numbers import MAX_SAFE, MIN_SAFE, string_to_number, to_int32
from streamflow.nodes.javascript.strings import concat, is_less
from streamflow.nodes.javascript.values import (
    UNDEFINED,
    adopt,
    is_object,
    primitive_to_string,
    to_number,
    to_primitive,
    to_string,
)


def settle(result: float) -> int | float:
    """The result of exact integer arithmetic, rounded if that needs more than 53 bits."""
    return result if MIN_SAFE <= result <= MAX_SAFE else float(result)


def add(a: Any, b: Any) -> Any:
    """``a + b``: strings are joined, anything else is added up."""
    if type(a) is str and type(b) is str:
        return concat(a, b)
    a, b = to_primitive(adopt(a)), to_primitive(adopt(b))
    if isinstance(a, str) or isinstance(b, str):
        return concat(primitive_to_string(a), primitive_to_string(b))
    return settle(to_number(a) + to_number(b))


def subtract(a: Any, b: Any) -> int | float:
    """``a - b``."""
    return settle(to_number(a) - to_number(b))


def multiply(a: Any, b: Any) -> int | float:
    """``a * b``."""
    x, y = to_number(a), to_number(b)
    # An int cannot be the -0 that 0 * -1 is.
    return settle(x * y) if x and y else float(x) * float(y)


def divide(a: Any, b: Any) -> float:
    """``a / b``."""
    x, y = float(to_number(a)), float(to_number(b))
    if y:
        return x / y
    return x * math.copysign(math.inf, y) if x else math.nan


def remainder(a: Any, b: Any) -> float:
    """``a % b``, which has the sign of ``a``."""
    x, y = float(to_number(a)), float(to_number(b))
    return math.fmod(x, y) if y and math.isfinite(x) else math.nan


def power(a: Any, b: Any) -> float:
    """``a ** b``."""
    x, y = float(to_number(a)), float(to_number(b))
    # C knows an answer where JavaScript does not: 1 ** NaN and (-1) ** Infinity.
    if math.isnan(y) or (math.isinf(y) and abs(x) == 1):
        return math.nan
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        # A root of something negative, or zero to a negative power.
        odd = y.is_integer() and y % 2 == 1
        return math.nan if x else math.copysign(math.inf, x) if odd else math.inf


def negate(a: Any) -> int | float:
    """``-a``."""
    number = to_number(a)
    return -number or -float(number)


def invert(a: Any) -> int:
    """``~a``."""
    return ~to_int32(to_number(a))


def bit_and(a: Any, b: Any) -> int:
    """``a & b``."""
    return to_int32(to_number(a)) & to_int32(to_number(b))


def bit_or(a: Any, b: Any) -> int:
    """``a | b``."""
    return to_int32(to_number(a)) | to_int32(to_number(b))


def bit_xor(a: Any, b: Any) -> int:
    """``a ^ b``."""
    return to_int32(to_number(a)) ^ to_int32(to_number(b))


def shift_left(a: Any, b: Any) -> int:
    """``a << b``."""
    return to_int32(to_int32(to_number(a)) << (to_int32(to_number(b)) & 31))


def shift_right(a: Any, b: Any) -> int:
    """``a >> b``, which keeps the sign."""
    return to_int32(to_number(a)) >> (to_int32(to_number(b)) & 31)


def shift_right_unsigned(a: Any, b: Any) -> int:
    """``a >>> b``."""
    return (to_int32(to_number(a)) & 0xFFFF_FFFF) >> (to_int32(to_number(b)) & 31)


def less(a: Any, b: Any) -> bool:
    """``a < b``."""
    a, b = to_primitive(adopt(a)), to_primitive(adopt(b))
    if isinstance(a, str) and isinstance(b, str):
        return is_less(a, b)
    return to_number(a) < to_number(b)


def greater(a: Any, b: Any) -> bool:
    """``a > b``."""
    a, b = to_primitive(adopt(a)), to_primitive(adopt(b))
    if isinstance(a, str) and isinstance(b, str):
        return is_less(b, a)
    return to_number(a) > to_number(b)


def less_or_equal(a: Any, b: Any) -> bool:
    """``a <= b``."""
    a, b = to_primitive(adopt(a)), to_primitive(adopt(b))
    if isinstance(a, str) and isinstance(b, str):
        return not is_less(b, a)
    return to_number(a) <= to_number(b)


def greater_or_equal(a: Any, b: Any) -> bool:
    """``a >= b``."""
    a, b = to_primitive(adopt(a)), to_primitive(adopt(b))
    if isinstance(a, str) and isinstance(b, str):
        return not is_less(a, b)
    return to_number(a) >= to_number(b)


def strictly_equal(a: Any, b: Any) -> bool:
    """``a === b``: the same type and value, or the same object."""
    a, b = adopt(a), adopt(b)
    for kind in (bool, str, int | float):
        if isinstance(a, kind) or isinstance(b, kind):
            # bool goes first, because Python counts it among the ints.
            return isinstance(a, kind) and isinstance(b, kind) and bool(a == b)
    return a is b


def equal(a: Any, b: Any) -> bool:
    """``a == b`` (IsLooselyEqual, ECMA-262, 7.2.13)."""
    a, b = adopt(a), adopt(b)
    if a is None or a is UNDEFINED or b is None or b is UNDEFINED:
        return (a is None or a is UNDEFINED) and (b is None or b is UNDEFINED)
    if is_object(a) and is_object(b):
        return a is b
    a, b = to_primitive(a), to_primitive(b)
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    return _number_of(a) == _number_of(b)


def _number_of(primitive: Any) -> int | float:
    return string_to_number(primitive) if isinstance(primitive, str) else to_number(primitive)


def join(*parts: Any) -> str:
    """A template: every part made a string, one behind the other."""
    return concat(*map(to_string, parts))
