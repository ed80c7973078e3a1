"""Backends: which of the three rings this process uses, chosen once.

"c" is the extension. "python" is the same ring without it, where the processor
keeps stores in order (x86-64). "socket" sends descriptors over a socket and
runs wherever there are sockets and mappings.
"""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib import import_module
from typing import NamedTuple

from streamflow.errors import IpcError
from streamflow.ipc._api import Consumer, Lease, Producer
from streamflow.ipc.layout import Policy

__all__ = ["Consumer", "Lease", "Policy", "Producer", "Rings", "available", "backend", "rings"]

VARIABLE = "STREAMFLOW_IPC"
_MODULES = {
    "c": "streamflow.ipc._ring",
    "python": "streamflow.ipc._pyring",
    "socket": "streamflow.ipc._socketring",
}


class Rings(NamedTuple):
    """The two ends that one backend offers."""

    Producer: type[Producer]
    Consumer: type[Consumer]


def backend() -> str:
    """Which backend is in use: "c", "python" or "socket".

    The environment variable STREAMFLOW_IPC names it; without it the fastest that is there is used.

    Raises:
        IpcError: the variable names none, or one that is not available here.
    """
    wanted = os.environ.get(VARIABLE, "")
    return _chosen(wanted)


def available(name: str) -> bool:
    """Whether backend `name` can be used here."""
    if name == "python":
        return sys.platform == "linux" and platform.machine() in {"x86_64", "AMD64"}
    if name == "c":
        try:
            import_module(_MODULES[name])
        except ImportError:
            return False
    return name in _MODULES


def rings(name: str | None = None) -> Rings:
    """Producer and Consumer of a backend; of the one in use, if none is named.

    Raises:
        IpcError: there is no such backend here.
    """
    module = import_module(_MODULES[_chosen(name) if name else backend()])
    return Rings(module.Producer, module.Consumer)


@cache
def _chosen(wanted: str) -> str:
    if not wanted:
        return next(name for name in _MODULES if available(name))
    if wanted not in _MODULES:
        raise IpcError(f"{VARIABLE} must be one of {', '.join(_MODULES)}, not {wanted!r}")
    if not available(wanted):
        raise IpcError(f"the ipc backend {wanted!r} is not available here")
    return wanted
