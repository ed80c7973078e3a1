"""Checkpoint files: one is whole, or is not there.

Each is written under another name, brought to the disk and renamed; the one
before it stays. So whatever breaks off, and wherever, there is one to go on from.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from streamflow.errors import CheckpointError

try:
    import fcntl
except ImportError:  # Windows: two runs in one directory are not told apart
    fcntl = None  # type: ignore[assignment]  # there is no such module there

MAGIC: Final = b"sfckpt\r\n"
VERSION: Final = 1
HEAD: Final = struct.Struct(">8sIQ32s")
"""Magic, version, bytes of the body, SHA-256 of the body."""

KEPT: Final = 2
"""Checkpoints that stay: the newest, and the one before, should that prove damaged."""

NAME: Final = re.compile(r"checkpoint-([0-9]{8,18})")

NEW: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_BINARY", 0)  # Windows
    | getattr(os, "O_NOFOLLOW", 0)
)


class Found(NamedTuple):
    """What a directory holds.

    Attributes:
        number: of the checkpoint.
        path: its file.
        body: what was written.
        damaged: newer ones that cannot be used, each with the reason.
    """

    number: int
    path: Path
    body: bytes
    damaged: tuple[str, ...]


class Store:
    """The checkpoints of one run, in a directory of their own.

    Files are readable by their owner alone, and read only if nobody else can
    have written them: they are pickles, and who writes a pickle runs code.

    Args:
        directory: made if it is not there.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()) / "checkpoints")
    >>> store.open()
    >>> store.write(1, b"state").name
    'checkpoint-00000001'
    >>> store.find().body
    b'state'
    >>> store.close()
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = -1

    def open(self) -> None:
        """Make the directory, and see that it can be written and is no other run's.

        Raises:
            CheckpointError: it cannot, or another run writes there.
        """
        with _told(self.directory):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_lock()
        try:
            with _told(self.directory):
                for left in self.directory.glob("checkpoint-*.tmp"):
                    left.unlink()
                trial = self.directory / "checkpoint-trial.tmp"
                os.close(os.open(trial, NEW, 0o600))
                trial.unlink()
        except CheckpointError:
            self.close()
            raise

    def _take_lock(self) -> None:
        if fcntl is None:
            return
        self._lock = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise CheckpointError(
                str(self.directory), "another run writes its checkpoints there"
            ) from None

    def close(self) -> None:
        """Let another run have the directory."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def numbers(self) -> list[int]:
        """Numbers of the checkpoints that are there, in order."""
        matches = (NAME.fullmatch(path.name) for path in self.directory.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def path(self, number: int) -> Path:
        """The file of a checkpoint."""
        return self.directory / f"checkpoint-{number:08}"

    def set_aside(self) -> list[Path]:
        """Rename the checkpoints of an earlier run to ``….old``, so that none is gone on from.

        Returns:
            Their new names.

        Raises:
            CheckpointError: one cannot be renamed.
        """
        found: list[Path] = []
        with _told(self.directory):
            for number in self.numbers():
                path = self.path(number)
                found.append(path.replace(path.with_suffix(".old")))
        return found

    def find(self) -> Found | None:
        """The newest checkpoint that is whole; None if there is none at all.

        Raises:
            CheckpointError: there are some, but none is whole; or somebody else
                could have written one.
        """
        damaged: list[str] = []
        with _told(self.directory):
            numbers = self.numbers()
        for number in reversed(numbers):
            path = self.path(number)
            try:
                return Found(number, path, _read(path), tuple(damaged))
            except _Damaged as error:
                damaged.append(str(error))
            except OSError as error:
                damaged.append(f"{path}: {error.strerror}")
        if damaged:
            raise CheckpointError(str(self.directory), f"none is whole: {'; '.join(damaged)}")
        return None

    def write(self, number: int, body: bytes) -> Path:
        """Write a checkpoint, and let go of those before the last two.

        Returns:
            Its file. When this returns, it is on the disk.

        Raises:
            CheckpointError: it could not be written; those before it stay.
        """
        path, new = self.path(number), self.directory / f"checkpoint-{number:08}.tmp"
        head = HEAD.pack(MAGIC, VERSION, len(body), hashlib.sha256(body).digest())
        with _told(path):
            try:
                _write(new, (head, body))
                new.replace(path)
            except BaseException:
                with suppress(OSError):
                    new.unlink()
                raise
            _sync_directory(self.directory)
        with suppress(OSError):  # one too many does no harm
            for old in [n for n in self.numbers() if n <= number][:-KEPT]:
                self.path(old).unlink()
        return path


class _Damaged(CheckpointError):
    """A file is not what was written."""


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Let what the system says of a file be told as an error of checkpoints."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(str(error.filename or path), error.strerror or str(error)) from error


def _write(path: Path, parts: tuple[bytes, ...]) -> None:
    file = os.open(path, NEW, 0o600)
    try:
        for part in parts:
            left = memoryview(part)
            while left:
                left = left[os.write(file, left) :]
        os.fsync(file)
    finally:
        os.close(file)


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # no directory can be opened there
        return
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> bytes:
    """The body of a file.

    Raises:
        _Damaged: it is not whole.
        CheckpointError: somebody else could have written it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        _check_owner(path, os.fstat(file.fileno()))
        head = file.read(HEAD.size)
        if len(head) < HEAD.size or head[: len(MAGIC)] != MAGIC:
            raise _Damaged(str(path), "it is no checkpoint")
        _, version, length, digest = HEAD.unpack(head)
        if version != VERSION:
            raise _Damaged(str(path), f"it is of version {version}, not {VERSION}")
        there = os.fstat(file.fileno()).st_size - HEAD.size
        if there != length:
            raise _Damaged(str(path), f"it has {there} bytes of {length}")
        body = file.read(length)
    if hashlib.sha256(body).digest() != digest:
        raise _Damaged(str(path), "its checksum is wrong")
    return body


def _check_owner(path: Path, status: os.stat_result) -> None:
    if not hasattr(os, "geteuid"):  # Windows
        return
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
        raise CheckpointError(
            str(path),
            "others than its owner could have written it, and to read it may run their code; "
            "if it is yours, chown it and chmod it to 600",
        )
