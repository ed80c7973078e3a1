"""Tools for tests of nodes and pipelines, for this project's tests and for yours."""

from __future__ import annotations

from streamflow.testing.assertions import assert_ledger, assert_zero_copy
from streamflow.testing.clock import VirtualClock
from streamflow.testing.leaks import leak_check
from streamflow.testing.runner import NodeRunner

__all__ = ["NodeRunner", "VirtualClock", "assert_ledger", "assert_zero_copy", "leak_check"]
