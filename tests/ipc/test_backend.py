from __future__ import annotations

import inspect
import os
import platform
import subprocess
import sys
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from streamflow.errors import IpcError
from streamflow.ipc._api import Consumer, Lease, Producer
from streamflow.ipc.backend import Rings
from tests.support.rings import BACKENDS, join

# `streamflow.ipc.backend` is also the name of a function of the package.
backend: Any = import_module("streamflow.ipc.backend")


@pytest.fixture(autouse=True)
def _afresh() -> Generator[None]:
    """The choice is made anew."""
    backend._chosen.cache_clear()
    yield
    backend._chosen.cache_clear()


@pytest.mark.parametrize("name", BACKENDS)
def test_the_environment_chooses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backend.VARIABLE, name)

    assert backend.backend() == name
    assert backend.rings() == backend.rings(name)


def test_without_a_wish_the_fastest_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    best = [backend.backend()]

    for there in ({"python", "socket"}, {"socket"}):
        backend._chosen.cache_clear()
        monkeypatch.setattr(backend, "available", there.__contains__)
        best.append(backend.backend())

    assert best == [BACKENDS[0], "python", "socket"]


def test_a_wish_that_means_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backend.VARIABLE, "rust")

    with pytest.raises(IpcError, match="STREAMFLOW_IPC must be one of c, python, socket"):
        backend.backend()
    with pytest.raises(IpcError, match="'rust'"):
        backend.rings()


def test_a_wish_that_cannot_be_met_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(IpcError, match="'python' is not available"):
        backend.rings("python")
    assert backend.available("socket")


def test_an_extension_that_was_not_built_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(backend, "import_module", missing)

    assert not backend.available("c")


def members(protocol: type[Any]) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_offers_all_of_the_api(name: str) -> None:
    ring = backend.rings(name)
    producer = ring.Producer(16, 10)
    consumer = join(ring, producer)
    producer.send(b"x")
    lease = consumer.take()

    for protocol, end in ((Producer, producer), (Consumer, consumer), (Lease, lease)):
        assert {member for member in members(protocol) if not hasattr(end, member)} == set()


@pytest.mark.parametrize("method", sorted(members(Producer) | members(Consumer)))
def test_what_is_named_alike_is_called_alike(method: str) -> None:
    for protocol, end in ((Producer, "Producer"), (Consumer, "Consumer")):
        if method not in members(protocol) or isinstance(vars(protocol)[method], property):
            continue
        asked = inspect.signature(getattr(protocol, method)).parameters
        for name in ("python", "socket"):
            given = inspect.signature(getattr(getattr(backend.rings(name), end), method)).parameters
            assert list(given) == list(asked)


def test_two_processes_choose_for_themselves() -> None:
    code = "from streamflow.ipc.backend import backend; print(backend())"

    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {backend.VARIABLE: name},
            check=True,
            capture_output=True,
            text=True,
            cwd=Path.cwd(),
        ).stdout.strip()
        for name in BACKENDS
    ]

    assert tuple(said) == BACKENDS


def test_rings_of_the_python_and_c_backends_are_one_kind_of_ring() -> None:
    if "c" not in BACKENDS:
        pytest.skip("the extension is not built")
    c, python = backend.rings("c"), backend.rings("python")

    for ours, theirs in ((c, python), (python, c)):
        producer = ours.Producer(8, 100, leases=2)
        consumer = join(theirs, producer)
        producer.send(b"across", pts=-5, kind=2, flags=4, schema=9)
        lease = consumer.take()
        assert lease is not None
        assert lease.array().tobytes() == b"across"
        assert (lease.pts, lease.kind, lease.flags, lease.schema) == (-5, 2, 4, 9)
        assert producer.leased(0) == [0]
        lease.release()
        assert producer.leased(0) == []


def test_rings_are_named_by_what_they_are() -> None:
    assert isinstance(backend.rings("socket"), Rings)
