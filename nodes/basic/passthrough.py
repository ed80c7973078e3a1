"""What comes goes on."""

from __future__ import annotations

from typing import Any

from streamflow.node import Node


class PassThrough(Node):
    """Emits each item as it came."""

    def process(self, item: Any) -> Any:
        """Return the item itself."""
        return item
