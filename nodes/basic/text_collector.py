"""Whole sentences out of pieces of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from streamflow.context import NodeContext
from streamflow.node import Node
from streamflow.nodes.checks import check_count

MARKS: Final = re.compile(r"(<\|(?:text|audio)_end\|>)")
"""What speech models write where a text is over, or the sound of it."""


class TextCollector(Node):
    """Gathers pieces of text, and emits whole sentences as soon as each is complete.

    A sentence reaches to the end of a match of ``split_pattern``; one that is
    too short goes with the next. No text is lost but the blanks around
    sentences. The marks ``<|text_end|>`` and ``<|audio_end|>`` end a text:
    they are emitted by themselves, behind it. At the end of the input the rest
    comes out.

    Args:
        split_pattern: regular expression of what ends a sentence.
        min_sentence_length: characters that a sentence has at least.
        yield_partial_on_end: whether a mark sends what is gathered ahead of
            it, though the sentence is not complete.
        max_length: characters to gather at most; then they are emitted as
            they are.

    Raises:
        ValueError: the pattern is no regular expression, or a length is less than 1.

    >>> import streamflow as sf
    >>> sf.Pipeline(TextCollector()).run(["Good mor", "ning. How", " are you"]).results
    ['Good morning.', 'How are you']
    """

    def __init__(
        self,
        split_pattern: str = r"[.!?,;:\n]+",
        min_sentence_length: int = 3,
        *,
        yield_partial_on_end: bool = True,
        max_length: int = 10_000,
    ) -> None:
        check_count("min_sentence_length", min_sentence_length)
        check_count("max_length", max_length)
        try:
            self._boundary = re.compile(split_pattern)
        except (re.error, TypeError, RecursionError, OverflowError) as error:
            raise ValueError(
                f"split_pattern must be a regular expression, not {split_pattern!r}: {error}"
            ) from None
        self.split_pattern, self.min_sentence_length = split_pattern, min_sentence_length
        self.yield_partial_on_end, self.max_length = yield_partial_on_end, max_length
        self._text: str = ""

    def initialize(self, ctx: NodeContext) -> None:
        """Begin with nothing."""
        self._text = ""

    def process(self, item: Any) -> Iterator[str]:
        """Yield the sentences that are complete.

        Raises:
            TypeError: the item is no text.
        """
        if not isinstance(item, str):
            raise TypeError(f"TextCollector needs text, not {type(item).__name__}")
        for number, part in enumerate(MARKS.split(item)):
            if number % 2 == 0:
                self._text += part
                yield from self._sentences()
                continue
            if self.yield_partial_on_end:
                yield from self.flush()
            yield part

    def _sentences(self) -> Iterator[str]:
        text, start = self._text, 0
        whole: list[str] = []
        for match in self._boundary.finditer(text):
            sentence = text[start : match.end()].strip()
            if len(sentence) >= self.min_sentence_length:
                start = match.end()
                whole.append(sentence)
        self._text = text[start:]
        yield from whole
        if len(self._text) >= self.max_length:
            yield from self.flush()

    def flush(self) -> Iterator[str]:
        """Yield the rest, unless it is blank."""
        rest, self._text = self._text.strip(), ""
        if rest:
            yield rest

    def get_state(self) -> str:
        """The text gathered so far."""
        return self._text

    def set_state(self, state: str) -> None:
        """Go on with this text."""
        self._text = state
