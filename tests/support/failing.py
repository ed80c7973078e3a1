"""Calls that fail so many times before they succeed."""

from __future__ import annotations

from typing import Any

import streamflow as sf


class Failing:
    """Fails so many times before it returns; notes when it was called."""

    def __init__(self, fails: int, clock: sf.Clock | None = None) -> None:
        self.fails, self.clock = fails, clock
        self.times: list[float] = []

    def attempt(self, x: Any) -> Any:
        self.times.append(self.clock.time() if self.clock is not None else 0.0)
        if len(self.times) <= self.fails:
            raise ConnectionError(f"refused {len(self.times)}")
        return x
