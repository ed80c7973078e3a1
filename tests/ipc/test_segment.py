from __future__ import annotations

import fcntl
import gc
import os
import resource
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import pytest

from streamflow.errors import HandshakeError, IpcError
from streamflow.ipc import bells, pipes, segment
from tests.support.forks import forked
from tests.support.rings import descriptors, named


@contextmanager
def no_more_descriptors() -> Generator[None]:
    """Let this process open nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_one_side_writes_the_other_reads() -> None:
    ours = segment.create(5000, guarded=True)
    theirs = segment.attach(ours.duplicate(), writable=False)

    ours.map[4999] = 7

    assert theirs.map[4999] == 7
    assert (ours.size, theirs.size) == (5000, 5000)
    assert theirs.address == np.frombuffer(theirs.map, np.uint8).ctypes.data


def test_a_guarded_segment_is_written_by_nobody_else() -> None:
    ours = segment.create(4096, guarded=True)

    with pytest.raises(HandshakeError):
        segment.attach(ours.duplicate(), writable=True)
    with pytest.raises(PermissionError):
        os.write(ours.fd, b"x")
    theirs = segment.attach(ours.duplicate(), writable=False)
    with pytest.raises(TypeError, match="readonly"):
        theirs.map[0] = 1
    ours.map[0] = 1
    assert theirs.map[0] == 1


def test_an_open_segment_is_written_by_both() -> None:
    ours = segment.create(4096, guarded=False)
    theirs = segment.attach(ours.duplicate(), writable=True)

    theirs.map[3] = 5

    assert ours.map[3] == 5


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("size", [0, 4095, 4097, 1 << 40])
def test_a_segment_keeps_its_size(guarded: bool, size: int) -> None:
    ours = segment.create(4096, guarded=guarded)

    with pytest.raises(PermissionError):
        os.ftruncate(ours.fd, size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(ours.fd, segment.F_ADD_SEALS, segment.F_SEAL_SEAL)


def test_a_segment_has_no_name_and_is_not_inherited() -> None:
    before = named()
    ours = segment.create(4096, guarded=True)

    listed = subprocess.run(
        ["ls", "-l", "/proc/self/fd"], check=True, capture_output=True, text=True, close_fds=False
    ).stdout

    assert not os.get_inheritable(ours.fd)
    assert "streamflow" not in listed
    assert named() == before


@pytest.mark.parametrize("kind", ["file", "socket", "closed", "unsealed", "shrinkable", "small"])
def test_what_is_no_segment_is_refused_and_closed(kind: str) -> None:
    before = descriptors()
    fd = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 4096)
    if kind == "file":
        os.close(fd)
        with tempfile.TemporaryFile() as file:
            file.truncate(4096)
            fd = os.dup(file.fileno())
    elif kind == "socket":
        os.close(fd)
        ours, fd = os.pipe()
        os.close(ours)
    elif kind == "closed":
        os.close(fd)
    elif kind == "shrinkable":
        fcntl.fcntl(fd, segment.F_ADD_SEALS, segment.F_SEAL_GROW)
    elif kind == "small":
        segment.seal(fd, guarded=False)

    if kind == "closed":
        # It is not ours to close: somebody else may have that number by now.
        with pytest.raises(HandshakeError):
            segment.attach(10_000, writable=False)
    else:
        with pytest.raises(HandshakeError):
            segment.attach(fd, writable=False, least=4097)

    assert descriptors() == before


def test_a_segment_is_unmapped_when_the_last_look_at_it_is_gone() -> None:
    before = descriptors()
    ours = segment.create(4096, guarded=True)
    view = memoryview(ours.map)[10:20]
    view[0] = 9

    ours.close()
    ours.close()
    still = view[0]
    del view

    assert still == 9
    assert ours.fd == -1
    assert descriptors() == before


def test_a_segment_that_is_forgotten_closes_itself() -> None:
    before = descriptors()

    segment.create(4096, guarded=True)
    gc.collect()

    assert descriptors() == before


def test_what_the_system_cannot_give_is_an_ipc_error() -> None:
    before = descriptors()

    with no_more_descriptors(), pytest.raises(IpcError, match="cannot create 4096 bytes"):
        segment.create(4096, guarded=True)
    with pytest.raises(IpcError, match="cannot"):
        segment.create(1 << 62, guarded=True)
    with no_more_descriptors(), pytest.raises(IpcError, match="wake-up"):
        bells.new()
    with no_more_descriptors(), pytest.raises(IpcError, match="pipe"):
        pipes.pair()
    with no_more_descriptors(), pytest.raises(IpcError, match="hand over"):
        bells.duplicates([0])

    assert descriptors() == before


def test_a_mapping_that_the_system_refuses_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("mmap.mmap", refuse)
    with pytest.raises(IpcError, match="Cannot allocate memory"):
        segment.create(4096, guarded=True)

    assert descriptors() == before


def test_an_older_kernel_gets_along_without_newer_seals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "F_SEAL_FUTURE_WRITE", 1 << 30)
    monkeypatch.setattr(segment, "MFD_NOEXEC_SEAL", 1 << 30)

    ours = segment.create(4096, guarded=True)
    theirs = segment.attach(ours.duplicate(), writable=False)

    ours.map[0] = 3
    assert theirs.map[0] == 3


def test_without_memory_files_a_file_without_a_name_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors()
    monkeypatch.setattr(segment, "sealable", lambda: False)

    ours = segment.create(5000, guarded=True)
    theirs = segment.attach(ours.duplicate(), writable=False, least=5000)
    ours.map[4999] = 3
    seen = theirs.map[4999]
    ours.close()
    theirs.close()

    assert seen == 3
    assert descriptors() == before


def test_a_forked_child_abandons_what_its_parent_owns() -> None:
    class Owner:
        abandoned = False

        def abandon(self) -> None:
            self.abandoned = True

    owner = Owner()
    segment.abandon_on_fork(owner)

    with forked(lambda: owner.abandoned) as child:
        assert child.result() is True

    assert not owner.abandoned
