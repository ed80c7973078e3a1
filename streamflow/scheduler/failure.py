"""Failures: what went wrong in a node, as one structured error."""

from __future__ import annotations

import traceback
from typing import Any

from streamflow.errors import NodeError, NodeTimeoutError
from streamflow.scheduler.guard import CallTimeout

MAX_REPR = 120


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
        if value is not None and isinstance(value, int | str | tuple) or attribute == "dtype":
            words += [f"{attribute}={value}"] if value is not None else []
    if len(words) == 1:
        if hasattr(item, "__len__") and not isinstance(item, dict | list | tuple | set):
            words.append(f"of length {len(item)}")
        elif hasattr(item, "__len__") and len(item) > 16:
            words.append(f"of {len(item)} items")
        else:
            text = repr(item)
            words.append(text if len(text) <= MAX_REPR else f"{text[:MAX_REPR]}…")
    return " ".join(words)


def node_error(node: str, phase: str, error: BaseException, item: Any = None) -> NodeError:
    """The structured error for an exception that a node raised.

    Args:
        node: its id.
        phase: what it was doing.
        error: what it raised; the cause of what is returned.
        item: what it had in hand, if anything.
    """
    kind = NodeTimeoutError if isinstance(error, CallTimeout) else NodeError
    made = kind(
        node,
        phase,
        type(error).__name__,
        str(error) or repr(error),
        "".join(traceback.format_exception(error)),
        None if item is None else summarize(item),
    )
    made.__cause__ = error
    return made
