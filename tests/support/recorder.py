"""A node that tells what was called when."""

from __future__ import annotations

from typing import Any

import streamflow as sf


class Recorder(sf.Node):
    """Notes its calls in a list that it shares with others."""

    def __init__(self, name: str, calls: list[str], fails_at: Any = None) -> None:
        self.name, self.calls, self.fails_at = name, calls, fails_at

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.calls.append(f"initialize {self.name}")

    def process(self, x: Any) -> Any:
        if x == self.fails_at:
            raise ValueError(f"{x} is too much")
        self.calls.append(f"{self.name} {x}")
        return x

    def cleanup(self) -> None:
        self.calls.append(f"cleanup {self.name}")
