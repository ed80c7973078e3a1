"""The ring where descriptors go through pipes: any processor, any POSIX system."""

from __future__ import annotations

from streamflow.ipc._socketconsumer import Consumer
from streamflow.ipc._socketproducer import Producer
from streamflow.ipc.lease import Lease

__all__ = ["Consumer", "Lease", "Producer"]
