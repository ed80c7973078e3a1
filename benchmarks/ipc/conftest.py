"""These rows have a table of their own."""

from __future__ import annotations

import sys

import pytest

from benchmarks.ipc.standing import TABLE

# Peaks and leftovers are looked up in /proc and /dev/shm, and the floor is an eventfd.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(scope="session")
def table_name() -> str:
    """The table of this folder."""
    return TABLE
