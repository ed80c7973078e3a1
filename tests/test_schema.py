from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import pytest

from streamflow.errors import GraphError
from streamflow.schema import check_params, params_schema

if TYPE_CHECKING:
    from decimal import Decimal


class Scale:
    def __init__(
        self,
        width: int,
        height: int | None = None,
        *,
        mode: Literal["fast", "good"] = "fast",
        factor: float = math.inf,
        names: list[str] | None = None,
        on_done: Callable[[], None] | None = None,
        either: int | Literal["auto"] = "auto",
        free: Any = None,
    ) -> None: ...


class Open:
    def __init__(self, first: str, *rest: int, **more: int) -> None: ...


class Unseen:
    def __init__(self, price: Decimal, count: int = 1) -> None: ...


class Bare: ...


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("width", {"type": "integer"}),
        ("height", {"type": ["integer", "null"], "default": None}),
        ("mode", {"enum": ["fast", "good"], "default": "fast"}),
        ("factor", {"type": "number", "default": math.inf}),
        ("names", {"type": ["array", "null"], "default": None}),
        ("on_done", {"default": None}),
        ("either", {"anyOf": [{"type": "integer"}, {"enum": ["auto"]}], "default": "auto"}),
        ("free", {"default": None}),
    ],
)
def test_an_annotation_becomes_a_schema(name: str, schema: dict[str, Any]) -> None:
    assert params_schema(Scale)["properties"][name] == schema


def test_parameters_without_a_default_are_required() -> None:
    assert params_schema(Scale)["required"] == ["width"]
    assert params_schema(Scale)["additionalProperties"] is False


def test_a_constructor_that_takes_anything_is_open() -> None:
    schema = params_schema(Open)

    assert list(schema["properties"]) == ["first"]
    assert schema["additionalProperties"] is True


def test_an_annotation_that_cannot_be_resolved_leaves_the_parameter_open() -> None:
    assert params_schema(Unseen)["properties"] == {"price": {}, "count": {"default": 1}}


def test_a_class_without_a_constructor_has_no_parameters() -> None:
    assert params_schema(Bare)["properties"] == {}


@pytest.mark.parametrize(
    ("cls", "params"),
    [(Scale, {"width": 1}), (Open, {"first": "a", "other": 2}), (Bare, {})],
)
def test_parameters_that_the_constructor_takes_pass(cls: type, params: dict[str, Any]) -> None:
    check_params(cls, params)


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        (Scale, {"width": 1, "hight": 2}, "Scale has no parameter 'hight'; did you mean 'height'?"),
        (Scale, {"width": 1, "zzz": 2}, "Scale has no parameter 'zzz'; it takes width, height"),
        (Scale, {}, "Scale needs width"),
        (Bare, {"x": 1}, "Bare has no parameter 'x'; it takes none"),
    ],
)
def test_parameters_that_it_does_not_take_are_named(
    cls: type, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(GraphError) as caught:
        check_params(cls, params)

    assert str(caught.value).startswith(message)
