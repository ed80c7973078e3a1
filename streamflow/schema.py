"""Parameters: what a node's constructor takes, as a JSON Schema.

The constructor is the one home of a node's parameters. The schema is read off
its signature; a check against it names the parameter, what it was and what it
must be.
"""

from __future__ import annotations

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from streamflow.errors import GraphError

JSON_TYPES: Mapping[Any, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    dict: "object",
    type(None): "null",
}


def params_schema(cls: Callable[..., Any]) -> dict[str, Any]:
    """JSON Schema of a class's constructor.

    Annotations that JSON has no word for (callables, arrays) are left open.

    >>> class Scale:
    ...     def __init__(self, width: int, height: int | None = None) -> None: ...
    >>> params_schema(Scale)["properties"]["height"]
    {'type': ['integer', 'null'], 'default': None}
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    parameters = constructor_parameters(cls)
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        schema = _annotation_schema(parameter.annotation)
        if parameter.default is parameter.empty:
            required.append(name)
        elif isinstance(parameter.default, str | int | float | bool | None):
            schema["default"] = parameter.default
        properties[name] = schema
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": is_open,
    }


def constructor_parameters(cls: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Parameters of ``cls(...)``, annotations resolved where they can be."""
    if getattr(cls, "__init__", None) is object.__init__:
        return {}
    try:
        signature = inspect.signature(cls, eval_str=True)
    except NameError:
        signature = inspect.signature(cls)
    return dict(signature.parameters)


def check_params(cls: Callable[..., Any], params: Mapping[str, Any]) -> None:
    """Refuse parameters that the constructor does not take.

    Raises:
        GraphError: one is unknown (with the nearest name), or one is missing.
    """
    takes = _takes.get(cls)
    if takes is None:
        # Read off its signature once for each class, not for each node.
        schema = params_schema(cls)
        takes = Takes(
            tuple(schema["properties"]), tuple(schema["required"]), schema["additionalProperties"]
        )
        _takes[cls] = takes
    for name in params:
        if name not in takes.known and not takes.others:
            near = difflib.get_close_matches(name, takes.known, 1)
            names = ", ".join(takes.known) or "none"
            hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {names}"
            raise GraphError(f"{cls.__name__} has no parameter {name!r}{hint}")
    missing = [name for name in takes.required if name not in params]
    if missing:
        raise GraphError(f"{cls.__name__} needs {', '.join(missing)}")


class Takes(NamedTuple):
    """Names of parameters: all that are known, those without a default, and whether others go."""

    known: tuple[str, ...]
    required: tuple[str, ...]
    others: bool


_takes: WeakKeyDictionary[Callable[..., Any], Takes] = WeakKeyDictionary()


def _annotation_schema(annotation: Any) -> dict[str, Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        branches = [_annotation_schema(branch) for branch in typing.get_args(annotation)]
        if any(not branch for branch in branches):
            return {}
        if all(set(branch) == {"type"} for branch in branches):
            names = list(dict.fromkeys(branch["type"] for branch in branches))
            return {"type": names if len(names) > 1 else names[0]}
        return {"anyOf": branches}
    if typing.get_origin(annotation) is typing.Literal:
        return {"enum": list(typing.get_args(annotation))}
    name = JSON_TYPES.get(typing.get_origin(annotation) or annotation)
    return {"type": name} if name else {}
