"""streamflow: a `Writer` and its `Reader`, with bytes if they are few, with frames else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from benchmarks.harness import new_runner
from benchmarks.ipc.peers.base import SMALL, Cable, Lossless, Plain, Play, look, ready_made
from streamflow.frames import VideoFrame
from streamflow.ipc import Reader, Writer
from streamflow.ipc.shared import SharedPool

HELD = 24
"""Frames that a reader may hold: who hands on holds also what waits for the next one."""

WIDTH = 1024
"""Pixels of a line of a picture that is not of 1080p."""


class Streamflow(Plain):
    """Pictures are painted in shared memory, and lie there until their last reader is done."""

    title: ClassVar[str] = "streamflow"
    needs: ClassVar[tuple[str, ...]] = ()
    copies: ClassVar[int] = 0

    def __init__(self, side: str, play: Play, given: Any) -> None:
        super().__init__(side, play, given)
        self.writers: dict[Cable, Writer] = {}
        self.readers: list[Reader] = []

    def address(self, cable: Cable) -> str:
        """The socket of a cable."""
        return str(self.play.folder / f"{cable.name}.sock")

    def sender(self, cable: Cable) -> StreamflowSender:
        """Opens a writer."""
        writer = Writer(
            self.address(cable),
            slots=cable.depth,
            slot_size=cable.size if cable.size <= SMALL else 4096,
            leases=HELD,
        )
        self.writers[cable] = writer
        return StreamflowSender(writer, cable.size)

    def receiver(self, cable: Cable) -> StreamflowReceiver:
        """Opens a reader."""
        reader = Reader(self.address(cable))
        self.readers.append(reader)
        return StreamflowReceiver(reader)

    def settle(self) -> None:
        """Wait for the readers of our writers."""
        for cable, writer in self.writers.items():
            writer.wait_for_readers(len(cable.readers))

    def close(self) -> None:
        """Close all."""
        for reader in self.readers:
            reader.close()
        for writer in self.writers.values():
            writer.close()


class StreamflowInPython(Streamflow):
    """The same without the extension."""

    title: ClassVar[str] = "streamflow, ring in Python"
    environment: ClassVar[Mapping[str, str]] = {"STREAMFLOW_IPC": "python"}


class StreamflowSender(Lossless):
    """See `Streamflow`."""

    def __init__(self, writer: Writer, size: int) -> None:
        self.writer, self.payloads, self.pool = writer, ready_made(size), SharedPool()
        self.cycle = 2 * self.payloads
        color = size % (3 * 1080) == 0
        self.shape = (1080, size // 3240, 3) if color else (size // WIDTH, WIDTH)
        self.format = "rgb24" if color else "gray8"

    def send(self, mark: int) -> None:
        """Send bytes, or paint a picture and send that."""
        if self.payloads:
            self.writer.send(self.payloads[mark])
        else:
            pixels = self.pool.allocate(self.shape)
            pixels.fill(mark)
            self.writer.send(VideoFrame((pixels,), self.format))

    def send_batch(self, first: int, count: int) -> None:
        """Send so many payloads together, the first of that mark."""
        self.writer.send_batch(self.cycle[first : first + count])


class StreamflowReceiver(Lossless):
    """See `Streamflow`."""

    def __init__(self, reader: Reader) -> None:
        # For those who iterate: what comes is bytes, and the loop is there already.
        self.reader = self.payloads = reader
        self.runner = new_runner()

    def take(self) -> int:
        """Read bytes, or a picture where it lies."""
        return mark_of(self.reader.take())

    def take_batch(self, most: int) -> list[int]:
        """Read what is there."""
        return [payload[0] for payload in self.reader.take_batch(most)]

    def forward(self, sender: StreamflowSender) -> int:
        """Send the picture that came."""
        sender.writer.send(self.reader.take())
        return 0


def mark_of(value: Any) -> int:
    """The mark of bytes, or of a picture."""
    if value.__class__ is bytes:
        mark: int = value[0]
        return mark
    return look(value.planes[0].reshape(-1))
