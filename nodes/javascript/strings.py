"""Strings as JavaScript counts them, in UTF-16 code units.

A pair of surrogates always stands as the one character it means; only a
surrogate that has no partner stands alone. What is read from JSON or UTF-8 is
of that form.
"""

from __future__ import annotations

from typing import Final

from streamflow.nodes.javascript.errors import EvaluationError

MAX_STRING: Final = 1 << 24
"""Characters that a string made by an expression may have."""

SPACES: Final = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""White space and line ends (ECMA-262, 12.2 and 12.3)."""


def encode_units(text: str) -> bytes:
    """The code units of a string, two bytes each, the high one first."""
    return text.encode("utf-16-be", "surrogatepass")


def decode_units(units: bytes) -> str:
    r"""The string of some code units; surrogates that meet become one character.

    >>> decode_units(encode_units("\ud83d") + encode_units("\ude00")) == "\U0001f600"
    True
    """
    return units.decode("utf-16-be", "surrogatepass")


def join_pairs(text: str) -> str:
    """The same string with every pair of surrogates made one character."""
    return text if text.isascii() else decode_units(encode_units(text))


def count_units(text: str) -> int:
    r"""Length in code units.

    >>> count_units("a\U0001f600")
    3
    """
    return len(text) if text.isascii() else len(encode_units(text)) // 2


def unit_at(text: str, index: int) -> str | None:
    r"""The code unit at an index as a string; None outside the string.

    >>> unit_at("a\U0001f600", 1)
    '\ud83d'
    """
    if index < 0:
        return None
    if text.isascii():
        return text[index] if index < len(text) else None
    unit = encode_units(text)[2 * index : 2 * index + 2]
    return decode_units(unit) if unit else None


def is_less(a: str, b: str) -> bool:
    """Whether ``a`` comes before ``b``, code unit by code unit."""
    # Characters and units are in the same order where neither needs surrogates, and
    # UTF-16 in big-endian bytes sorts as its units do.
    if a.isascii() or b.isascii():
        return a < b
    return encode_units(a) < encode_units(b)


def concat(*parts: str) -> str:
    r"""All parts in one string.

    Raises:
        EvaluationError: it would be longer than `MAX_STRING`.

    >>> concat("\ud83d", "\ude00") == "\U0001f600"
    True
    """
    if sum(map(len, parts)) > MAX_STRING:
        raise EvaluationError(f"a string would be longer than {MAX_STRING} characters")
    return join_pairs("".join(parts))
