"""The parser: the text of an expression to its tree.

What JavaScript has beyond the subset is refused by its name, where it stands.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from streamflow.nodes.javascript import refusals
from streamflow.nodes.javascript.errors import ExpressionError
from streamflow.nodes.javascript.numbers import number_to_string
from streamflow.nodes.javascript.tokens import (
    END,
    NAME,
    NUMBER,
    SIGN,
    STRING,
    Token,
    next_token,
    read_string,
)
from streamflow.nodes.javascript.tree import (
    Array,
    Binary,
    Chain,
    Conditional,
    Constant,
    Group,
    Logical,
    Name,
    Object,
    Property,
    Spread,
    Template,
    Tree,
    Unary,
)
from streamflow.nodes.javascript.values import UNDEFINED

MAX_LENGTH: Final = 1 << 13
"""Characters of an expression."""

MAX_DEPTH: Final = 80
"""Operators and brackets within each other."""

# Of two operators the one with the higher number binds first (ECMA-262, 13.5 to 13.13).
PRECEDENCE: Final = {
    "??": 1, "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5,
    "==": 6, "!=": 6, "===": 6, "!==": 6,
    "<": 7, ">": 7, "<=": 7, ">=": 7, "in": 7,
    "<<": 8, ">>": 8, ">>>": 8,
    "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 11,
}  # fmt: skip

LOGICAL: Final = frozenset({"&&", "||", "??"})
PREFIX: Final = frozenset({"!", "-", "+", "~", "typeof", "void"})

WORDS: Final = {"true": True, "false": False, "null": None}
GLOBALS: Final = {"undefined": UNDEFINED, "NaN": math.nan, "Infinity": math.inf}


def parse(text: str, names: Sequence[str]) -> Tree:
    """The tree of an expression.

    Raises:
        ExpressionError: it is none, or not of the subset.
    """
    if len(text) > MAX_LENGTH:
        reason = f"an expression may have {MAX_LENGTH} characters, not {len(text)}"
        raise ExpressionError(text, MAX_LENGTH, reason)
    return _Parser(text, names).parse()


class _Parser:
    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.names = text, list(names)
        self.depth = 0
        self.token = next_token(text, 0)

    def parse(self) -> Tree:
        if self.token.kind == END:
            self.fail(self.token, "an expression is needed here")
        tree = self.expression()
        if self.token.kind != END:
            self.unexpected(self.token)
        return tree

    # -- Tokens

    def fail(self, token: Token, reason: str) -> None:
        raise ExpressionError(self.text, token.start, reason)

    def unexpected(self, token: Token) -> None:
        self.fail(token, refusals.describe(token))

    def take(self) -> Token:
        token = self.token
        self.token = next_token(self.text, token.end)
        return token

    def is_at(self, *signs: str) -> bool:
        return self.token.kind == SIGN and self.token.value in signs

    def skip(self, sign: str) -> bool:
        found = self.is_at(sign)
        if found:
            self.take()
        return found

    def close(self, sign: str, opened: Token) -> None:
        if self.token.kind == END:
            self.fail(opened, f"there is no {sign} to end this")
        if not self.skip(sign):
            self.unexpected(self.token)

    @contextmanager
    def deeper(self) -> Generator[None, None, None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(self.token, f"the expression is nested deeper than {MAX_DEPTH}")
        yield
        self.depth -= 1

    # -- Operators

    def expression(self) -> Tree:
        with self.deeper():
            condition = self.binary(1)
            if not self.skip("?"):
                return condition
            yes = self.expression()
            if not self.skip(":"):
                self.unexpected(self.token)
            return Conditional(condition, yes, self.expression())

    def binary(self, least: int) -> Tree:
        left = self.unary()
        while (token := self.token).kind in (SIGN, NAME):
            precedence = PRECEDENCE.get(token.value, 0)
            if precedence < least:
                break
            self.take()
            with self.deeper():
                # ** alone groups from the right.
                right = self.binary(precedence + (token.value != "**"))
            left = self.combine(token, left, right)
        return left

    def combine(self, token: Token, left: Tree, right: Tree) -> Tree:
        sign: str = token.value
        if sign not in LOGICAL:
            if sign == "**" and isinstance(left, Unary):
                self.fail(token, f"put parentheses around {left.operator} or ** before **")
            return Binary(sign, left, right)
        for side in (left, right):
            if isinstance(side, Logical) and (side.operator == "??") != (sign == "??"):
                self.fail(token, f"{side.operator} and {sign} need parentheses between them")
        return Logical(sign, left, right)

    def unary(self) -> Tree:
        token = self.token
        if token.kind not in (SIGN, NAME) or token.value not in PREFIX:
            return self.postfix()
        self.take()
        with self.deeper():
            operand = self.unary()
        return Unary(token.value, operand)

    # -- Properties

    def postfix(self) -> Tree:
        value = self.primary()
        optional = False
        while self.token.kind == SIGN:
            sign = self.token
            if sign.value == ".":
                self.take()
                value = Property(value, self.key_name(), optional=False)
            elif sign.value == "[":
                value = Property(value, self.key_in_brackets(), optional=False)
            elif sign.value == "?.":
                optional = True
                self.take()
                value = Property(value, self.optional_key(), optional=True)
            else:
                if sign.value in ("(", "`", "++", "--"):
                    self.fail(sign, refusals.AFTER_OPERAND[sign.value])
                break
        return Chain(value) if optional else value

    def optional_key(self) -> Tree:
        if self.is_at("(", "`"):
            self.fail(self.token, refusals.AFTER_OPERAND[self.token.value])
        return self.key_in_brackets() if self.is_at("[") else self.key_name()

    def key_name(self) -> Tree:
        if self.token.kind != NAME:
            self.fail(self.token, "the name of a property is needed here")
        return Constant(self.take().value)

    def key_in_brackets(self) -> Tree:
        opened = self.take()
        key = self.expression()
        self.close("]", opened)
        return key

    # -- Operands

    def primary(self) -> Tree:
        token = self.token
        if token.kind in (NUMBER, STRING):
            return Constant(self.take().value)
        if token.kind == NAME:
            return self.name()
        if self.is_at("("):
            opened = self.take()
            inner = self.expression()
            self.close(")", opened)
            return Group(inner)
        if self.is_at("["):
            return self.array()
        if self.is_at("{"):
            return self.object()
        if self.is_at("`"):
            return self.template()
        raise ExpressionError(self.text, token.start, refusals.describe_operand(token))

    def name(self) -> Tree:
        token = self.token
        word: str = token.value
        if word in refusals.WORDS:
            self.fail(token, refusals.describe(token))
        self.take()
        if word in self.names:
            return Name(self.names.index(word))
        if word in WORDS:
            return Constant(WORDS[word])
        if word not in GLOBALS:
            near = difflib.get_close_matches(word, [*self.names, *WORDS, *GLOBALS], 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(self.names) or "no names"
            self.fail(token, f"unknown name {word!r}: the expression knows {known}{hint}")
        return Constant(GLOBALS[word])

    def array(self) -> Tree:
        opened = self.take()
        items: list[Tree | Spread] = []
        while not self.is_at("]") and self.token.kind != END:
            if self.is_at(","):
                self.fail(self.token, "an array with a hole is not allowed")
            items.append(Spread(self.expression()) if self.skip("...") else self.expression())
            if not self.skip(","):
                break
        self.close("]", opened)
        return Array(tuple(items))

    def object(self) -> Tree:
        opened = self.take()
        entries: list[tuple[Tree, Tree] | Spread] = []
        while not self.is_at("}") and self.token.kind != END:
            entries.append(Spread(self.expression()) if self.skip("...") else self.entry())
            if not self.skip(","):
                break
        self.close("}", opened)
        return Object(tuple(entries))

    def entry(self) -> tuple[Tree, Tree]:
        token = self.token
        if self.is_at("["):
            key = self.key_in_brackets()
        elif token.kind in (NAME, STRING, NUMBER):
            self.take()
            if token.kind == NAME and self.is_at(",", "}"):
                return Constant(token.value), self.shorthand(token)
            is_number = token.kind == NUMBER
            key = Constant(number_to_string(token.value) if is_number else token.value)
            if key == Constant("__proto__"):
                self.fail(token, "a prototype (__proto__) is not allowed")
        else:
            raise ExpressionError(self.text, token.start, refusals.describe(token))
        if not self.skip(":"):
            self.fail(self.token, refusals.describe_entry(token, self.token))
        return key, self.expression()

    def shorthand(self, token: Token) -> Tree:
        """``{value}`` is ``{value: value}``; the name is read once more for its value."""
        after, self.token = self.token, token
        value = self.name()
        self.token = after
        return value

    def template(self) -> Tree:
        opened = self.token
        parts: list[Tree] = []
        position = opened.end
        while True:
            piece, position = read_string(self.text, position, "`")
            parts.append(Constant(piece))
            if self.text[position - 1] == "`":
                self.token = next_token(self.text, position)
                return Template(tuple(parts))
            self.token = next_token(self.text, position)
            parts.append(self.expression())
            if self.token.kind == END:
                self.fail(opened, "there is no ` to end this")
            if not self.is_at("}"):
                self.unexpected(self.token)
            position = self.token.end
