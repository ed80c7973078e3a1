"""Tokens: the words, numbers, strings and signs of an expression, one at a time.

The parser asks for the next one, since it alone knows where a template goes on.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from streamflow.nodes.javascript.errors import ExpressionError
from streamflow.nodes.javascript.numbers import canonical, double
from streamflow.nodes.javascript.strings import SPACES, join_pairs

NAME: Final = "name"
NUMBER: Final = "number"
STRING: Final = "string"
SIGN: Final = "sign"
END: Final = "end"


class Token(NamedTuple):
    """A word of the language.

    Attributes:
        kind: ``name``, ``number``, ``string``, ``sign`` or ``end``.
        value: what it says: the name, the number, the string's content, the sign.
        start: index of its first character.
        end: index behind its last.
    """

    kind: str
    value: Any
    start: int
    end: int


_SPACE: Final = re.compile(rf"(?:[{SPACES}]|//[^\n\r\u2028\u2029]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_SIGN: Final = re.compile(
    r">>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?="
    r"|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?![0-9])|\+\+|--|\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<|>>|\*\*"
    r"|[{}()\[\];,<>+\-*/%&|^!~?:=.`]"
)
_NUMBER: Final = re.compile(
    r"0[xX](?P<hex>[0-9a-fA-F](?:_?[0-9a-fA-F])*)"
    r"|0[oO](?P<oct>[0-7](?:_?[0-7])*)"
    r"|0[bB](?P<bin>[01](?:_?[01])*)"
    r"|(?:(?:0(?![0-9_])|[1-9](?:_?[0-9])*)(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)"
    r"(?:[eE][+-]?[0-9](?:_?[0-9])*)?"
)
_PLAIN: Final = {
    "'": re.compile(r"[^'\\\n\r]*"),
    '"': re.compile(r'[^"\\\n\r]*'),
    "`": re.compile(r"(?:[^`\\$]|\$(?!\{))*"),
}
_ESCAPE: Final = re.compile(
    r"x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|u\{(?P<braced>[0-9a-fA-F]+)\}"
    r"|(?P<zero>0)(?![0-9])|(?P<line>\r\n|[\n\r\u2028\u2029])|(?P<other>[^xu0-9])",
    re.DOTALL,
)
_LINE_END: Final = re.compile(r"\r\n?")
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def next_token(text: str, position: int) -> Token:
    """The token at or behind a position.

    Raises:
        ExpressionError: there is none of the language.
    """
    start = _end_of(_SPACE, text, position)
    if start == len(text):
        return Token(END, "", start, start)
    first = text[start]
    if first.isdecimal() or (first == "." and text[start + 1 : start + 2].isdecimal()):
        return _number(text, start)
    if first in "'\"":
        value, end = read_string(text, start + 1, first)
        return Token(STRING, value, start, end)
    if _is_name_start(first):
        end = start + 1
        while end < len(text) and _is_name_part(text[end]):
            end += 1
        return Token(NAME, text[start:end], start, end)
    sign = _SIGN.match(text, start)
    if sign is None or text.startswith("/*", start):
        raise ExpressionError(text, start, _refusal(text, start))
    return Token(SIGN, sign.group(), start, sign.end())


def _refusal(text: str, start: int) -> str:
    first = text[start]
    if text.startswith("/*", start):
        return "this comment has no end"
    words = {"#": "a private name (#)", "@": "a decorator (@)", "\\": "an escape in a name (\\)"}
    return f"{words[first]} is not allowed" if first in words else f"{first!r} means nothing here"


def is_name(text: str) -> bool:
    """Whether a text can be a name.

    >>> is_name("$value_1"), is_name("a b"), is_name("")
    (True, False, False)
    """
    return bool(text) and _is_name_start(text[0]) and all(map(_is_name_part, text))


def _is_name_start(character: str) -> bool:
    return character in "$_" or character.isidentifier()


def _is_name_part(character: str) -> bool:
    return character in "$\u200c\u200d" or f"a{character}".isidentifier()


def _number(text: str, start: int) -> Token:
    match = _NUMBER.match(text, start)
    if match is None:
        reason = "a number that begins with 0 is octal in some modes: write 0o for octal"
        raise ExpressionError(text, start, reason)
    end = match.end()
    following = text[end : end + 1]
    if following == "n":
        raise ExpressionError(text, start, "a BigInt (n) is not allowed")
    if following and (following.isdecimal() or _is_name_part(following)):
        raise ExpressionError(text, end, f"a number cannot go on with {following!r}")
    for name, base in (("hex", 16), ("oct", 8), ("bin", 2)):
        if match[name]:
            return Token(NUMBER, canonical(double(int(match[name], base))), start, end)
    return Token(NUMBER, canonical(float(match.group().replace("_", ""))), start, end)


def read_string(text: str, position: int, quote: str) -> tuple[str, int]:
    """The content of a string, or of a template up to ``${``, and the index behind it.

    Args:
        text: the expression.
        position: index behind the quote.
        quote: what the string began with.

    Raises:
        ExpressionError: it has no end, or an escape that means nothing.
    """
    parts: list[str] = []
    start = position - 1
    while True:
        end = _end_of(_PLAIN[quote], text, position)
        plain = text[position:end]
        # A line end in a template is LF, however it was typed.
        parts.append(_LINE_END.sub("\n", plain) if quote == "`" else plain)
        if text.startswith("\\", end):
            piece, position = _escape(text, end + 1)
            parts.append(piece)
            continue
        if text.startswith(quote, end):
            return join_pairs("".join(parts)), end + 1
        if quote == "`" and end < len(text):
            return join_pairs("".join(parts)), end + 2
        raise ExpressionError(text, min(start, len(text) - 1), f"there is no {quote} to end this")


def _escape(text: str, position: int) -> tuple[str, int]:
    match = _ESCAPE.match(text, position)
    if match is None:
        is_octal = text[position : position + 1].isdecimal()
        reason = "an octal escape is not allowed" if is_octal else "this escape means nothing"
        raise ExpressionError(text, position - 1, reason)
    end = match.end()
    if match["line"]:
        return "", end
    if match["zero"]:
        return "\0", end
    if match["other"]:
        return _SHORT.get(match["other"], match["other"]), end
    code = int(match["x"] or match["u"] or match["braced"], 16)
    if code > 0x10FFFF:
        raise ExpressionError(text, position - 1, "there is no character beyond \\u{10FFFF}")
    return chr(code), end


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
