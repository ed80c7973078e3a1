"""What is heard from a worker beside its work: what it logs, and what it warns of."""

from __future__ import annotations

import builtins
import logging
import warnings
from typing import Any


def log(fields: dict[str, Any]) -> None:
    """Handle a record as if it had been logged here."""
    record = logging.makeLogRecord(fields)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def warn(text: str, category: str, filename: str, line: int) -> None:
    """Warn as if it had been warned here."""
    kind = getattr(builtins, category, UserWarning)
    warnings.warn_explicit(text, kind, filename, line)
