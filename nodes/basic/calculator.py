"""One of six operations on two numbers, chosen by each item or once for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from streamflow.node import Node
from streamflow.nodes.checks import check_number, is_number

LARGEST_POWER: Final = 4_096
"""Bits of an integer power: a larger one would hold the thread, and no message can stop it."""


class Calculator(Node):
    """Calculates with two numbers: add, subtract, multiply, divide, power or modulo.

    A dict says which: ``operation``, and the numbers as ``operands`` or
    ``args``, a list of two, or as ``a`` and ``b``. It leaves with its
    ``result`` added. A number is calculated with the parameters, and the
    result leaves as a number. ``divide`` always gives a float; the sign of a
    ``modulo`` is that of the divisor.

    Args:
        operation: what to do where the item does not say it.
        operand: the second number where the item has only the first.

    Raises:
        ValueError: the operation is unknown, or the operand no finite number.

    >>> Calculator().process({"operation": "divide", "operands": [1, 4]})
    {'operation': 'divide', 'operands': [1, 4], 'result': 0.25}
    >>> Calculator("power", 2).process(5)
    25
    """

    def __init__(self, operation: str | None = None, operand: float | None = None) -> None:
        if operation is not None:
            _operation(operation)
        if operand is not None:
            check_number("operand", operand)
        self.operation, self.operand = operation, operand

    def process(self, item: Any) -> Any:
        """Return the dict with its result, or the result of a number.

        Raises:
            TypeError: the item is neither, or an operand is no number.
            ValueError: operation or operands are missing, or have no real result.
            ZeroDivisionError: the divisor is 0.
            OverflowError: the result has more than some 4,000 bits, or is no float.
        """
        if isinstance(item, dict):
            fields = cast("dict[str, Any]", item)
            operation = fields.get("operation", self.operation)
            return {**fields, "result": calculate(operation, *self._operands(fields))}
        if not is_number(item):
            raise TypeError(f"Calculator needs a dict or a number, not {type(item).__name__}")
        if self.operand is None:
            raise ValueError("Calculator needs the parameter operand to calculate with a number")
        return calculate(self.operation, item, self.operand)

    def _operands(self, fields: Mapping[str, Any]) -> tuple[Any, Any]:
        for name in ("operands", "args"):
            if name in fields:
                match fields[name]:
                    case [first, second]:
                        return first, second
                    case given:
                        raise ValueError(f"{name} must be two numbers, not {given!r:.80}")
        second = fields.get("b", self.operand)
        if "a" not in fields or second is None:
            raise ValueError("the item must have operands or args, a list of two, or a and b")
        return fields["a"], second


def calculate(operation: object, a: object, b: object) -> Any:
    """The result of one operation.

    Raises:
        TypeError: an operand is no number.
        ValueError: the operation is unknown, or has no real result.
        ZeroDivisionError: the divisor is 0.
        OverflowError: the result is too large.

    >>> calculate("modulo", -7, 3)
    2
    """
    function = _operation(operation)
    for operand in (a, b):
        if not is_number(operand):
            raise TypeError(f"{operation} needs numbers, not {type(operand).__name__}")
    try:
        return function(a, b)
    except ZeroDivisionError as error:
        raise ZeroDivisionError(f"{operation} has no result: {error}") from None


def _power(a: Any, b: Any) -> Any:
    whole = isinstance(a, int) and isinstance(b, int)
    if whole and abs(a) > 1 and a.bit_length() * b > LARGEST_POWER:
        raise OverflowError(f"power has a result of more than {LARGEST_POWER} bits")
    if not whole and a < 0 and b % 1:
        raise ValueError(f"power has no real result: {a!r} to the power of {b!r}")
    return a**b


Operation = Callable[[Any, Any], Any]

OPERATIONS: Final[Mapping[str, Operation]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": _power,
    "modulo": lambda a, b: a % b,
}


def _operation(name: object) -> Operation:
    function: Operation | None = OPERATIONS.get(name) if isinstance(name, str) else None
    if function is None:
        raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}, not {name!r:.80}")
    return function
