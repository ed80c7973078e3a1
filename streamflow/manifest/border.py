"""The border: data of any shape becomes models, or faults in our words."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from streamflow.manifest.faults import Faults, Where, show
from streamflow.manifest.shapes import is_dict

M = TypeVar("M", bound=BaseModel)

Context = Mapping[str, Any]


def _literal(context: Context) -> str:
    expected = str(context["expected"]).replace("'", '"')
    return f"must be {'one of ' if ' or ' in expected else ''}{expected}"


SENTENCES: Final[Mapping[str, Callable[[Context], str]]] = {
    "int_type": lambda _: "must be an integer",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "string_type": lambda _: "must be text",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda context: f"must not be longer than {context['max_length']} letters",
    "dict_type": lambda _: "must be a mapping",
    "model_type": lambda _: "must be a mapping",
    "model_attributes_type": lambda _: "must be a mapping",
    "list_type": lambda _: "must be a list",
    "too_short": lambda _: "must not be empty",
    "literal_error": _literal,
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "greater_than_equal": lambda context: f"must be {context['ge']} or more",
    "less_than_equal": lambda context: f"must be {context['le']} or less",
    "value_error": lambda context: str(context["error"]),
}
"""Pydantic's types of errors in our words; each is followed by what was got."""

PATTERNS: Final[Mapping[str, str]] = {
    "id": "must be a word without '.', '>' or spaces",
    "name": "must be a word",
}
"""The same for patterns, by their field; other fields are ends of edges."""


def read(
    model: type[M],
    data: Any,
    where: Where,
    faults: Faults,
    stand_ins: Mapping[str, Any] | None = None,
) -> M | None:
    """A model of the data; where something is wrong, of what is right of it.

    Args:
        model: what it should be.
        data: what was read.
        where: its place.
        faults: take what is wrong.
        stand_ins: for required fields that are missing or wrong.

    Returns:
        None where nothing can be made of it.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
    for one in wrong:
        _tell(model, one, where, faults)
    if not is_dict(data):
        return None
    bad = {one["loc"][0] for one in wrong if one["loc"]}
    rest = {key: value for key, value in data.items() if key not in bad}
    return model.model_construct(**(dict(stand_ins or {}) | _valid(model, rest)))


def _valid(model: type[BaseModel], rest: dict[str, Any]) -> dict[str, Any]:
    # What pydantic found nothing wrong with, validated once more for the models within.
    made: dict[str, Any] = {}
    for key, value in rest.items():
        partial = model.__pydantic_validator__.validate_assignment(
            model.model_construct(), key, value
        )
        made[key] = getattr(partial, key)
    return made


def _tell(model: type[BaseModel], error: Any, where: Where, faults: Faults) -> None:
    kind, loc, got = error["type"], _clean(error["loc"]), error["input"]
    place = (*where, *loc)
    if kind == "missing":
        faults.add(place, "is missing")
    elif kind == "extra_forbidden":
        known = _fields(model, loc[:-1])
        faults.add(place, f"unknown field{faults.hint(str(loc[-1]), known)}")
    elif kind == "string_pattern_mismatch":
        words = PATTERNS.get(str(loc[-1]), "must be the id of a node, or node.port")
        faults.add(place, f"{words}, got {show(got)}")
    else:
        say = SENTENCES.get(kind)
        words = say(error.get("ctx", {})) if say else str(error["msg"])
        faults.add(place, f"{words}, got {show(got)}")


def _clean(loc: tuple[str | int, ...]) -> Where:
    # The names that tell the kinds of placements apart are no fields of the text.
    if loc[:1] == ("on",) and len(loc) > 1:
        return ("on", *loc[2:])
    return loc


def _fields(model: type[BaseModel], loc: Where) -> list[str]:
    """Fields of the model that a place within a model holds."""
    fields = model.model_fields
    for step in loc:
        inner = _model_in(fields[str(step)].annotation) if str(step) in fields else None
        if inner is None:
            return []
        fields = inner.model_fields
    return [field.alias or name for name, field in fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *typing.get_args(annotation)):
        for kind in (one, *typing.get_args(one)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                return kind
    return None
