"""Faults: all that is wrong with a manifest, each with where it stands, told at once."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from streamflow.errors import ManifestError

Where: TypeAlias = tuple[str | int, ...]
"""A place in a manifest: ``("nodes", 2, "params", "width")``."""

COMPARED: Final = 20_000
"""Names that unknown ones are compared with, all together: each takes some ten microseconds."""

MOST: Final = 1_000
"""Faults that are told: nobody reads more, and a hostile text may have millions."""

LONGEST: Final = 60
"""Letters of a value that are shown."""


class TextError(ValueError):
    """A text cannot be read.

    Attributes:
        flaws: places and sentences.
    """

    def __init__(self, *flaws: tuple[Where, str]) -> None:
        super().__init__(flaws)
        self.flaws = flaws


class Faults:
    """Collects faults.

    Args:
        source: where the manifest came from, for the error.

    Attributes:
        spelling: what the text calls a field that we call otherwise, by its place.
        sections: top-level fields in the order of the text, which faults are told in.

    >>> faults = Faults("a.json")
    >>> faults.add(("nodes", 2, "params", "width"), "must be an integer")
    >>> faults.raise_any()
    Traceback (most recent call last):
    ...
    streamflow.errors.ManifestError: a.json: nodes[2].params.width: must be an integer
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.spelling: dict[Where, str] = {}
        self.sections: Sequence[str] = ()
        self._found: list[tuple[Where, str]] = []
        self._left = COMPARED

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, where: Where, words: str) -> None:
        """Note a fault.

        Raises:
            ManifestError: there are more than anybody reads.
        """
        self._found.append((where, words))
        if len(self._found) == MOST - 1:
            self._found.append(((), "there may be more than these"))
            self.raise_any()

    def hint(self, name: str, known: Iterable[str]) -> str:
        """``; did you mean 'x'?``, or nothing if no known name is near."""
        names = list(known)
        if not self.may_compare(len(names)):
            return ""
        near = difflib.get_close_matches(name[:LONGEST], names, 2)
        return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""

    def may_compare(self, count: int) -> bool:
        """Whether a name may be compared with so many others; counts them."""
        self._left -= count
        return self._left >= 0

    def spelled(self, where: Where) -> Where:
        """A place in the words of the text."""
        if not self.spelling:
            return where
        return tuple(
            self.spelling.get(where[:length], step) for length, step in enumerate(where, 1)
        )

    def path(self, where: Where) -> str:
        """A place as people write it, in the words of the text."""
        steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.spelled(where))
        return "".join(steps).removeprefix(".")

    def raise_any(self) -> None:
        """Tell what was found.

        Raises:
            ManifestError: there are faults.
        """
        if self._found:
            found = sorted(self._found, key=self._rank)
            told = dict.fromkeys((self.path(where), words) for where, words in found)
            raise ManifestError(self.source, tuple(told))

    def _rank(self, fault: tuple[Where, str]) -> tuple[int, int]:
        where = fault[0]
        if not where:
            return (-1, 0)
        name = self.spelling.get(where[:1], str(where[0]))
        section = self.sections.index(name) if name in self.sections else len(self.sections)
        index = where[1] if len(where) > 1 else -1
        return (section, index if isinstance(index, int) else 0)


def show(value: Any) -> str:
    """A value as a manifest has it, shortened.

    >>> show("wide"), show(None), show([1, 2]), show({})
    ('"wide"', 'null', 'a list', 'a mapping')
    """
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        return json.dumps(cut, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge number"
    words = repr(value)
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
