"""YAML 1.2 without its dangers: no tags, no keys twice, aliases only as far as they are small.

Plain scalars follow the core schema, in which ``on`` and ``yes`` are text; ``<<`` merges, as
manifests in the wild do. https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from streamflow.manifest.faults import TextError, Where
from streamflow.manifest.scalars import INFINITE, MOST_DIGITS, read_scalar
from streamflow.manifest.shapes import is_dict, is_list

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser of libyaml where PyYAML was built with it: about ten times as fast."""

DEEPEST: Final = 200
"""Levels: fewer than a recursive reader could stand, and more than a manifest may have."""

MOST_VALUES: Final = 150_000
"""Values, with all that aliases stand for: a few lines could come to billions."""


def read_yaml(text: str) -> Any:
    """What a YAML text says, made of dicts with text as keys, lists and scalars.

    Raises:
        TextError: it is none, is dangerous, or holds a key twice.

    >>> read_yaml("{on: process, size: 1e3, default: &x [1], same: *x}")
    {'on': 'process', 'size': 1000.0, 'default': [1], 'same': [1]}
    """
    try:
        return _Composer(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise TextError(((), f"{at}{error.problem or error.context}")) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise TextError(((), " ".join(str(error).split()))) from None


MOST_FLAWS: Final = 100
"""Keys that stand twice, after which no more are looked for."""


class _Composer:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=LOADER)
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._flaws: list[tuple[Where, str]] = []
        self._count = 0

    def document(self) -> Any:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), ())
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise TextError(((), f"{_at(event)}: a second document begins; one is a manifest"))
        if self._flaws:
            raise TextError(*self._flaws)
        return value

    def _value(self, event: Any, where: Where) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            raise TextError(((), f"{_at(event)}: the tag {event.tag} is refused: tags run code"))
        if len(where) > DEEPEST:
            raise TextError(((), f"{_at(event)}: more than {DEEPEST} levels deep"))
        anchor, before = event.anchor, self._count
        self._add(1, event)
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(where)
        else:
            value = self._mapping(where)
        if anchor is not None:
            self._anchors[anchor] = (value, self._count - before)
        return value

    def _alias(self, event: Any) -> Any:
        found = self._anchors.get(event.anchor)
        if found is None:
            what = "holds itself" if event.anchor in self._anchors else "is not there"
            raise TextError(((), f"{_at(event)}: *{event.anchor} {what}"))
        value, size = found
        self._add(size, event)
        return value

    def _add(self, count: int, event: Any) -> None:
        self._count += count
        if self._count > MOST_VALUES:
            words = f"more than {MOST_VALUES} values, those of aliases included"
            raise TextError(((), f"{_at(event)}: {words}"))

    def _scalar(self, event: Any) -> Any:
        if not event.implicit[0]:
            return event.value
        text: str = event.value
        if len(text) > MOST_DIGITS and text.isdecimal():
            words = f"an integer of {len(text)} digits is no number that anybody needs"
            raise TextError(((), f"{_at(event)}: {words}"))
        if INFINITE.match(text):
            raise TextError(((), f"{_at(event)}: {text} is no number that a manifest may hold"))
        return read_scalar(text)

    def _sequence(self, where: Where) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*where, len(items))))
        return items

    def _mapping(self, where: Where) -> dict[str, Any]:
        made: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[Any] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key == "<<" and event.implicit[0]:
                merged.append((event, self._value(next(self._events), (*where, key))))
                continue
            line = event.start_mark.line + 1
            if key in lines:
                words = f"stands twice, in lines {lines[key]} and {line}"
                self._flaws.append(((*where, key), words))
                if len(self._flaws) == MOST_FLAWS:
                    raise TextError(*self._flaws)
            lines[key] = line
            made[key] = self._value(next(self._events), (*where, key))
        for event, value in merged:
            for one in value if is_list(value) else [value]:
                if not is_dict(one):
                    raise TextError(((), f"{_at(event)}: << must merge a mapping"))
                made = {**one, **made}
        return made

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise TextError(((), f"{_at(event)}: a key must be text"))
        if event.tag is not None:
            raise TextError(((), f"{_at(event)}: the tag {event.tag} is refused: tags run code"))
        return str(event.value)


def _at(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"
