from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.errors import GraphError, UnknownNodeError
from streamflow.function import FunctionNode, node
from streamflow.node import Node
from streamflow.registry import Registry, registry, snake_case


class Threshold(Node):
    def __init__(self, level: int = 128) -> None:
        self.level = level

    def process(self, item: Any) -> Any:
        return item


def threshold() -> Threshold:
    """Makes one, but is not the class."""
    return Threshold()


@pytest.fixture
def private() -> Registry:
    """A registry that sees no entry points."""
    made = Registry(discover=False)
    made.register(Threshold)
    return made


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("MediaSource", "media_source"),
        ("EBUMeter", "ebu_meter"),
        ("media-source", "media_source"),
        ("media_source", "media_source"),
        ("Mix2Down", "mix2_down"),
        ("A", "a"),
    ],
)
def test_a_name_in_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@given(st.text("abcXYZ09_-"))
def test_snake_case_is_its_own_snake_case(name: str) -> None:
    once = snake_case(name)

    assert snake_case(once) == once


@pytest.mark.parametrize("name", ["Threshold", "threshold", "THRESHOLD"])
def test_a_class_answers_to_its_name_in_any_case(private: Registry, name: str) -> None:
    assert private.has(name)
    assert private.get(name) is Threshold


def test_a_node_is_made_with_its_parameters(private: Registry) -> None:
    made = private.create("threshold", level=7)

    assert isinstance(made, Threshold)
    assert made.level == 7


def test_parameters_are_checked_before_the_node_is_made(private: Registry) -> None:
    with pytest.raises(GraphError, match="no parameter 'levl'; did you mean 'level'"):
        private.create("threshold", levl=7)


def test_a_function_that_makes_nodes_may_be_registered(private: Registry) -> None:
    def doubler(factor: int = 2) -> FunctionNode:
        return node(lambda item: item * factor)

    private.register(doubler, "Doubler")

    made: Any = private.create("doubler", factor=3)
    assert made(2) == 6


def test_a_name_belongs_to_one_class(private: Registry) -> None:
    private.register(Threshold)

    with pytest.raises(GraphError, match="a node type 'Threshold' is registered already"):
        private.register(threshold, "Threshold")


@pytest.mark.parametrize("name", ["threshold", "THRESHOLD"])
def test_another_spelling_of_a_name_is_taken_too(private: Registry, name: str) -> None:
    with pytest.raises(GraphError, match="registered already"):
        private.register(threshold, name)


def test_an_unknown_name_is_answered_with_the_nearest(private: Registry) -> None:
    with pytest.raises(UnknownNodeError) as caught:
        private.create("treshold")

    assert caught.value.nearest == ("Threshold",)
    assert str(caught.value) == "unknown node 'treshold'; did you mean Threshold?"


def test_a_name_like_none_other_gets_no_hint(private: Registry) -> None:
    with pytest.raises(UnknownNodeError, match=r"^unknown node 'xyz'$"):
        private.get("xyz")


def test_a_registry_lists_its_names_sorted(private: Registry) -> None:
    private.register(threshold, "Abc")

    assert private.list() == ["Abc", "Threshold"]


class Point:
    """Stands in for an entry point of an installed package."""

    def __init__(self, name: str, found: Any) -> None:
        self.name, self._found, self.loaded = name, found, 0

    def load(self) -> Any:
        self.loaded += 1
        return self._found


def test_an_entry_point_is_imported_when_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    point = Point("Threshold", Threshold)

    def entry_points(*, group: str) -> list[Point]:
        return [point]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    made = Registry()

    before = (made.has("threshold"), made.list(), point.loaded)
    found = [made.get("threshold"), made.get("Threshold")]

    assert before == (True, ["Threshold"], 0)
    assert found == [Threshold, Threshold]
    assert point.loaded == 1


def test_the_process_has_a_registry_with_the_librarys_nodes() -> None:
    assert {"MediaSource", "Scale", "Resample", "PassThrough"} <= set(registry.list())
