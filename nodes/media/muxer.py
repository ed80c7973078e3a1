"""Muxing: the header comes first, and it names every stream.

So packets wait until each expected stream has told what it is, up to a limit.
Nobody waits for anybody: the packets of one stream are taken, however long
another keeps silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import av
from av.container import OutputContainer

from streamflow.nodes.media.encoder import AudioEncoder, Packets, VideoEncoder

MAX_WAITING: Final = 64 << 20
"""Bytes of packets that wait for a stream which has not begun."""


class Muxer:
    """Writes packets, interleaved and with the first of them at time zero.

    Args:
        container: where to.
        encoders: whose packets are expected.
        options: for the muxer, with those that the encoders did not take.

    Attributes:
        started: whether the header has been written.
    """

    def __init__(
        self,
        container: OutputContainer,
        encoders: Sequence[VideoEncoder | AudioEncoder],
        options: Mapping[str, str],
    ) -> None:
        self.container, self.encoders = container, encoders
        self.options = options
        self.started = False
        self._waiting: list[tuple[VideoEncoder | AudioEncoder, av.Packet[Any]]] = []
        self._bytes = 0

    def put(self, encoder: VideoEncoder | AudioEncoder, packets: Packets) -> None:
        """Write packets of a stream, now or when the header can be written."""
        if self.started:
            for packet in packets:
                self._write(encoder, packet)
            return
        for packet in packets:
            self._waiting.append((encoder, packet))
            self._bytes += packet.size
        if self._bytes > MAX_WAITING or all(e.begin is not None for e in self.encoders):
            self.start()

    def start(self) -> None:
        """Write the header with the streams that have begun, and what has waited for it."""
        self.started = True
        begun = [encoder for encoder in self.encoders if encoder.begin is not None]
        # The earliest stream begins at zero; the others keep their distance from it.
        origin = min(encoder.begin for encoder in begun if encoder.begin is not None)
        for encoder in begun:
            encoder.shift = round(origin / encoder.time_base)
        self.container.options.update(self._muxer_options())
        self.container.start_encoding()
        waiting, self._waiting = self._waiting, []
        for encoder, packet in waiting:
            self._write(encoder, packet)

    def _muxer_options(self) -> dict[str, str]:
        taken = {
            name
            for encoder in self.encoders
            if encoder.stream is not None
            for name in encoder.settings.options.keys() - encoder.unused.keys()
        }
        return {name: value for name, value in self.options.items() if name not in taken}

    def _write(self, encoder: VideoEncoder | AudioEncoder, packet: Any) -> None:
        if encoder.shift:
            packet.pts -= encoder.shift
            packet.dts -= encoder.shift
        self.container.mux_one(packet)
