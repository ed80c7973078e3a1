"""Params: whether what a text gives a constructor is of the types it asks for.

Only what text can say is judged, by annotations; everything else is left to the
constructor, which has the last word in any case.
"""

from __future__ import annotations

import collections.abc
import inspect
import os
import types
import typing
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from streamflow.manifest.faults import Where, show
from streamflow.manifest.shapes import is_dict, is_list

PLAIN: Final = frozenset((type(None), bool, int, float, str, list, dict))

WORDS: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    type(None): "null",
    Fraction: "a fraction",
    os.PathLike: "a path",
    collections.abc.Callable: "a function",
}

SEQUENCES: Final = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Collection,
    collections.abc.Set,
)
MAPPINGS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def faults_of(value: Any, parameter: inspect.Parameter) -> Iterator[tuple[Where, str]]:
    """What is wrong with a value for a parameter: places within it, and sentences.

    >>> def scale(width: int | None = None, weights: list[float] = []): ...
    >>> width, weights = inspect.signature(scale, eval_str=True).parameters.values()
    >>> list(faults_of("wide", width))
    [((), 'must be an integer or null, got "wide"')]
    >>> list(faults_of([1, 2, "3"], weights))
    [((2,), 'must be a number, got "3"')]
    """
    default = parameter.default
    if default is not parameter.empty and value is default:
        return
    yield from _judge(value, parameter.annotation)


def plain_types(parameter: inspect.Parameter) -> frozenset[type]:
    """Types all of whose values a parameter takes, for a quick look.

    >>> def scale(width: int | None, path: str): ...
    >>> [sorted(kind.__name__ for kind in plain_types(parameter))
    ...  for parameter in inspect.signature(scale, eval_str=True).parameters.values()]
    [['NoneType', 'int'], ['str']]
    """
    annotation = _strip(parameter.annotation)
    is_union = _kind(annotation) is typing.Union
    branches = typing.get_args(annotation) if is_union else (annotation,)
    kinds = {_kind(_strip(branch)) for branch in branches}
    found = kinds & {bool, int, float, str, type(None)}
    return frozenset(found | ({int} if float in found else set()))


def _judge(value: Any, annotation: Any) -> Iterator[tuple[Where, str]]:
    annotation = _strip(annotation)
    kind = _kind(annotation)
    if kind is None or type(value) not in PLAIN:
        return
    if kind is typing.Union:
        yield from _judge_union(value, typing.get_args(annotation))
    elif kind is typing.Literal:
        allowed = typing.get_args(annotation)
        if not any(value == one and type(value) is type(one) for one in allowed):
            yield (), f"must be one of {', '.join(map(show, allowed))}, got {show(value)}"
    elif not _is_of(value, kind):
        yield (), f"must be {WORDS[kind]}, got {show(value)}"
    elif is_list(value):
        yield from _judge_items(value, annotation)
    elif is_dict(value) and typing.get_args(annotation):
        of = typing.get_args(annotation)[-1]
        for name, item in value.items():
            yield from _within(name, _judge(item, of))


def _judge_union(value: Any, branches: tuple[Any, ...]) -> Iterator[tuple[Where, str]]:
    kinds = [_kind(_strip(branch)) for branch in branches]
    if None in kinds:
        return
    judged = [list(_judge(value, branch)) for branch in branches]
    if not all(judged):
        return
    deep = [faults for faults in judged if faults[0][0]]
    if len(deep) == 1:
        yield from deep[0]
        return
    words = [_words(branch) for branch in branches]
    listed = ", ".join(words[:-1]) + f" or {words[-1]}"
    yield (), f"must be {listed}, got {show(value)}"


def _judge_items(value: list[Any], annotation: Any) -> Iterator[tuple[Where, str]]:
    of = typing.get_args(annotation)
    if not of:
        return
    if typing.get_origin(annotation) is not tuple or of[-1] is Ellipsis:
        of = (of[0],) * len(value)
    elif len(of) != len(value):
        yield (), f"must be a list of {len(of)}, not of {len(value)}"
        return
    for index, (item, kind) in enumerate(zip(value, of, strict=True)):
        yield from _within(index, _judge(item, kind))


def _within(step: str | int, faults: Any) -> Iterator[tuple[Where, str]]:
    for where, words in faults:
        yield (step, *where), words


def _strip(annotation: Any) -> Any:
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation


def _kind(annotation: Any) -> Any:
    """What an annotation asks for, among what can be judged; None for the rest."""
    origin = typing.get_origin(annotation) or annotation
    if origin in (typing.Union, types.UnionType):
        return typing.Union
    if origin is None:
        return type(None)
    if origin in SEQUENCES:
        return list
    if origin in MAPPINGS:
        return dict
    return origin if origin is typing.Literal or origin in WORDS else None


def _is_of(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is collections.abc.Callable:
        return callable(value)
    return isinstance(value, kind)


def _words(annotation: Any) -> str:
    annotation = _strip(annotation)
    kind = _kind(annotation)
    if kind is typing.Literal:
        return " or ".join(map(show, typing.get_args(annotation)))
    return WORDS[kind]
