"""The ring in pure Python, for x86-64: one producer, up to 16 consumers, no locks."""

from __future__ import annotations

from streamflow.ipc._pyconsumer import Consumer
from streamflow.ipc._pyproducer import Producer
from streamflow.ipc.lease import Lease

__all__ = ["Consumer", "Lease", "Producer"]
