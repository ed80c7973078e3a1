"""What JavaScript has and expressions have not, by the names people know it by."""

from __future__ import annotations

from typing import Final

from streamflow.nodes.javascript.tokens import END, NAME, SIGN, Token

_STATEMENTS: Final = (
    "break case catch const continue debugger default do else enum export extends finally for if "
    "let return switch throw try var while with"
)

WORDS: Final = {
    "function": "a function (function)",
    "class": "a class (class)",
    "new": "making an object (new)",
    "delete": "changing an object (delete)",
    "this": "this",
    "super": "super",
    "import": "import",
    "await": "await",
    "yield": "yield",
    "async": "a function (async)",
    "instanceof": "instanceof",
    **{word: f"a statement ({word})" for word in _STATEMENTS.split()},
}
"""Reserved words, and what they would begin."""

AFTER_OPERAND: Final = {
    "(": "a call is not allowed",
    "`": "a call by a tagged template is not allowed",
    "++": "changing a value (++) is not allowed",
    "--": "changing a value (--) is not allowed",
}
"""Signs behind an operand that would do something with it."""

_SIGNS: Final = {
    "=>": "a function (=>) is not allowed",
    "++": AFTER_OPERAND["++"],
    "--": AFTER_OPERAND["--"],
    ";": "a second statement (;) is not allowed",
    ",": "the comma operator is not allowed",
    "...": "... is allowed only in an array or an object",
    **{
        f"{sign}=": f"assignment ({sign}=) is not allowed"
        for sign in ("", "+", "-", "*", "/", "%", "**", "<<", ">>", ">>>", "&", "|", "^")
    },
    **{f"{sign}=": f"assignment ({sign}=) is not allowed" for sign in ("&&", "||", "??")},
}


def describe(token: Token) -> str:
    """Why a token cannot stand where it stands."""
    if token.kind == END:
        return "the expression is not complete"
    if token.kind == NAME and token.value in WORDS:
        return f"{WORDS[token.value]} is not allowed"
    if token.kind == SIGN and token.value in _SIGNS:
        return _SIGNS[token.value]
    return f"{token.value if token.kind in (SIGN, NAME) else token.kind} is not expected here"


def describe_operand(token: Token) -> str:
    """Why a token cannot stand where a value is needed."""
    if token.kind == SIGN and token.value in ("/", "/="):
        return "a regular expression (/) is not allowed"
    if token.kind == SIGN and token.value not in _SIGNS:
        return f"a value is needed here, not {token.value}"
    return describe(token)


def describe_entry(key: Token, token: Token) -> str:
    """Why there is no colon behind a key of an object."""
    if token.kind == SIGN and token.value == "(":
        return "a function (a method) is not allowed"
    if key.value in ("get", "set", "async") and token.kind == NAME:
        return f"a function ({key.value}) is not allowed"
    return describe(token)
