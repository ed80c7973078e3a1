from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.nodes.filters.description import FilterSpec, parse


def test_chains_filters_arguments_and_labels_are_told_apart() -> None:
    chains = parse("[a][b] overlay = x=10:y=20 [v] ; [v] hflip , scale@big=w=640:h=-2 [out];")

    assert chains == [
        [FilterSpec("overlay", "x=10:y=20", ("a", "b"), ("v",))],
        [
            FilterSpec("hflip", None, ("v",), ()),
            FilterSpec("scale", "w=640:h=-2", (), ("out",)),
        ],
    ]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (r"f=a\,b", "a,b"),
        ("f='a,b;c[d]'", "a,b;c[d]"),
        ("f='a'x'b'", "axb"),
        (r"f=it\'s", "it's"),
        ("f=' a '", " a "),
        ("f= a ", "a"),
        (r"f=a\ ", "a "),
        ("f=", ""),
        ("f=a\\", "a\\"),
    ],
)
def test_quotes_and_backslashes_protect(text: str, arguments: str) -> None:
    assert parse(text)[0][0].arguments == arguments


@given(st.text(st.characters(exclude_characters="'", exclude_categories=["Cs"])))
def test_what_is_quoted_is_taken_as_it_is(text: str) -> None:
    assert parse(f"f='{text}'")[0][0].arguments == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected the name of a filter at character 0"),
        ("hflip,", "expected the name of a filter at character 6"),
        ("hflip;;vflip", "expected the name of a filter at character 6"),
        ("[a", r"expected a label such as \[in\] at character 2"),
        ("[]hflip", "expected a label"),
        ("f='open", "a quote is not closed at character 3"),
        ("f[a]g", "expected , or ; instead of 'g' at character 5"),
        ("f=a]", "expected , or ; instead of ']'"),
    ],
)
def test_what_breaks_the_grammar_is_pointed_at(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text)
