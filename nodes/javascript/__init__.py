"""JavaScript expressions for nodes that are configured by text.

`compile_expression` makes Python byte code of them, with JavaScript's semantics
and none of its ways to act.
"""

from __future__ import annotations

from streamflow.nodes.javascript.errors import EvaluationError, ExpressionError
from streamflow.nodes.javascript.expression import Expression, compile_expression
from streamflow.nodes.javascript.values import UNDEFINED

__all__ = [
    "UNDEFINED",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "compile_expression",
]
