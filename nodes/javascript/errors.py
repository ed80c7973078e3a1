"""What is wrong with an expression, or went wrong in it."""

from __future__ import annotations

from typing import Final

from streamflow.errors import GraphError, StreamflowError

SHOWN: Final = 60
"""Characters of an expression that an error shows."""


class ExpressionError(GraphError):
    """A text is no expression of the subset.

    Attributes:
        text: the expression.
        position: index of the character at fault in ``text``.
        reason: what is wrong there.

    >>> print(ExpressionError("value = 1", 6, "assignment (=) is not allowed"))
    assignment (=) is not allowed, at character 7:
      value = 1
            ^
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(text, position, reason)
        self.text, self.position, self.reason = text, position, reason

    def __str__(self) -> str:
        # One line, and of a long line only what stands around the fault.
        first = max(self.text.rfind("\n", 0, self.position) + 1, self.position - SHOWN // 2)
        line = self.text[first : first + SHOWN].partition("\n")[0]
        shown = "".join(c if c.isprintable() else " " for c in line)
        caret = " " * (self.position - first) + "^"
        return f"{self.reason}, at character {self.position + 1}:\n  {shown}\n  {caret}"


class EvaluationError(StreamflowError, TypeError):
    """An expression came upon a value that it cannot be used on.

    Attributes:
        reason: what JavaScript has against it.
        text: the expression.
    """

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason, text)
        self.reason, self.text = reason, text

    def __str__(self) -> str:
        if not self.text:
            return self.reason
        shown = self.text if len(self.text) <= SHOWN else f"{self.text[:SHOWN]}…"
        return f"{self.reason}, in the expression {shown!r}"
