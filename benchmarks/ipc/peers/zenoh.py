"""Zenoh with shared memory: peers that know each other over Unix sockets, without discovery."""

from __future__ import annotations

import importlib
import json
import time
from typing import Any, ClassVar

import numpy as np

from benchmarks.ipc.peers.base import Cable, Lossless, Plain, Play, mark_of, ready_made

LEAST = 1024
"""Bytes from which shared memory is worth its while."""


class Zenoh(Plain):
    """eclipse-zenoh; its Python API copies into and out of shared memory."""

    title: ClassVar[str] = "zenoh (SHM)"
    needs: ClassVar[tuple[str, ...]] = ("zenoh",)
    copies: ClassVar[int] = 2

    def __init__(self, side: str, play: Play, given: Any) -> None:
        super().__init__(side, play, given)
        self.zenoh: Any = importlib.import_module("zenoh")
        self.publishers: list[Any] = []
        self.session: Any = None

    def open(self) -> Any:
        """A session that listens for later sides, and connects to earlier ones."""
        if self.session is None:
            earlier = [side for side in self.play.sides if side < self.side]
            config = self.zenoh.Config()
            for key, value in {
                "mode": "peer",
                "scouting/multicast/enabled": False,
                "transport/shared_memory/enabled": True,
                "listen/endpoints": [self.address(self.side)],
                "connect/endpoints": [self.address(side) for side in earlier],
                # Sides start at the same time: the earlier one may not be there yet.
                "connect/timeout_ms": 10_000,
                "connect/exit_on_failure": True,
                "connect/retry": {"period_init_ms": 50, "period_max_ms": 50},
            }.items():
                config.insert_json5(key, json.dumps(value))
            self.session = self.zenoh.open(config)
        return self.session

    def address(self, side: str) -> str:
        """Where a side listens."""
        return f"unixsock-stream/{self.play.folder}/{side}.sock"

    def sender(self, cable: Cable) -> ZenohSender:
        """Declares a publisher that waits, rather than drops, when its readers are behind."""
        control = self.zenoh.CongestionControl.BLOCK
        publisher = self.open().declare_publisher(cable.name, congestion_control=control)
        self.publishers.append(publisher)
        return ZenohSender(self.zenoh, publisher, cable)

    def receiver(self, cable: Cable) -> ZenohReceiver:
        """Declares a subscriber with a channel."""
        channel = self.zenoh.handlers.FifoChannel(cable.depth)
        return ZenohReceiver(self.open().declare_subscriber(cable.name, channel))

    def settle(self) -> None:
        """Wait until someone listens to each of our publishers."""
        while not all(publisher.matching_status.matching for publisher in self.publishers):
            time.sleep(0.01)

    def close(self) -> None:
        """Close the session."""
        if self.session is not None:
            self.session.close()


class ZenohSender(Lossless):
    """See `Zenoh`."""

    def __init__(self, zenoh: Any, publisher: Any, cable: Cable) -> None:
        self.zenoh, self.publisher, self.size = zenoh, publisher, cable.size
        self.payloads = ready_made(cable.size)
        if cable.size >= LEAST:
            shm: Any = importlib.import_module("zenoh.shm")
            self.frame = bytearray(cable.size)
            self.pixels = np.frombuffer(self.frame, np.uint8)
            self.provider = shm.ShmProvider.default_backend((cable.size + 4096) * cable.depth * 2)
            self.policy = shm.BlockOn(shm.GarbageCollect())

    def send(self, mark: int) -> None:
        """Write a frame and copy it into shared memory, of which Python has no writable view."""
        if self.size < LEAST:
            self.publisher.put(self.payloads[mark])
            return
        self.pixels.fill(mark)
        memory = self.provider.alloc(self.size, self.policy)
        memory[0 : self.size] = self.frame
        self.publisher.put(self.zenoh.ZBytes(memory))


class ZenohReceiver(Lossless):
    """See `Zenoh`."""

    def __init__(self, subscriber: Any) -> None:
        self.subscriber = subscriber

    def take(self) -> int:
        """Copy the payload out; there is no view of it."""
        return mark_of(self.subscriber.recv().payload.to_bytes())

    def forward(self, sender: ZenohSender) -> int:
        """Publish the payload that came."""
        sender.publisher.put(self.subscriber.recv().payload)
        return 0
