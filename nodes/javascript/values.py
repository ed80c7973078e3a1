"""Values of Python seen as values of JavaScript.

None is null, `UNDEFINED` undefined; bool, int, float, str, list, tuple, dict and
numpy's scalars are what they look like. Any other object is opaque: an object
without properties.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeGuard, cast, final

import numpy as np

from streamflow.nodes.javascript.errors import EvaluationError
from streamflow.nodes.javascript.numbers import (
    MAX_SAFE,
    MIN_SAFE,
    double,
    number_to_string,
    shorten,
    string_to_number,
)
from streamflow.nodes.javascript.strings import MAX_STRING, concat

MAX_DEPTH: Final = 200
"""Arrays within arrays that can be made a string."""


@final
class Undefined:
    """The type of `UNDEFINED`."""

    def __repr__(self) -> str:
        return "undefined"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        # There is one, also after a journey to another process.
        return "UNDEFINED"


UNDEFINED: Final = Undefined()
"""JavaScript's undefined: a property that is not there."""


class ArrayLiteral(list[Any]):
    """An array that an expression has made itself."""


class ObjectLiteral(dict[str, Any]):
    """An object that an expression has made itself."""


_PLAIN: Final = frozenset({str, bool, float, list, dict, type(None), Undefined})
UNCHANGED: Final = frozenset({str, bool, list, dict, type(None)})
"""Classes whose instances Python gets as they are."""


def adopt(value: object) -> Any:
    """A value in the form that this package computes with.

    Returns:
        `UNDEFINED`, None, a bool, a float, an int from ``MIN_SAFE`` to ``MAX_SAFE``,
        a str, a list or tuple, a dict, or an opaque object.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, int):
        # Not `int(value)`, which asks the subclass.
        return value if MIN_SAFE <= value <= MAX_SAFE else double(int.__int__(value))
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, np.bool_):
        return bool(cast("Any", value))
    if isinstance(value, np.integer):
        return adopt(int(cast("Any", value)))
    return float(cast("Any", value)) if isinstance(value, np.floating) else value


def export(value: object) -> Any:
    """A value as Python gets it.

    An integral number within ±(2**53 - 1) becomes an int, undefined None; an
    undefined property of an object that the expression made is left out. What was
    handed in and is only passed on is passed on as it is.
    """
    kind = type(value)
    if kind in UNCHANGED:
        return value
    if isinstance(value, ArrayLiteral):
        return [export(item) for item in value]
    if isinstance(value, ObjectLiteral):
        return {k: export(item) for k, item in value.items() if item is not UNDEFINED}
    if value is UNDEFINED:
        return None
    value = adopt(value)
    return shorten(value) if isinstance(value, float) else value


def is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether an adopted value is an array."""
    return isinstance(value, list | tuple)


def is_record(value: Any) -> TypeGuard[dict[Any, Any]]:
    """Whether an adopted value is an object with properties; only keys of class str name one."""
    return isinstance(value, dict)


def is_object(value: Any) -> bool:
    """Whether an adopted value is an object, not a primitive."""
    return not (value is None or value is UNDEFINED or isinstance(value, bool | int | float | str))


def truthy(value: Any) -> bool:
    """ToBoolean."""
    value = adopt(value)
    if is_object(value):
        return True
    # Of the primitives only NaN is true in Python and false here.
    return bool(value) and value == value  # noqa: PLR0124 - only NaN is not itself


def type_of(value: Any) -> str:
    """What the operator ``typeof`` says."""
    value = adopt(value)
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def to_primitive(value: Any) -> Any:
    """ToPrimitive of an adopted value: objects become strings.

    Raises:
        EvaluationError: an object has a property ``toString``, which is no
            function and stands before the one that would be.
    """
    if is_array(value):
        return array_to_string(value)
    if not is_object(value):
        return value
    if is_record(value) and "toString" in value:
        raise EvaluationError("an object whose toString is no function has no primitive value")
    return "[object Object]"


def to_number(value: Any) -> int | float:
    """ToNumber.

    >>> to_number(" 12 "), to_number([]), to_number(None), to_number(UNDEFINED)
    (12, 0, 0, nan)
    """
    value = to_primitive(adopt(value))
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if value is UNDEFINED:
        return math.nan
    number: int | float = string_to_number(value) if isinstance(value, str) else value
    return number


def to_string(value: Any) -> str:
    """ToString.

    >>> to_string([1, [None, 2.0], {}]), to_string(True)
    ('1,,2,[object Object]', 'true')
    """
    return primitive_to_string(to_primitive(adopt(value)))


def primitive_to_string(value: Any) -> str:
    """ToString of what is no object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return "undefined" if value is UNDEFINED else number_to_string(value)


def array_to_string(array: Sequence[Any]) -> str:
    """Array.prototype.join with a comma: empty for null and undefined.

    Raises:
        EvaluationError: it is nested too deep, as one that contains itself
            is, or the string becomes too long.
    """
    pieces: list[str] = []
    length = 0
    open_arrays: list[Iterator[Any]] = [iter(array)]
    comma = False
    while open_arrays:
        # Not by recursion: how deep an array is nested is its sender's choice.
        item = adopt(next(open_arrays[-1], _END))
        if item is _END:
            open_arrays.pop()
            comma = True
            continue
        piece = "," * comma
        comma = True
        if is_array(item):
            if len(open_arrays) == MAX_DEPTH:
                raise EvaluationError(f"an array is nested deeper than {MAX_DEPTH}")
            open_arrays.append(iter(item))
            comma = False
        elif item is not None and item is not UNDEFINED:
            piece += primitive_to_string(to_primitive(item))
        pieces.append(piece)
        length += len(piece)
        if length > MAX_STRING:
            break
    return concat(*pieces)


_END: Final = object()
