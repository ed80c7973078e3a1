from __future__ import annotations

import pickle
from typing import Any

import pytest

from streamflow.nodes.symbia.data import JsonTransform, read_path
from tests.nodes.drive import drive

ITEM = {"data": {"items": [{"name": "a"}, {"name": "b"}], "first name": 1, "it's": {"\\": 2}}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data.items[1].name", "b"),
        ("data.items.0.name", "a"),
        ("$.data['first name']", 1),
        ('$["data"]["it\'s"].\\', 2),
        ("data.items.length", 2),
        ("", ITEM),
        ("$", ITEM),
        ("[0]", None),
    ],
)
def test_a_path_leads_to_its_part(path: str, found: Any) -> None:
    assert drive(JsonTransform(path), [ITEM]) == ([] if found is None else [found])


def test_an_item_without_the_part_goes_no_further() -> None:
    assert drive(JsonTransform("a.b"), [{}, {"a": None}, 5, "x", {"a": {"b": 0}}]) == [0]


@pytest.mark.parametrize("path", [".a", "a..b", "a[", "a[b]", "a b", "a.[0]", "a]", "a[0]b", "$a"])
def test_a_bad_path_is_named_with_its_place(path: str) -> None:
    with pytest.raises(ValueError, match="path cannot go on at character"):
        read_path(path)


def test_it_travels() -> None:
    node = pickle.loads(pickle.dumps(JsonTransform("a")))  # noqa: S301 - made right here

    assert drive(node, [{"a": 1}]) == [1]
