"""Each channel by itself: a frame of many channels becomes as many frames of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from streamflow.frames import AudioFrame
from streamflow.node import Node, Out
from streamflow.nodes.audio.sound import check_audio
from streamflow.ports import Audio, Ports


class ChannelSplit(Node):
    """Emits each channel as mono sound, on ports ``out_0``, ``out_1`` and so on.

    Format, rate, pts and metadata stay; samples are views, not copies. The
    order is that of the channel layout: left is 0, right is 1.

    Args:
        channels: how many ports there are, from 1 to 8; frames must have as
            many channels.

    Raises:
        ValueError: the number is out of its range.
    """

    inputs: ClassVar[Ports] = {"in": Audio()}
    outputs: ClassVar[Ports] = {"out_0": Audio(layout="mono"), "out_1": Audio(layout="mono")}

    def __init__(self, channels: int = 2) -> None:
        if not 1 <= channels <= 8:
            raise ValueError(f"channels must be from 1 to 8, not {channels}")
        self.channels = channels
        mono = Audio(layout="mono")
        self.outputs = {f"out_{n}": mono for n in range(channels)}  # type: ignore[misc]

    def process(self, frame: AudioFrame) -> Iterator[Out]:
        """Yield the channels.

        Raises:
            TypeError: the item is no audio frame.
            ValueError: it has another number of channels.
        """
        check_audio(self, frame)
        if frame.channels != self.channels:
            raise ValueError(
                f"ChannelSplit needs {self.channels} channels, not {frame.channels} "
                f"({frame.layout})"
            )
        for number, port in enumerate(self.outputs):
            one = slice(number, number + 1)
            made = AudioFrame(
                frame.samples[one] if frame.planar else frame.samples[:, one],
                frame.format,
                rate=frame.rate,
                pts=frame.pts,
                time_base=frame.time_base,
                metadata=frame.metadata,
            )
            made.shared = frame.shared
            yield Out(port, made)
