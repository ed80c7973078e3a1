"""The wire: messages, some with file descriptors, beside a ring and in order.

Nothing that a peer says is believed: lengths and counts are bounded before
anything is kept for them, and the descriptors of what is refused are closed.
Neither end ever waits here: what cannot be sent yet is kept, within bounds, and
half a message is kept until its rest has come.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from streamflow.errors import HandshakeError, IpcError, RingCorrupt
from streamflow.ipc.segment import abandon_on_fork

STRANGER_LIMIT: Final = 4096
"""Bytes that a message may have before its sender is known."""
LIMIT: Final = 16 << 20
"""Bytes that a message may have."""
MOST_FDS: Final = 8
"""Descriptors that may come with a message."""
MOST_WAITING: Final = 16_384
"""Messages that may wait for a peer that does not read; then it is cut off."""

_HEADER: Final = struct.Struct("<IBBH")  # bytes of body, kind, descriptors, epoch
_CHUNK: Final = 1 << 16
_ANCILLARY: Final = socket.CMSG_SPACE(MOST_FDS * array.array("i").itemsize)
_FLAGS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Kind(IntEnum):
    """What a message is about."""

    JOIN = 1
    """Reader to writer: what it wants."""
    REFUSED = 2
    """Why not, in words."""
    HELLO = 3
    """The ring, with its descriptors."""
    READY = 4
    """All that was announced before the receiver came has been told."""
    GENERATION = 5
    """The next ring, with its descriptors."""
    SCHEMA = 6
    """A number and the schema that it stands for."""
    MEMORY = 7
    """A number and the shared memory that it stands for, with its descriptor."""
    FORGET = 8
    """The number of a memory that will be named no more."""
    EVENT = 9
    """A control event with its place in the stream."""
    URGENT = 10
    """A control event that overtakes."""
    CLOSE = 11
    """Nothing more will come."""
    CALL = 12
    """What two processes of a pipeline ask each other, on a wire without a ring."""


class Message(NamedTuple):
    """What came over a wire.

    Attributes:
        kind: a number of `Kind`, unchecked.
        epoch: how many ordered messages the sender had sent, modulo 65,536.
        body: what it says.
        fds: descriptors that came with it; whoever takes the message closes them.
    """

    kind: int
    epoch: int
    body: bytes
    fds: list[int]


class Wire:
    """One end of a connected Unix stream socket.

    Args:
        sock: connected, of the family ``AF_UNIX``; the wire owns it from here on.

    Until `admit` is called the peer is a stranger: its messages may be
    `STRANGER_LIMIT` bytes long, and what is wrong with them is a `HandshakeError`.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.hung_up = self._refused = False
        self._limit = STRANGER_LIMIT
        self._error: type[IpcError] = HandshakeError
        self._received = bytearray()
        self._fds: deque[int] = deque()
        self._waiting: deque[tuple[memoryview, list[int]]] = deque()
        abandon_on_fork(self)

    @classmethod
    def pair(cls) -> tuple[Wire, Wire]:
        """Both ends of a new wire."""
        first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(first), cls(second)

    def fileno(self) -> int:
        """The socket's descriptor: readable when a message or a hangup is there; -1 if closed."""
        return self.socket.fileno()

    @property
    def backlog(self) -> int:
        """Messages that wait for the peer to read."""
        return len(self._waiting)

    def admit(self) -> None:
        """The peer is who it should be: from here on messages may have `LIMIT` bytes."""
        self._limit, self._error = LIMIT, RingCorrupt

    def send(self, kind: Kind, body: bytes = b"", fds: Sequence[int] = (), epoch: int = 0) -> None:
        """Send a message, or keep it until the peer reads; see `flush`.

        The descriptors remain the caller's. A peer that has hung up, or that
        leaves more than `MOST_WAITING` messages unread, gets nothing any more.

        Raises:
            IpcError: the body is longer than `LIMIT`.
        """
        if len(body) > LIMIT:
            raise IpcError(f"a message of {len(body)} bytes is too long: at most {LIMIT} may go")
        if self.hung_up:
            return
        data = memoryview(_HEADER.pack(len(body), kind, len(fds), epoch) + body)
        if not self._waiting:
            sent = self._put(data, fds)
            if sent == len(data) or self.hung_up:
                return
            data, fds = data[sent:], () if sent else fds
        if len(self._waiting) == MOST_WAITING:
            self._hang_up()
            return
        try:
            self._waiting.append((data, [os.dup(fd) for fd in fds]))
        except OSError:
            # No descriptor is left: this peer cannot be told, so it cannot go on.
            self._hang_up()

    def flush(self) -> bool:
        """Send what waits; whether nothing waits any more."""
        while self._waiting:
            data, fds = self._waiting[0]
            sent = self._put(data, fds)
            if self.hung_up or not sent:
                break
            # Descriptors go with the first byte.
            close_all(fds)
            if sent == len(data):
                self._waiting.popleft()
            else:
                self._waiting[0] = data[sent:], []
        return not self._waiting

    def receive(self) -> Message | None:
        """The next message, or None if there is no whole one yet, or none any more.

        Raises:
            HandshakeError: a stranger does not keep to the form; it counts as hung up.
            RingCorrupt: a peer that was admitted does not; likewise.
        """
        while not self._refused:
            message = self._next()
            if message is not None or not self._fill():
                return message
        return None

    def close(self) -> None:
        """Hang up, and close every descriptor that nobody has taken."""
        self._hang_up()
        close_all(self._fds)
        self._received.clear()
        self.socket.close()

    def abandon(self) -> None:
        """In a forked child: the wire is the parent's, and its peer has to see it hang up."""
        self.close()

    def _put(self, data: memoryview, fds: Sequence[int]) -> int:
        """Send as much as goes at once; how many bytes went."""
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        try:
            return self.socket.sendmsg([data], [rights] if fds else [])
        except BlockingIOError:
            return 0
        except OSError:
            self._hang_up()
            return 0

    def _hang_up(self) -> None:
        self.hung_up = True
        # What the peer has said before can still be read.
        while self._waiting:
            close_all(self._waiting.popleft()[1])

    def _next(self) -> Message | None:
        """The first message of what has been received, if it is whole."""
        if len(self._received) < _HEADER.size:
            return None
        length, kind, count, epoch = _HEADER.unpack_from(self._received)
        if length > self._limit:
            raise self._refusal(f"a message of {length} bytes, more than {self._limit}")
        if count > MOST_FDS:
            raise self._refusal(f"{count} descriptors with a message, more than {MOST_FDS}")
        end = _HEADER.size + length
        if len(self._received) < end:
            return None
        if count > len(self._fds):
            raise self._refusal(f"{len(self._fds)} descriptors with a message that names {count}")
        body = bytes(self._received[_HEADER.size : end])
        del self._received[:end]
        if len(self._fds) > count and not self._received:
            raise self._refusal("descriptors that no message names")
        return Message(kind, epoch, body, [self._fds.popleft() for _ in range(count)])

    def _fill(self) -> bool:
        """Receive what is there; whether there was anything."""
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(_CHUNK, _ANCILLARY, _FLAGS)
        except BlockingIOError:
            return False
        except OSError:
            data, ancillary, flags = b"", [], 0
        self._fds.extend(_descriptors(ancillary))
        if flags & socket.MSG_CTRUNC:
            raise self._refusal(f"more descriptors than could be received, or than {MOST_FDS}")
        if not data:
            self._hang_up()
            return False
        self._received += data
        # They come with the first byte of their message, and the system ends a read behind
        # them: those here belong to one message that waits for its rest, and to the next.
        if len(self._fds) > 2 * MOST_FDS:
            raise self._refusal("descriptors that no message names")
        return True

    def _refusal(self, what: str) -> IpcError:
        # The socket stays open for whoever watches it, until `close`.
        self._refused = True
        self._hang_up()
        close_all(self._fds)
        self._received.clear()
        return self._error(f"the peer sent {what}")


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors that were received."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
    if isinstance(fds, list | deque):
        fds.clear()


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """What came by ``SCM_RIGHTS``; where the system cannot do it atomically, closed on exec."""
    fds = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    if not _FLAGS:
        for fd in fds:
            os.set_inheritable(fd, False)
    return list(fds)
