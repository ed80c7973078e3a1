"""ZeroMQ over ``ipc://``: a PUSH socket for each reader, since PUB drops what comes too fast."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import numpy as np

from benchmarks.ipc.peers.base import Cable, Lossless, Plain, Play, mark_of, ready_made


class Zmq(Plain):
    """pyzmq; large frames are given to it without a copy, and the kernel copies in and out."""

    title: ClassVar[str] = "pyzmq ipc://"
    needs: ClassVar[tuple[str, ...]] = ("zmq",)
    copies: ClassVar[int] = 2

    def __init__(self, side: str, play: Play, given: Any) -> None:
        super().__init__(side, play, given)
        self.zmq: Any = importlib.import_module("zmq")
        self.context = self.zmq.Context()

    def address(self, cable: Cable, reader: str) -> str:
        """Where a reader finds its socket."""
        return f"ipc://{self.play.folder}/{cable.name}-{reader}"

    def sender(self, cable: Cable) -> ZmqSender:
        """Binds a socket for each reader; half of the depth waits here, half at the reader."""
        sockets: list[Any] = []
        for reader in cable.readers:
            socket = self.context.socket(self.zmq.PUSH)
            socket.sndhwm, socket.linger = cable.depth // 2, 0
            socket.bind(self.address(cable, reader))
            sockets.append(socket)
        return ZmqSender(sockets, cable.size)

    def receiver(self, cable: Cable) -> ZmqReceiver:
        """Connects to the writer's socket."""
        socket = self.context.socket(self.zmq.PULL)
        socket.rcvhwm, socket.linger = cable.depth // 2, 0
        socket.connect(self.address(cable, self.side))
        return ZmqReceiver(socket, small=bool(ready_made(cable.size)))

    def close(self) -> None:
        """Close all sockets."""
        self.context.destroy(linger=0)


class ZmqSender(Lossless):
    """See `Zmq`."""

    def __init__(self, sockets: list[Any], size: int) -> None:
        self.sockets, self.payloads, self.size = sockets, ready_made(size), size

    def send(self, mark: int) -> None:
        """Send bytes, or a new array that ZeroMQ keeps until it is sent."""
        if self.payloads:
            for socket in self.sockets:
                socket.send(self.payloads[mark])
        else:
            self.post(np.full(self.size, mark, np.uint8))

    def post(self, payload: Any) -> None:
        """Send a large frame to every reader, without a copy of ours."""
        for socket in self.sockets:
            socket.send(payload, copy=False)


class ZmqReceiver(Lossless):
    """See `Zmq`."""

    def __init__(self, socket: Any, *, small: bool) -> None:
        self.socket, self.small = socket, small

    def take(self) -> int:
        """Receive bytes, or a view of what came."""
        if self.small:
            payload: bytes = self.socket.recv()
            return payload[0]
        return mark_of(self.socket.recv(copy=False).buffer)

    def forward(self, sender: ZmqSender) -> int:
        """Send the message that came."""
        sender.post(self.socket.recv(copy=False))
        return 0
