"""FFmpeg's filter graph descriptions, read as FFmpeg reads them.

``[in0][in1]overlay=x=10[v]; [v]split[a][b]``: chains are separated by ``;``,
filters in a chain by ``,``. Labels before a filter name its inputs, those after
it its outputs. A quote or a backslash takes the meaning from what follows.
See https://ffmpeg.org/ffmpeg-filters.html#Filtergraph-description
"""

from __future__ import annotations

from typing import NamedTuple


class FilterSpec(NamedTuple):
    """One filter: its name, arguments (not yet parsed), and the labels of its pads."""

    name: str
    arguments: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def parse(description: str) -> list[list[FilterSpec]]:
    """The chains of a description.

    Raises:
        ValueError: it does not follow the grammar; the sentence says where.

    >>> parse("[a]scale=w=320,hflip[b]")[0][0]
    FilterSpec(name='scale', arguments='w=320', inputs=('a',), outputs=())
    """
    reader = _Reader(description)
    chains: list[list[FilterSpec]] = [[]]
    while True:
        chains[-1].append(_read_filter(reader))
        separator = reader.next()
        if not separator:
            return chains
        if separator == ";":
            if not reader.rest():
                return chains
            chains.append([])
        elif separator != ",":
            raise reader.error(f"expected , or ; instead of {separator!r}")


def _read_filter(reader: _Reader) -> FilterSpec:
    inputs = _read_labels(reader)
    # ``scale@name`` is an instance with a name; nobody asks for it.
    name = reader.token("=,;[").partition("@")[0]
    if not name:
        raise reader.error("expected the name of a filter")
    arguments = None
    if reader.peek() == "=":
        reader.next()
        arguments = reader.token("[],;")
    return FilterSpec(name, arguments, inputs, _read_labels(reader))


def _read_labels(reader: _Reader) -> tuple[str, ...]:
    labels: list[str] = []
    while reader.peek() == "[":
        reader.next()
        label = reader.token("]")
        if not label or reader.next() != "]":
            raise reader.error("expected a label such as [in]")
        labels.append(label)
    return tuple(labels)


class _Reader:
    """A place in a text."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def rest(self) -> str:
        """What is left, without white space around it."""
        return self._text[self._at :].strip()

    def peek(self) -> str:
        """The next character that is no white space, or nothing."""
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def next(self) -> str:
        """Take that character."""
        character = self.peek()
        self._at += len(character)
        return character

    def token(self, ends: str) -> str:
        """Take all up to one of ``ends`` that is neither quoted nor escaped."""
        self.peek()
        taken: list[str] = []
        kept = 0  # white space at the end goes, unless it was quoted
        while (character := self._text[self._at : self._at + 1]) and character not in ends:
            self._at += 1
            if character == "'":
                taken += self._quoted()
                kept = len(taken)
            elif character == "\\" and self._at < len(self._text):
                taken.append(self._text[self._at])
                self._at += 1
                kept = len(taken)
            else:
                taken.append(character)
        while len(taken) > kept and taken[-1].isspace():
            taken.pop()
        return "".join(taken)

    def _quoted(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise self.error("a quote is not closed")
        quoted, self._at = self._text[self._at : end], end + 1
        return quoted

    def error(self, problem: str) -> ValueError:
        """The problem, and where it is."""
        return ValueError(
            f"filter graph {self._text!r}: {problem} at character {min(self._at, len(self._text))}"
        )
