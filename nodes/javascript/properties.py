"""Properties: keys of dicts, items of lists, code units of strings, lengths.

Only what an object has itself is there. No attribute of a Python object can be
reached, and no prototype's method.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from streamflow.nodes.javascript.errors import EvaluationError
from streamflow.nodes.javascript.strings import count_units, decode_units, encode_units, unit_at
from streamflow.nodes.javascript.values import (
    UNDEFINED,
    adopt,
    is_array,
    is_record,
    to_string,
    type_of,
)

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,15}")


def get_member(value: Any, key: str) -> Any:
    """``value.key``; `UNDEFINED` if there is none.

    Raises:
        EvaluationError: the value is undefined or null.
    """
    value = adopt(value)
    if is_record(value):
        return value.get(key, UNDEFINED)
    if value is None or value is UNDEFINED:
        name = "null" if value is None else "undefined"
        raise EvaluationError(f"cannot read property {key!r} of {name}")
    if is_array(value) or isinstance(value, str):
        if key == "length":
            return count_units(value) if isinstance(value, str) else len(value)
        if _INDEX.fullmatch(key):
            return _item(value, int(key))
    return UNDEFINED


def get_item(value: Any, key: Any) -> Any:
    """``value[key]``; `UNDEFINED` if there is none.

    Raises:
        EvaluationError: the value is undefined or null, or the key has no string.
    """
    if value is None or value is UNDEFINED:
        return get_member(value, _describe_key(key))
    if type(key) is int and key >= 0:
        value = adopt(value)
        if is_array(value) or isinstance(value, str):
            return _item(value, key)
    return get_member(value, to_string(key))


def _describe_key(key: Any) -> str:
    # The value is at fault, whatever the key is.
    return key if isinstance(key, str) else type_of(key)


def _item(value: Sequence[Any] | str, index: int) -> Any:
    if isinstance(value, str):
        unit = unit_at(value, index)
        return UNDEFINED if unit is None else unit
    return value[index] if index < len(value) else UNDEFINED


def has_property(key: Any, value: Any) -> bool:
    """``key in value``, of the properties that the object has itself.

    Raises:
        EvaluationError: the value is no object.
    """
    value, name = adopt(value), to_string(key)
    if is_record(value):
        return name in value
    if is_array(value):
        return name == "length" or (_INDEX.fullmatch(name) is not None and int(name) < len(value))
    if type_of(value) != "object" or value is None:
        kind = "null" if value is None else type_of(value)
        raise EvaluationError(f"in needs an object on its right, not {kind}")
    return False


def spread_items(value: Any) -> Iterator[Any]:
    """``...value`` in an array: items of an array, characters of a string.

    Raises:
        EvaluationError: the value cannot be iterated.
    """
    value = adopt(value)
    if not (is_array(value) or isinstance(value, str)):
        kind = "null" if value is None else type_of(value)
        raise EvaluationError(f"... in an array needs an array or a string, not {kind}")
    return iter(value)


def spread_properties(value: Any) -> Iterator[tuple[str, Any]]:
    """``...value`` in an object: properties of an object; none of other values."""
    value = adopt(value)
    if is_record(value):
        return ((key, item) for key, item in value.items() if isinstance(key, str))
    if is_array(value):
        return ((str(index), item) for index, item in enumerate(value))
    if isinstance(value, str):
        units = encode_units(value)
        return (
            (str(index), decode_units(units[2 * index : 2 * index + 2]))
            for index in range(len(units) // 2)
        )
    return iter(())
