"""Waiting in tests: for what must come to hold, not for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Let others run until a condition holds; the test's watchdog ends what never does."""
    # Conditions are about nodes on any thread, which know of no asyncio.Event to set.
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
