"""Numbers: 64-bit floats, written and read as JavaScript does.

Within an expression a number is a float, or an int from `MIN_SAFE` to
`MAX_SAFE`, where both are exact. An int is never -0.
"""

from __future__ import annotations

import math
import re
from typing import Final

from streamflow.nodes.javascript.strings import SPACES

MAX_SAFE: Final = 2**53 - 1
"""The largest integer that no other integer is rounded to."""

MIN_SAFE: Final = -MAX_SAFE

_DECIMAL: Final = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_RADIX: Final = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


def double(integer: int) -> float:
    """The float nearest to an integer; infinite where it is too large.

    >>> double(2**53 + 1), double(-(10**400))
    (9007199254740992.0, -inf)
    """
    try:
        return float(integer)
    except OverflowError:
        return math.inf if integer > 0 else -math.inf


def shorten(number: float) -> int | float:
    """The number as an int, if it is a safe integer; -0 becomes 0.

    >>> shorten(4.0), shorten(0.5), shorten(-0.0)
    (4, 0.5, 0)
    """
    return int(number) if MIN_SAFE <= number <= MAX_SAFE and number.is_integer() else number


def number_to_string(number: float) -> str:
    """Number::toString (ECMA-262, 6.1.6.1.20) with radix 10.

    >>> [number_to_string(x) for x in (1e21, 123456789012345680000.0, -0.0, 1e-7, 0.1 + 0.2)]
    ['1e+21', '123456789012345680000', '0', '1e-7', '0.30000000000000004']
    """
    if not math.isfinite(number):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"  # noqa: PLR0124 - only NaN is not itself
    if MIN_SAFE <= number <= MAX_SAFE and number == int(number):
        return str(int(number))
    sign = "-" if number < 0 else ""
    digits, point = _digits(abs(number))
    if len(digits) <= point <= 21:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _digits(number: float) -> tuple[str, int]:
    """The fewest digits that read back as the number, and where the point stands in them."""
    mantissa, _, exponent = repr(float(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)
    point -= len(digits) - len(digits.lstrip("0"))
    return digits.strip("0"), point


def string_to_number(text: str) -> int | float:
    """StringToNumber (ECMA-262, 7.1.4.1.1); NaN if the text is no number.

    >>> string_to_number(" 0x1F "), string_to_number(""), string_to_number("1_0")
    (31, 0, nan)
    """
    text = text.strip(SPACES)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return canonical(float(text))
    if _RADIX.fullmatch(text):
        return canonical(double(int(text, 0)))
    return math.nan


def canonical(number: float) -> int | float:
    """A number as expressions hold it: an int where that says the same, which -0 is not."""
    return shorten(number) if number else 0 if math.copysign(1, number) > 0 else number


def to_int32(number: float) -> int:
    """ToInt32 (ECMA-262, 7.1.6).

    >>> to_int32(2**31), to_int32(-1.9), to_int32(math.nan)
    (-2147483648, -1, 0)
    """
    if not math.isfinite(number):
        return 0
    return ((int(number) + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
