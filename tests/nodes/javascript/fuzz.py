"""Random expressions and values, the same for the same seed, that can be made smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from streamflow.nodes.javascript import UNDEFINED

NUMBERS = (
    "0", "1", "2", "3", "10", "42", "0.5", "1.5", ".25", "5.", "1e3", "1E-7", "1e21", "1e400",
    "0x1F", "0o17", "0b101", "1_000", "9007199254740991", "9007199254740993", "4294967296",
    "2147483648", "123456789012345680000", "0.1", "5e-324", "1.7976931348623157e308", "NaN",
    "Infinity", "31", "33",
)  # fmt: skip
STRINGS = (
    "''", "'a'", '"b"', "'abc'", "'1'", "' 12 '", "'0x10'", "'-0'", "'1e3'", "'Infinity'",
    "'-Infinity'", "'+5'", "'.5'", "'5.'", "'1_0'", "'0b2'", r"'\n\t'", r"'\u00e9'", "'é'",
    r"'\x41'", r"'\u{1F600}'", "'😀'", r"'\ud83d'", r"'\ude00'", r"'\0'", "'active'", "'length'",
    r"'it\'s'", "'\\\nb'", "'\uffff'", "'null'", "'NaN'", "'true'", "'\\uFEFF7\\u00a0'",
)  # fmt: skip
WORDS = ("true", "false", "null", "undefined", "value")
KEYS = ("a", "b", "status", "length", "data", "class", "zz")
INDEXES = ("0", "1", "-1", "1.5", "'a'", "'length'", "'0'", "'01'", "-0", "2", "'status'", "'-0'")
ARITHMETIC = ("+", "-", "*", "/", "%", "+", "<<", ">>", ">>>", "&", "|", "^")
COMPARISON = ("<", ">", "<=", ">=", "==", "!=", "===", "!==")
PREFIXES = ("!", "-", "+", "~", "typeof ", "void ")
SPACES = (" ", " ", " ", "  ", "\n", " /* note */ ", "\t", " // note\n", "\u00a0")


@dataclass(frozen=True)
class Piece:
    """An expression: text, and smaller expressions that it is made of."""

    parts: tuple[str | Piece, ...]

    @property
    def text(self) -> str:
        """As it is written."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    def smaller(self) -> Iterator[Piece]:
        """Expressions that are simpler: a part alone, or a part made simpler."""
        for index, part in enumerate(self.parts):
            if isinstance(part, Piece):
                yield part
                for simple in (*part.smaller(), Piece(("1",)), Piece(("value",))):
                    if len(simple.text) < len(part.text):
                        yield Piece((*self.parts[:index], simple, *self.parts[index + 1 :]))


def shrink(piece: Piece, fails: Callable[[str], bool]) -> Piece:
    """The simplest expression to be found by small steps that still fails."""
    while True:
        for simple in piece.smaller():
            if fails(simple.text):
                piece = simple
                break
        else:
            return piece


def expression(random: Random, depth: int = 3) -> Piece:
    """An expression of JavaScript in the subset; what goes into another is in parentheses."""
    if depth == 0 or random.random() < 0.15:
        return leaf(random)
    make = random.choice((chain, chain, chain, logical, path, unary, conditional, literal))
    return make(random, depth - 1)


def operand(random: Random, depth: int) -> Piece:
    inner = expression(random, depth)
    is_plain = len(inner.parts) == 1 and inner.text in (*NUMBERS, *STRINGS, *WORDS)
    return inner if is_plain else Piece(("(", inner, ")"))


def leaf(random: Random) -> Piece:
    words = random.choice((NUMBERS, STRINGS, WORDS, ("value",)))
    return Piece((random.choice(words),))


def chain(random: Random, depth: int) -> Piece:
    """Operators without parentheses, so that precedence counts."""
    parts: list[str | Piece] = [operand(random, depth)]
    for _ in range(random.choice((1, 1, 2, 3))):
        operator = random.choice(random.choice((ARITHMETIC, COMPARISON, ("&&", "||", "**"))))
        prefix = random.choice(PREFIXES) if random.random() < 0.2 and operator != "**" else ""
        space = random.choice(SPACES)
        parts += [space, operator, space, prefix, operand(random, depth)]
        if operator == "**" and parts[-7 if len(parts) > 6 else 0] in PREFIXES:
            parts[-4] = "*"
    return Piece(tuple(parts))


