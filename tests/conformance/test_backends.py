"""The same behaviours, whatever carries items between processes.

The backend in use is seen to by the suite itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamflow.ipc.backend import available, backend


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted({"python", "c", "socket"} - {backend()}))
def test_every_behaviour_holds_over_every_kind_of_ring(name: str) -> None:
    if not available(name):
        pytest.skip(f"the {name} ring is not available here")
    here = Path(__file__).parent

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", here, *here.parent.glob("test_*processes.py")],
        env={**os.environ, "STREAMFLOW_IPC": name},
        cwd=here.parent.parent,
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:]
