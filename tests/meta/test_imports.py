"""Imports: `import streamflow` is light, and the bare folder names are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "aiortc",
    "av",
    "cloudpickle",
    "httpx",
    "psutil",
    "pyarrow",
    "pydantic",
    "wasmtime",
    "yaml",
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees the checkout."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["streamflow", "streamflow.nodes", "streamflow.testing"])
def test_an_import_loads_no_heavy_library(module: str) -> None:
    done = python(f"import {module}; print(*{{name.partition('.')[0] for name in sys.modules}})")

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()).isdisjoint(HEAVY)


def test_importing_streamflow_leaves_the_event_loop_policy_alone() -> None:
    done = python("import streamflow; print('uvloop' in sys.modules)")

    assert done.stdout == "False\n", done.stderr


def test_import_nodes_is_refused_and_says_what_to_write() -> None:
    done = python("import nodes")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: this package is streamflow.nodes, not nodes: "
        "write `from streamflow.nodes import ...`"
    )


def test_an_unknown_node_is_an_attribute_error() -> None:
    done = python("import streamflow.nodes; streamflow.nodes.Nonsense")

    assert done.stderr.splitlines()[-1].startswith("AttributeError: streamflow.nodes has no node")
