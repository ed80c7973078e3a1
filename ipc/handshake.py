"""The handshake: who is at the other end of a wire, and whether both speak alike.

A reader says what it wants (`JOIN`), and is answered with a ring (`HELLO`) or
with the reason why not (`REFUSED`). Only processes of the same user are let in.
Every wait here has an end, however slowly the peer talks: a stranger cannot
hold up anybody.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from typing import Final, NamedTuple

from streamflow.errors import HandshakeError
from streamflow.ipc.layout import Policy
from streamflow.ipc.wire import Kind, Message, Wire, close_all

MAGIC: Final = b"STRMFLW1"
VERSION: Final = 1
PATIENCE: Final = 5.0
"""Seconds within which a peer must have said all that a handshake needs."""

_JOIN: Final = struct.Struct("<8sHBBI")  # magic, version, policy, unused, depth (0: any)
_HELLO: Final = struct.Struct("<8sHBBIQ")  # magic, version, policy, backend, unused, generation
_BACKENDS: Final = ("python", "c", "socket")


class Join(NamedTuple):
    """What a reader wants.

    Attributes:
        policy: what happens when it is slow.
        depth: how many items may wait for it; None: as the writer likes.
    """

    policy: Policy
    depth: int | None

    def pack(self) -> bytes:
        """As the body of a message."""
        return _JOIN.pack(MAGIC, VERSION, self.policy, 0, self.depth or 0)

    @classmethod
    def unpack(cls, body: bytes) -> Join:
        """From the body of a message.

        Raises:
            HandshakeError: it is none.
        """
        _check_form(body, _JOIN, "JOIN")
        _, _, policy, _, depth = _JOIN.unpack(body)
        return cls(_policy(policy), depth or None)


class Hello(NamedTuple):
    """What a ring is, apart from what stands in its own header.

    Attributes:
        backend: who wrote it: ``python``, ``c`` (which share their layout) or ``socket``.
        policy: what happens when the receiver is slow.
        generation: which ring of its sender this is, from 0.
    """

    backend: str
    policy: Policy
    generation: int

    def pack(self) -> bytes:
        """As the body of a message."""
        backend = _BACKENDS.index(self.backend)
        return _HELLO.pack(MAGIC, VERSION, self.policy, backend, 0, self.generation)

    @classmethod
    def unpack(cls, body: bytes) -> Hello:
        """From the body of a message.

        Raises:
            HandshakeError: it is none.
        """
        _check_form(body, _HELLO, "HELLO")
        _, _, policy, backend, _, generation = _HELLO.unpack(body)
        if backend >= len(_BACKENDS):
            raise HandshakeError(f"the peer names ring number {backend}, which is unknown here")
        return cls(_BACKENDS[backend], _policy(policy), generation)


def expect(wire: Wire, kind: Kind, deadline: float) -> Message:
    """Wait for a message of one kind.

    Args:
        wire: to read from; whatever goes wrong, it is closed.
        kind: what must come next. A refusal may come instead, and is raised.
        deadline: when to give up, on the monotonic clock.

    Raises:
        HandshakeError: nothing came in time, the peer has hung up, has refused, or has
            said something else.
    """
    try:
        message = _next(wire, kind, deadline)
    except BaseException:
        wire.close()
        raise
    if message.kind == kind:
        return message
    close_all(message.fds)
    wire.close()
    if message.kind == Kind.REFUSED:
        raise HandshakeError(message.body.decode(errors="replace"))
    raise HandshakeError(f"the peer sent message {message.kind} where {kind.name} is needed")


def _next(wire: Wire, kind: Kind, deadline: float) -> Message:
    poll = select.poll()
    poll.register(wire.fileno(), select.POLLIN)
    while True:
        message = wire.receive()
        if message is not None:
            return message
        if wire.hung_up:
            raise HandshakeError(f"the peer hung up where {kind.name} is needed")
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise HandshakeError(f"the peer did not say {kind.name} in time")


def check_peer(wire: Wire) -> None:
    """Refuse everybody but this process's own user.

    Raises:
        HandshakeError: the peer runs as somebody else; the wire is closed.
    """
    uid = peer_uid(wire.socket)
    if uid != os.geteuid():
        wire.close()
        raise HandshakeError(f"the peer runs as user {uid}; only user {os.geteuid()} may join")


if sys.platform == "linux":

    def peer_uid(sock: socket.socket) -> int:
        """Effective user id of the process that connected, listened, or made the pair."""
        return _credentials(sock)[1]

    def peer_pid(sock: socket.socket) -> int:
        """Its process id; 0 if the system does not say."""
        return _credentials(sock)[0]

    def _credentials(sock: socket.socket) -> tuple[int, int, int]:
        form = struct.Struct("3i")
        told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
        pid, uid, gid = form.unpack(told)
        return pid, uid, gid

else:
    # macOS. Python's `socket` does not name them: SOL_LOCAL, LOCAL_PEERCRED, LOCAL_PEERPID.
    _SOL_LOCAL, _PEERCRED, _PEERPID = 0, 1, 2

    def peer_uid(sock: socket.socket) -> int:
        """Effective user id of the process that connected, listened, or made the pair."""
        # struct xucred: version, uid, number of groups, 16 groups.
        told = sock.getsockopt(_SOL_LOCAL, _PEERCRED, 76)
        return int(struct.unpack_from("=Ii", told)[1])

    def peer_pid(sock: socket.socket) -> int:
        """Its process id; 0 if the system does not say."""
        return int(struct.unpack("=i", sock.getsockopt(_SOL_LOCAL, _PEERPID, 4))[0])


def _check_form(body: bytes, form: struct.Struct, name: str) -> None:
    """Check what both messages begin with."""
    if len(body) < 10 or body[:8] != MAGIC:
        raise HandshakeError(f"the peer's {name} is none of streamflow's")
    version = int.from_bytes(body[8:10], "little")
    if version != VERSION:
        raise HandshakeError(f"the peer speaks version {version}; version {VERSION} is needed")
    if len(body) != form.size:
        raise HandshakeError(f"{name} has {form.size} bytes, not {len(body)}")


def _policy(number: int) -> Policy:
    try:
        return Policy(number)
    except ValueError:
        raise HandshakeError(f"the peer names policy {number}, which is unknown here") from None
