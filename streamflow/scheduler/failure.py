"""Failures: what went wrong in a node, as one structured error."""

from __future__ import annotations

import traceback
from typing import Any, Final

from streamflow.errors import NodeError, NodeTimeoutError
from streamflow.scheduler.guard import CallTimeout
from streamflow.scheduler.retrying import GaveUp

MAX_REPR: Final = 120
MAX_ITEMS: Final = 16
"""What is longer is not shown, only its length."""


def summarize(item: Any) -> str:
    """An item in a few words: type, shape, dtype, pts; never its contents if they are large.

    >>> summarize("a" * 1000)
    "str 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'… (1000 long)"
    """
    name = type(item).__name__
    if isinstance(item, str | bytes):
        more = f"… ({len(item)} long)" if len(item) > 50 else ""
        return f"{name} {item[:51]!r}{more}"
    words = [name]
    for attribute in ("width", "height", "format", "rate", "layout", "shape", "dtype", "pts"):
        value = getattr(item, attribute, None)
        if isinstance(value, int | str | tuple) or (attribute == "dtype" and value is not None):
            words.append(f"{attribute}={value}")
    if len(words) == 1:
        words.append(_contents(item))
    return " ".join(words)


def _contents(item: Any) -> str:
    size = len(item) if hasattr(item, "__len__") else 0
    if size > MAX_ITEMS:
        return f"of {size} items"
    text = repr(item)
    return text if len(text) <= MAX_REPR else f"{text[:MAX_REPR]}…"


def node_error(node: str, phase: str, error: BaseException, item: Any = None) -> NodeError:
    """The structured error for an exception that a node raised.

    Args:
        node: its id.
        phase: what it was doing.
        error: what it raised; the cause of what is returned. A `GaveUp` stands
            for the last error, and tells of those before.
        item: what it had in hand, if anything.
    """
    if isinstance(error, GaveUp):
        made = node_error(node, phase, error.error, item)
        made.retries = error.retries
        for number, tried in enumerate(error.earlier, error.retries - len(error.earlier) + 1):
            made.add_note(f"try {number} failed: {_sentence(tried)}")
        return made
    kind = NodeTimeoutError if isinstance(error, CallTimeout) else NodeError
    made = kind(
        node,
        phase,
        type(error).__name__,
        _message(error),
        "".join(traceback.format_exception(error)),
        None if item is None else summarize(item),
    )
    made.__cause__ = error
    return made


def _message(error: BaseException) -> str:
    try:
        return str(error) or repr(error)
    except Exception:  # what raised it can be wrong in more than one way
        return "its message cannot be had"


def _sentence(error: Exception) -> str:
    """Type and message of an error, in a line."""
    text = traceback.format_exception_only(error)[0].rstrip()
    return text if len(text) <= MAX_REPR else f"{text[:MAX_REPR]}…"
