from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.nodes import TextCollector
from tests.nodes.drive import drive

pieces = st.lists(st.text("ab.,!? \n", max_size=8), max_size=12)


def test_sentences_come_as_soon_as_they_are_complete() -> None:
    node = TextCollector()

    assert list(node.process("Good mor")) == []
    assert list(node.process("ning. How are")) == ["Good morning."]
    assert list(node.process(" you? Fine!")) == ["How are you?", "Fine!"]
    assert list(node.flush()) == []


def test_the_rest_comes_at_the_end() -> None:
    assert drive(TextCollector(), ["One. Two", " three "]) == ["One.", "Two three"]


def test_blanks_between_pieces_stay() -> None:
    assert drive(TextCollector(), ["to ", "be ", "or", " not."]) == ["to be or not."]


def test_a_short_sentence_goes_with_the_next() -> None:
    assert drive(TextCollector(min_sentence_length=6), ["Oh. Well, then. No."]) == [
        "Oh. Well,",
        "then. No.",
    ]


@given(pieces=pieces, least=st.integers(1, 6))
@settings(max_examples=30)
def test_no_text_is_lost_but_blanks(pieces: list[str], least: int) -> None:
    sentences = drive(TextCollector(min_sentence_length=least), pieces)

    assert "".join("".join(sentences).split()) == "".join("".join(pieces).split())
    assert all(len(sentence) >= least for sentence in sentences[:-1])
    assert all(sentence == sentence.strip() != "" for sentence in sentences)


@given(pieces=pieces, data=st.data())
@settings(max_examples=30)
def test_a_state_carries_on_where_it_was_taken(pieces: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(pieces)))
    first, second = TextCollector(), TextCollector()

    found = [sentence for piece in pieces[:cut] for sentence in first.process(piece)]
    second.set_state(first.get_state())
    found += [sentence for piece in pieces[cut:] for sentence in second.process(piece)]

    assert [*found, *second.flush()] == drive(TextCollector(), pieces)


@pytest.mark.parametrize("mark", ["<|text_end|>", "<|audio_end|>"])
def test_a_mark_ends_the_text_and_is_passed_on_behind_it(mark: str) -> None:
    assert drive(TextCollector(), [f"Hello. Th{mark}ere"]) == ["Hello.", "Th", mark, "ere"]


def test_a_mark_leaves_what_is_incomplete_if_told_so() -> None:
    node = TextCollector(yield_partial_on_end=False)

    assert drive(node, ["Hel", "<|text_end|>", "lo."]) == ["<|text_end|>", "Hello."]


def test_text_without_an_end_is_bounded() -> None:
    node = TextCollector(max_length=10)

    assert drive(node, ["abcd"] * 4) == ["abcdabcdabcd", "abcd"]


def test_a_long_text_of_many_sentences_takes_no_longer_than_its_length() -> None:
    text = "A sentence. " * 50_000

    assert drive(TextCollector(), [text]) == ["A sentence."] * 50_000


def test_any_pattern_can_end_a_sentence() -> None:
    node = TextCollector(r"(?<=[.!?])\s+", min_sentence_length=1)

    assert drive(node, ["It costs 3.50, ", "he said. Really?"]) == [
        "It costs 3.50, he said.",
        "Really?",
    ]


def test_a_run_begins_with_nothing() -> None:
    node = TextCollector()
    list(node.process("left over"))

    assert drive(node, ["new."]) == ["new."]


@pytest.mark.parametrize("item", [b"bytes", 3, None, ["a"]])
def test_what_is_no_text_is_refused_by_name(item: Any) -> None:
    with pytest.raises(TypeError, match=f"TextCollector needs text, not {type(item).__name__}"):
        drive(TextCollector(), [item])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"split_pattern": "["}, r"split_pattern must be a regular expression, not '\['"),
        ({"split_pattern": 3}, "split_pattern must be a regular expression, not 3"),
        ({"min_sentence_length": 0}, "min_sentence_length must be a whole number of 1 or more"),
        ({"max_length": 0}, "max_length must be a whole number of 1 or more, not 0"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TextCollector(**params)
