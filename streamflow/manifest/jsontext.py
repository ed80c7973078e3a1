"""JSON, as RFC 8259 has it: no key twice, no NaN, no number that nobody could mean."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from streamflow.manifest.faults import TextError, Where
from streamflow.manifest.scalars import MOST_DIGITS

TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def read_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        TextError: it is none, holds a key twice, or a number that cannot be.

    >>> read_json('{"nodes": []}')
    {'nodes': []}
    """
    doubled = False

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        made = dict(pairs)
        doubled = doubled or len(made) < len(pairs)
        return made

    try:
        data = json.loads(
            text,
            object_pairs_hook=mapping,
            parse_float=_float,
            parse_int=_int,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise TextError(((), f"{at}: {_say(error.msg)}")) from None
    except RecursionError:
        raise TextError(((), "is nested far too deep")) from None
    except OverflowError as error:
        raise TextError(((), str(error))) from None
    if doubled:
        raise TextError(*_find_doubled(text))
    return data


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise OverflowError(f"{text[:40]} is too large for a number")
    return number


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise OverflowError(f"an integer of {len(text)} digits is no number that anybody needs")
    return int(text)


def _constant(text: str) -> Any:
    raise OverflowError(f"{text} is no JSON number")


def _say(words: str) -> str:
    return words[:1].lower() + words[1:]


def _find_doubled(text: str) -> Iterator[tuple[Where, str]]:
    """Each key that stands twice in a mapping, with the lines of both; the text is valid JSON."""
    path: list[str | int] = []
    open_keys: list[dict[str, int]] = []
    line, seen, is_key = 1, 0, False
    for found in TOKEN.finditer(text):
        mark = found[0]
        if mark == "{":
            open_keys.append({})
            path.append("")
            is_key = True
        elif mark == "[":
            open_keys.append({})
            path.append(0)
            is_key = False
        elif mark in "}]":
            open_keys.pop()
            path.pop()
            is_key = False
        elif mark == ",":
            step = path[-1]
            is_key = not isinstance(step, int)
            if isinstance(step, int):
                path[-1] = step + 1
        elif mark == ":":
            is_key = False
        elif is_key:
            key, keys = json.loads(mark), open_keys[-1]
            line, seen = line + text.count("\n", seen, found.start()), found.start()
            path[-1] = key
            if key in keys:
                yield (*path,), f"stands twice, in lines {keys[key]} and {line}"
            keys[key] = line
