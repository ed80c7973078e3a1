"""One suite over every backend that this machine has."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamflow.ipc.backend import Rings, rings
from tests.support.ends import Ends
from tests.support.rings import BACKENDS


@pytest.fixture(scope="session", autouse=True)
def _settled() -> Iterator[None]:
    """Looking for garbage means looking at what tests made, not at all that pytest has loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=BACKENDS)
def ring(request: pytest.FixtureRequest) -> Rings:
    """Producer and Consumer of one backend."""
    return rings(str(request.param))


@pytest.fixture(params=BACKENDS)
def backend_in_use(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One backend after the other, for this process and those it starts."""
    monkeypatch.setenv("STREAMFLOW_IPC", str(request.param))
    return str(request.param)


@pytest.fixture
def ends(backend_in_use: str) -> Iterator[Ends]:
    """Senders and receivers over one backend after the other."""
    ends = Ends()
    yield ends
    ends.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a writer listens."""
    return str(tmp_path / "frames.sock")
