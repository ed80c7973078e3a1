"""Shared memory: frames that other processes read where they lie.

`Writer` and `Reader` share values between programs. Pipelines use what is
beneath them for nodes in processes of their own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

# The function takes the name of its module on purpose: `streamflow.ipc.backend()`.
from streamflow.ipc.backend import backend
from streamflow.ipc.pool import Pool, PoolStatistics

if TYPE_CHECKING:
    from streamflow.ipc.reader import Reader
    from streamflow.ipc.writer import ReaderStatistics, Writer, WriterStatistics

__all__ = [
    "Pool",
    "PoolStatistics",
    "Reader",
    "ReaderStatistics",
    "Writer",
    "WriterStatistics",
    "backend",
]

# What needs sockets and mappings is imported when it is first asked for.
_HOMES: Final = {
    "Reader": "reader",
    "ReaderStatistics": "writer",
    "Writer": "writer",
    "WriterStatistics": "writer",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'streamflow.ipc' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"streamflow.ipc.{home}"), name)
    globals()[name] = value  # so that this function is asked once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
