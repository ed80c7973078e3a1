"""The ways of moving frames that are compared, by the names under which stages know them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from benchmarks.ipc.peers.base import Peer

HOMES: Final = {
    "streamflow": "ours:Streamflow",
    "streamflow-python": "ours:StreamflowInPython",
    "ring": "ring:Ring",
    "iceoryx2": "iceoryx:Iceoryx",
    "zenoh": "zenoh:Zenoh",
    "zmq": "zeromq:Zmq",
    "dora": "dora:Dora",
    "pipe": "multiprocess:Pipe",
    "queue": "multiprocess:Queue",
    "shared": "multiprocess:Shared",
    "eventfd": "floor:Eventfd",
}
"""Module and class of each; a side imports only the one it plays with."""


def peer(name: str) -> type[Peer]:
    """The class of a peer."""
    module, _, attribute = HOMES[name].partition(":")
    found: type[Peer] = getattr(import_module(f"{__name__}.{module}"), attribute)
    return found


def installed(module: str) -> bool:
    """Whether a module can be imported."""
    return find_spec(module) is not None
