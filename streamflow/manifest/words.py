"""Words: a launch string, cut at spaces, with quotes as in a POSIX shell, and JSON as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from streamflow.manifest.faults import TextError

PIECE: Final = re.compile(
    r"""(?P<space>\s+)
    | '(?P<raw>[^']*)'
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | \\(?P<escaped>.)
    | (?P<bare>[^\s'"\\]+)""",
    re.VERBOSE | re.DOTALL,
)


JSON: Final = re.compile(r"[^\s'\"\\=]+=(?=[\[{])")
"""What stands before a list or a mapping, whose quotes are its own."""


@dataclass(slots=True)
class Word:
    r"""A word.

    Attributes:
        text: without its quotes.
        start: where it begins in the launch string.
        end: where it ends.
        equals: where its first ``=`` that stands in no quotes is in ``text``, or -1.
        quoted: whether any of what follows that, or of the whole, stood in quotes.

    >>> cut(r"scale 'a b'=\!")[1]
    Word(text='a b=!', start=6, end=14, equals=3, quoted=True)
    """

    text: str
    start: int
    end: int
    equals: int = -1
    quoted: bool = False

    def add(self, piece: str, end: int, *, quoted: bool) -> None:
        """Append what follows without a space between."""
        if not quoted and self.equals < 0 and "=" in piece:
            self.equals = len(self.text) + piece.index("=")
            # Quotes around the name say nothing of the value.
            self.quoted = False
        self.text += piece
        self.end = end
        self.quoted = self.quoted or quoted


def cut(text: str) -> list[Word]:
    """The words of a launch string.

    Raises:
        TextError: a quote does not end, or a backslash escapes nothing; its
            place is the offset.

    >>> [word.text for word in cut("media-source path='my clip.mp4' ! scale")]
    ['media-source', 'path=my clip.mp4', '!', 'scale']
    """
    words: list[Word] = []
    at, in_word = 0, False
    while at < len(text):
        named = None if in_word else JSON.match(text, at)
        if named is not None:
            end = _end_of_json(text, named.end())
            words.append(Word(text[at:end], at, end, named.end() - at - 1))
            at = end
            continue
        found = PIECE.match(text, at)
        if found is None:
            what = "a backslash escapes nothing" if text[at] == "\\" else "this quote does not end"
            raise TextError(((at,), what))
        at = found.end()
        if found["space"] is not None:
            in_word = False
            continue
        if not in_word:
            words.append(Word("", found.start(), found.end()))
            in_word = True
        piece, quoted = _read(found)
        words[-1].add(piece, found.end(), quoted=quoted)
    return words


def _end_of_json(text: str, start: int) -> int:
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        raise TextError(((start,), "a list or a mapping must be JSON")) from None
    if end < len(text) and not text[end].isspace():
        raise TextError(((end,), "a space must stand behind a list or a mapping"))
    return end


def _read(found: re.Match[str]) -> tuple[str, bool]:
    if found["bare"] is not None:
        return found["bare"], False
    if found["quoted"] is not None:
        return re.sub(r'\\(["\\$`])', r"\1", found["quoted"]), True
    return found["raw"] if found["raw"] is not None else found["escaped"], True
