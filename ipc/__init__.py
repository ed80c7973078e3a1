"""Memory for frames, lent and taken back."""

from __future__ import annotations

from streamflow.ipc.pool import Pool, PoolStatistics

__all__ = ["Pool", "PoolStatistics"]
