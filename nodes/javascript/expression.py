"""Expressions: JavaScript's, compiled once to Python byte code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any, Final

from streamflow.nodes.javascript import operators, properties, values
from streamflow.nodes.javascript.errors import EvaluationError, ExpressionError
from streamflow.nodes.javascript.generator import TooDeepError, generate
from streamflow.nodes.javascript.numbers import shorten
from streamflow.nodes.javascript.parser import GLOBALS, WORDS, parse
from streamflow.nodes.javascript.refusals import WORDS as RESERVED
from streamflow.nodes.javascript.tokens import is_name

# All that generated code can name.
_BUILTINS: Final = (type, len, float, int, str, bool, dict, list)
_OPERATORS: Final = (
    "add subtract multiply divide remainder power negate invert bit_and bit_or bit_xor shift_left "
    "shift_right shift_right_unsigned less greater less_or_equal greater_or_equal strictly_equal "
    "equal join"
)
_PROPERTIES: Final = "get_member get_item has_property spread_items spread_properties"
_VALUES: Final = (
    "UNDEFINED UNCHANGED ArrayLiteral ObjectLiteral export truthy type_of to_number to_string"
)
_SCOPE: Final[dict[str, Any]] = {
    "__builtins__": {builtin.__name__: builtin for builtin in _BUILTINS},
    "NAN": math.nan,
    "INFINITY": math.inf,
    "EvaluationError": EvaluationError,
    "shorten": shorten,
    **{name: getattr(operators, name) for name in _OPERATORS.split()},
    **{name: getattr(properties, name) for name in _PROPERTIES.split()},
    **{name: getattr(values, name) for name in _VALUES.split()},
}


_TAKEN: Final = frozenset({*RESERVED, *WORDS, *GLOBALS, "typeof", "void", "in"})


class Expression:
    """A compiled expression; called with a value for each of its names.

    Attributes:
        text: the expression.
        names: names of the values it is called with, in their order.
        evaluate: what calling it calls; a caller in a hurry takes it out.
        test: like ``evaluate``, but says whether the result is true in JavaScript.

    >>> adult = compile_expression("person.age >= limit", ("person", "limit"))
    >>> adult({"age": 21}, 18)
    True
    """

    __slots__ = ("evaluate", "names", "test", "text")

    evaluate: Callable[..., Any]
    test: Callable[..., bool]

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.text, self.names = text, names
        scope = dict(_SCOPE)
        scope["placed"] = self._placed
        exec(_code_of(text, names), scope)  # noqa: S102 - the compiler's product is Python
        self.evaluate, self.test = scope["evaluate"], scope["test"]

    def _placed(self, error: EvaluationError) -> EvaluationError:
        return EvaluationError(error.reason, self.text)

    def __call__(self, *values: Any) -> Any:
        """The expression's value.

        Numbers that are integral and within ±(2**53 - 1) come as int, undefined
        comes as None.

        Args:
            values: one for each name: None, bool, int, float, str, list, tuple, dict
                or numpy scalars, nested at will; other objects have no properties.

        Raises:
            EvaluationError: JavaScript would throw a TypeError or a RangeError.
        """
        return self.evaluate(*values)

    def __repr__(self) -> str:
        return f"compile_expression({self.text!r}, {self.names!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return compile_expression, (self.text, self.names)


def compile_expression(text: str, names: Iterable[str] = ("value",)) -> Expression:
    """Compile a JavaScript expression.

    The subset (of ECMAScript 2024) has literals, names, properties, and all
    operators that change nothing; no calls, no assignments, no functions, no
    regular expressions. See the how-to page on expressions.

    Args:
        text: the expression, of 8,192 characters at most.
        names: what its values are called.

    Raises:
        ExpressionError: the text is no expression of the subset; it says where and why.
        ValueError: a name cannot be one.

    >>> compile_expression("value.data?.items ?? 'none'")({"data": None})
    'none'
    """
    names = tuple(names)
    for name in names:
        if not is_name(name) or name in _TAKEN:
            raise ValueError(f"names must be identifiers of JavaScript, which {name!r} is not")
    if len(set(names)) < len(names):
        raise ValueError(f"names must differ from each other, which {', '.join(names)} do not")
    return Expression(text, names)


def _code_of(text: str, names: tuple[str, ...]) -> CodeType:
    if not isinstance(text, str):
        raise TypeError(f"an expression must be a string, not {type(text).__name__}")
    try:
        source = generate(parse(text, names), len(names))
    except TooDeepError:
        raise ExpressionError(
            text, 0, "the expression has too many branches in each other"
        ) from None
    return compile(source, "<expression>", "exec")
