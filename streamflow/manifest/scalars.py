"""Scalars: what text without quotes stands for, by the core schema of YAML 1.2.

``on``, ``yes`` and ``12:30`` are text there; ``true``, ``null``, ``1e3`` and ``0x1F`` are not.
https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

NULL: Final = re.compile(r"(?:~|null|Null|NULL|)\Z")
BOOL: Final = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT: Final = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
INFINITE: Final = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")

MOST_DIGITS: Final = 1_000
"""Of an integer. More digits take time that grows with their square."""


def read_scalar(text: str) -> Any:
    """The null, boolean, number or, if it reads as none of these, string.

    A number that no float can hold, or of more digits than anybody needs, stays text.

    >>> [read_scalar(text) for text in ("640", "1e3", "0x1F", "true", "on", "")]
    [640, 1000.0, 31, True, 'on', None]
    """
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text[0] in "tT"
    if len(text) > MOST_DIGITS:
        return text
    if INT.match(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if FLOAT.match(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
