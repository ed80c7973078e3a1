"""The door of a writer: a named socket at which readers come in at any time.

The file can be used by its owner alone. One that a dead program has left is
replaced, one that is in use is refused. Strangers are heard on a thread of the
door's own and have a few seconds to say what they want; none holds up another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import selectors
import socket
import stat
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

from streamflow.errors import HandshakeError, IpcError
from streamflow.ipc.handshake import PATIENCE, Join, check_peer, peer_pid
from streamflow.ipc.segment import abandon_on_fork
from streamflow.ipc.wire import Kind, Wire, close_all

MOST_STRANGERS: Final = 32
"""Connections that may be in their handshake at a time."""
_REST: Final = 0.1


class Door:
    """Listens on a socket file until closed.

    Args:
        path: of the file.
        admit: called on the door's thread for each reader, with the wire to it and
            what it wants; the wire is the callee's. What it raises refuses the reader.
        patience: seconds that a stranger has.

    Raises:
        IpcError: the file is somebody else's, is in use, or cannot be made.
    """

    def __init__(
        self, path: str, admit: Callable[[Wire, Join], object], *, patience: float = PATIENCE
    ) -> None:
        self._path, self._admit, self._patience = path, admit, patience
        self._socket, self._file = listen(path)
        self._strangers: dict[int, tuple[Wire, float]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._hear, self._say = socket.socketpair()
        self._selector.register(self._hear, selectors.EVENT_READ)
        abandon_on_fork(self)
        self._thread = threading.Thread(target=self._run, name=f"door {path}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Remove the file and let nobody in any more."""
        self._say.close()
        self._thread.join()
        unlink(self._path, self._file)
        for wire, _ in self._strangers.values():
            wire.close()
        for each in (self._socket, self._hear, self._selector):
            each.close()

    def abandon(self) -> None:
        """In a forked child, which has no such thread: nobody is let in here."""
        self._socket.close()

    def _run(self) -> None:
        while True:
            ready = [key.fileobj for key, _ in self._selector.select(self._patience_left())]
            if self._hear in ready:
                return
            for each in ready:
                if each is self._socket:
                    self._let_in()
                elif isinstance(each, int):
                    self._hear_out(each)
            self._show_out()

    def _patience_left(self) -> float | None:
        if not self._strangers:
            return None
        return max(0.0, min(end for _, end in self._strangers.values()) - time.monotonic())

    def _let_in(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except BlockingIOError:
            return
        except OSError:
            # No descriptor is left; the socket would be readable again at once.
            select.select([self._hear], [], [], _REST)
            return
        wire = Wire(sock)
        if len(self._strangers) == MOST_STRANGERS:
            _refuse(wire, f"{MOST_STRANGERS} others are coming in; try again")
            return
        try:
            check_peer(wire)
        except HandshakeError:
            return
        self._strangers[wire.fileno()] = wire, time.monotonic() + self._patience
        self._selector.register(wire.fileno(), selectors.EVENT_READ)

    def _hear_out(self, fd: int) -> None:
        wire, _ = self._strangers[fd]
        try:
            message = wire.receive()
        except HandshakeError:
            self._forget(fd)
            wire.close()
            return
        if message is None:
            if wire.hung_up:
                self._forget(fd)
                wire.close()
            return
        self._forget(fd)
        close_all(message.fds)
        try:
            if message.kind != Kind.JOIN:
                raise HandshakeError(f"message {message.kind} came where JOIN is needed")
            self._admit(wire, Join.unpack(message.body))
        except Exception as error:
            # Whatever it is, it is this one's alone: the door goes on.
            _refuse(wire, str(error))

    def _show_out(self) -> None:
        """Hang up on those who have had their time."""
        now = time.monotonic()
        for fd in [fd for fd, (_, end) in self._strangers.items() if end <= now]:
            self._strangers[fd][0].close()
            self._forget(fd)

    def _forget(self, fd: int) -> None:
        del self._strangers[fd]
        self._selector.unregister(fd)


def knock(path: str, wanted: Join, timeout: float | None) -> Wire:
    """Ask a writer to be let in; its answer is still to be read.

    Args:
        path: of its socket file.
        wanted: what to ask for.
        timeout: seconds to wait for the writer to be there at all; None: it must be.

    Raises:
        HandshakeError: nobody is there, or its file is not ours to use.
    """
    now = time.monotonic()
    deadline, busy = now + (timeout or 0), now + PATIENCE
    pause = 0.001
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # It does not wait where too many wait already.
        sock.setblocking(False)
        try:
            sock.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError) as error:
            sock.close()
            if isinstance(error, BlockingIOError):
                deadline = max(deadline, busy)
            left = deadline - time.monotonic()
            if left <= 0:
                raise HandshakeError(f"no writer is at {path}") from None
        except OSError as error:
            sock.close()
            raise HandshakeError(f"cannot come in at {path}: {error}") from None
        else:
            wire = Wire(sock)
            wire.send(Kind.JOIN, wanted.pack())
            return wire
        time.sleep(min(pause, left))
        pause = min(2 * pause, 0.05)


def listen(path: str) -> tuple[socket.socket, tuple[int, int]]:
    """Make a socket file that only its owner can use, and listen; the file's device and inode.

    Raises:
        IpcError: the file is no socket, is in use, or cannot be made.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _alone(path):
            _clear(path)
            sock.bind(path)
            # Nobody can connect before it listens.
            Path(path).chmod(0o600)
            sock.listen(16)
            made = Path(path).stat()
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise IpcError(f"cannot listen at {path}: {error}") from None
    except IpcError:
        sock.close()
        raise
    return sock, (made.st_dev, made.st_ino)


def unlink(path: str, made: tuple[int, int]) -> None:
    """Remove a socket file, if it is the one that was made."""
    with contextlib.suppress(OSError), _alone(path):
        found = Path(path).stat()
        if (found.st_dev, found.st_ino) == made:
            Path(path).unlink()


def _clear(path: str) -> None:
    """Remove a socket file on which nobody listens any more.

    Raises:
        IpcError: it is no socket, or somebody listens.
    """
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise IpcError(f"{path} exists, and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except BlockingIOError:
            owner = ""
        else:
            owner = f" by process {peer_pid(probe)}"
    raise IpcError(f"{path} is in use{owner}")


@contextlib.contextmanager
def _alone(path: str) -> Generator[None]:
    """Keep other writers of this folder away, so that no two replace the same file."""
    fd = os.open(Path(path).parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _refuse(wire: Wire, reason: str) -> None:
    wire.send(Kind.REFUSED, reason.encode()[:1024])
    wire.close()
