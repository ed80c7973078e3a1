"""Sums and products with a constant: of numbers, of lists of numbers, of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from streamflow.node import Node
from streamflow.nodes.checks import check_number, is_number


class Add(Node):
    """Adds a constant to each number.

    Takes a number, a list of numbers or a numpy array of them, and emits the
    same with the constant added to each; integers stay integers if the
    constant is one.

    Args:
        addend: the constant.

    Raises:
        ValueError: the addend is no finite number.

    >>> Add(3).process(4), Add(0.5).process([1, 2])
    (7, [1.5, 2.5])
    """

    def __init__(self, addend: float = 0) -> None:
        check_number("addend", addend)
        self.addend = addend

    def process(self, item: Any) -> Any:
        """Return the sum.

        Raises:
            TypeError: the item is neither a number, nor a list or an array of them.
        """
        kind = item.__class__
        if kind is int or kind is float:
            return item + self.addend
        return _each(self, item, lambda value: value + self.addend)


class Multiply(Node):
    """Multiplies each number by a constant.

    Takes a number, a list of numbers or a numpy array of them, and emits the
    same with each multiplied; integers stay integers if the constant is one.

    Args:
        factor: the constant.

    Raises:
        ValueError: the factor is no finite number.

    >>> Multiply(3).process(4), Multiply(0.5).process([1, 2])
    (12, [0.5, 1.0])
    """

    def __init__(self, factor: float = 2) -> None:
        check_number("factor", factor)
        self.factor = factor

    def process(self, item: Any) -> Any:
        """Return the product.

        Raises:
            TypeError: the item is neither a number, nor a list or an array of them.
        """
        kind = item.__class__
        if kind is int or kind is float:
            return item * self.factor
        return _each(self, item, lambda value: value * self.factor)


def _each(node: Node, item: object, calculate: Callable[[Any], Any]) -> Any:
    if isinstance(item, np.ndarray):
        if np.issubdtype(cast("Any", item).dtype, np.number):
            return calculate(item)
        raise TypeError(f"{type(node).__name__} needs numbers, not an array of {item.dtype}")
    if isinstance(item, list):
        return [_one(node, value, calculate) for value in cast("list[object]", item)]
    return _one(node, item, calculate)


def _one(node: Node, value: object, calculate: Callable[[Any], Any]) -> Any:
    # Else "ab" * 2 would pass for a product, and True + 1 for a sum.
    if is_number(value) or isinstance(value, np.number):
        return calculate(value)
    raise TypeError(f"{type(node).__name__} needs numbers, not {type(value).__name__}")
