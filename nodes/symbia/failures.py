"""The port ``error`` of a component: where items go that an expression cannot be used on."""

from __future__ import annotations

from typing import Any, Final

from streamflow.context import NodeContext
from streamflow.errors import NodeError
from streamflow.node import Out

ERROR: Final = "error"


def failed(ctx: NodeContext, error: Exception, item: Any) -> Out:
    """A `NodeError` for the port ``error``, with the item in it.

    Raises:
        Exception: the error itself where nothing is connected to the port, so that
            the node's error policy holds.
    """
    if ctx.connected is not None and ERROR not in ctx.connected:
        raise error
    made = NodeError(ctx.node_id, "process", type(error).__name__, str(error))
    made.item = item
    return Out(ERROR, made)