def logical(random: Random, depth: int) -> Piece:
    operator = random.choice((" && ", " || ", " ?? "))
    parts: list[str | Piece] = [operand(random, depth)]
    for _ in range(random.choice((1, 1, 2))):
        parts += [operator, operand(random, depth)]
    return Piece(tuple(parts))


def path(random: Random, depth: int) -> Piece:
    parts: list[str | Piece] = [random.choice((Piece(("value",)), operand(random, depth)))]
    if isinstance(parts[0], Piece) and parts[0].text[-1:].isdigit():
        parts = ["(", parts[0], ")"]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        optional = random.random() < 0.65
        kind = random.random()
        if kind < 0.55:
            parts += ["?." if optional else ".", random.choice(KEYS)]
        elif kind < 0.85:
            parts += ["?.[" if optional else "[", Piece((random.choice(INDEXES),)), "]"]
        else:
            parts += ["?.[" if optional else "[", safe_key(random, depth), "]"]
    return Piece(tuple(parts))


def safe_key(random: Random, depth: int) -> Piece:
    """A key that is no method of a prototype: those are not part of the subset."""
    return Piece(("(", expression(random, min(depth, 2)), ")"))


def unary(random: Random, depth: int) -> Piece:
    return Piece((random.choice(PREFIXES), operand(random, depth)))


def conditional(random: Random, depth: int) -> Piece:
    a, b, c = (operand(random, depth) for _ in range(3))
    return Piece((a, " ? ", b, " : ", c))


def literal(random: Random, depth: int) -> Piece:
    make = random.choice((array, record, template, contained))
    return make(random, depth)


def array(random: Random, depth: int) -> Piece:
    parts: list[str | Piece] = []
    for _ in range(random.choice((0, 1, 2, 3))):
        spread = random.random() < 0.15
        parts += ["..." if spread else "", operand(random, depth), ", "]
    return Piece(("[", *parts, "]"))


def record(random: Random, depth: int) -> Piece:
    parts: list[str | Piece] = []
    for _ in range(random.choice((0, 1, 2, 3))):
        kind = random.random()
        if kind < 0.2:
            # QuickJS has nothing of a string here, against ECMA-262 (7.3.25).
            inner = operand(random, depth)
            parts += ["...(typeof ", inner, " === 'string' ? null : ", inner, "), "]
        elif kind < 0.3:
            parts.append("value, ")
        else:
            plain = random.choice((*KEYS, "'x y'", "1", "0x10", "1e21", "toString", "'é'"))
            key: str | Piece = plain if kind < 0.8 else Piece((random.choice(INDEXES),))
            around = ("", ": ") if kind < 0.8 else ("[", "]: ")
            parts += [around[0], key, around[1], operand(random, depth), ", "]
    return Piece(("({", *parts, "})"))


def template(random: Random, depth: int) -> Piece:
    texts = ("", "a", r"\n", "$", "{}", r"\`", "\n", "é😀", r"\ud83d", r"\ude00", "'")
    parts: list[str | Piece] = [random.choice(texts)]
    for _ in range(random.choice((0, 1, 2))):
        parts += ["${", expression(random, depth), "}", random.choice(texts)]
    return Piece(("`", *parts, "`"))


def contained(random: Random, depth: int) -> Piece:
    return Piece((random.choice(INDEXES), " in ", operand(random, depth)))


SCALARS: tuple[Any, ...] = (
    0, 1, -1, 2, 7, 10, 11, 42, 2**31, -(2**31), 2**32 + 5, 2**53 - 1, 2**53, 2**53 + 1, -(2**60),
    10**21, 10**400, 0.0, -0.0, 0.5, -1.5, 3.0, 1e21, 1e-7, 1e300, float("nan"), float("inf"),
    float("-inf"), "", "a", "abc", "active", "12", " 3 ", "1e3", "0x1f", "😀é", "\ud83d", "\ude00b",
    "\uffff", "x" * 20, True, False, None, UNDEFINED,
)  # fmt: skip


def value(random: Random, depth: int = 3) -> Any:
    """A value as it may come to a node."""
    kind = random.random()
    if depth == 0 or kind < 0.45:
        return random.choice(SCALARS)
    count = random.choice((0, 1, 1, 2, 3))
    if kind < 0.65:
        return [value(random, depth - 1) for _ in range(count)]
    keys = (*KEYS, "0", "1", "toString", "__proto__", "é")
    return {random.choice(keys): value(random, depth - 1) for _ in range(count + 1)}
