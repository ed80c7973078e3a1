"""Tools for tests of nodes and pipelines, for this project's tests and for yours."""

from __future__ import annotations

from streamflow.testing.runner import NodeRunner

__all__ = ["NodeRunner"]
