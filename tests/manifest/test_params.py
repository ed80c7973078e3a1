"""Params: judged by the annotations of the constructor, as far as text can say them."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Annotated, Any, NewType

import pytest

from streamflow.manifest import load
from streamflow.node import Node
from streamflow.registry import Registry

Faults = Callable[..., dict[str, str]]

Rate = NewType("Rate", int)


class Elsewhere: ...


@pytest.mark.parametrize(
    ("params", "path", "sentence"),
    [
        ({"factor": "1"}, "factor", 'must be a number, got "1"'),
        ({"factor": True}, "factor", "must be a number, got true"),
        ({"factor": None}, "factor", "must be a number, got null"),
        ({"flag": 1}, "flag", "must be true or false, got 1"),
        ({"path": ["a"]}, "path", "must be text or null, got a list"),
        ({"weights": [1, "x"]}, "weights[1]", 'must be a number, got "x"'),
        ({"weights": {}}, "weights", "must be a list or null, got a mapping"),
        ({"table": {"a": 1, "b": 1.5}}, "table.b", "must be an integer, got 1.5"),
        ({"size": [1]}, "size", "must be a list of 2, not of 1"),
        ({"size": [1, None]}, "size[1]", "must be an integer, got null"),
        ({"call": "x"}, "call", 'must be a function or null, got "x"'),
        ({"fctor": 1}, "fctor", "Step has no such parameter; did you mean 'factor'?"),
        (
            {"x": 1},
            "x",
            (
                "Step has no such parameter; it takes factor, path, weights, table, size, call, "
                "flag, anything"
            ),
        ),
    ],
)
def test_a_param_that_cannot_be_is_a_fault(
    params: dict[str, Any], path: str, sentence: str, faults: Faults
) -> None:
    found = faults({"nodes": [{"id": "a", "node_type": "Step", "params": params}]})

    assert found == {f"nodes[0].params.{path}": sentence}


@pytest.mark.parametrize(
    "params",
    [
        {"factor": 1},
        {"factor": 1.5, "path": None, "weights": [], "table": {}, "size": [1, 2]},
        {"call": print, "weights": (1, 2), "anything": object()},
        {"weights": None, "flag": True, "anything": {"a": [1, None]}},
    ],
)
def test_what_can_be_is_taken(params: dict[str, Any], types: Registry) -> None:
    load({"nodes": [{"id": "a", "node_type": "Step", "params": params}]}, registry=types)


def test_a_literal_is_one_of_its_words(faults: Faults) -> None:
    node = {"id": "a", "node_type": "Picture", "params": {"width": 1, "mode": "slow"}}

    assert faults({"nodes": [node]}) == {
        "nodes[0].params.mode": 'must be one of "fast", "good", got "slow"'
    }


def test_a_constructor_of_any_options_takes_all(types: Registry, faults: Faults) -> None:
    node = {"id": "a", "node_type": "Open", "params": {"count": 2, "anything": 1}}

    load({"nodes": [node]}, registry=types)

    assert faults({"nodes": [{**node, "params": {"count": "2"}}]}) == {
        "nodes[0].params.count": 'must be an integer, got "2"'
    }


def test_annotations_of_every_kind_are_read(types: Registry, faults: Faults) -> None:
    class Odd(Node):
        def __init__(
            self,
            only: int,
            /,
            rate: Rate = Rate(1),
            note: Annotated[str, "words"] = "",
            path: str | PathLike[str] = "",
            other: Elsewhere | int = 1,
            free: list = [],  # type: ignore[type-arg]  # noqa: B006 - as found
            late: int = None,  # type: ignore[assignment]  # noqa: RUF013 - as found
            rows: list[dict[str, int] | None] | None = None,
            word: int | tuple[str, ...] = 1,
        ) -> None: ...

    types.register(Odd)
    good = {"other": "x", "free": [1, "a"], "late": None, "rows": [{"a": 1}, None], "word": ["a"]}
    bad = {"only": 1, "rate": "x", "note": 1, "path": 1, "rows": [{"a": "x"}], "word": [1]}

    load({"nodes": [{"id": "a", "node_type": "Odd", "params": good}]}, registry=types)

    assert faults({"nodes": [{"id": "a", "node_type": "Odd", "params": bad}]}) == {
        "nodes[0].params.only": (
            "Odd has no such parameter; it takes rate, note, path, other, free, late, rows, word"
        ),
        "nodes[0].params.rate": 'must be an integer, got "x"',
        "nodes[0].params.note": "must be text, got 1",
        "nodes[0].params.path": "must be text or a path, got 1",
        "nodes[0].params.rows[0].a": 'must be an integer, got "x"',
        "nodes[0].params.word[0]": "must be text, got 1",
    }
