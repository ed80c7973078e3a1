"""MediaSink: frames into a file that appears under its name when it is complete."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any, ClassVar

import av
from av.container import OutputContainer
from av.error import FFmpegError

from streamflow.context import NodeContext
from streamflow.errors import MediaError
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.node import Node
from streamflow.nodes.media.containers import Codecs, default_codecs, format_of
from streamflow.nodes.media.diagnose import Place, is_url, place_of, unwritable
from streamflow.nodes.media.encoder import AudioEncoder, Settings, VideoEncoder
from streamflow.nodes.media.muxer import MAX_WAITING, Muxer
from streamflow.nodes.media.partial import PartialFile
from streamflow.ports import Audio, Ports, Video

FRAMES = {"video": VideoFrame, "audio": AudioFrame}
ENCODERS: dict[str, type[VideoEncoder | AudioEncoder]] = {
    "video": VideoEncoder,
    "audio": AudioEncoder,
}
FAILURES = (FFmpegError, OSError, ValueError)


class MediaSink(Node):
    """Encodes video and audio and writes them into one container.

    The container follows from the name's ending, the codecs from the container:
    H.264 and AAC in mp4, mov, mkv, ts and flv; VP9 and Opus in webm; mp3, flac
    and wav hold sound alone, gif pictures alone.

    Each picture is written at its own pts, in the source's time base where the
    codec allows, so a variable rate stays as it was; frames without a pts are
    numbered. The earliest stream begins at zero and the others keep their
    distance from it. Holes in the sound are filled with silence, overlaps are
    cut, so that sound and picture stay together to the end. What an encoder
    does not take is converted, and charged as a copy: pixel format, picture
    size, sample format and rate; of a picture with an odd size, H.264 and its
    like lose the last column or row.

    A file is written under a hidden name beside its own and takes its place
    when it is complete and on the disk; after a failure or a stop nothing is
    left. Addresses, devices and formats that write several files are written
    directly. A connected port whose stream does not begin while 64 MiB of
    packets wait for it is left out of the file.

    Args:
        path: file name or address.
        codec: name of the video encoder, such as ``libx264`` or ``mpeg4``.
        audio_codec: name of the audio encoder.
        bitrate: bits per second of video; None leaves it to the encoder.
        audio_bitrate: bits per second of audio; None leaves it to the encoder.
        crf: constant quality, for encoders that know it; lower is better.
        preset: the encoder's preset, such as ``veryfast``.
        rate: frames per second; numbers frames without a pts, and is a hint for
            rate control. None measures it from the first two frames. No frame is
            repeated or left out for it: `FrameRate` does that.
        format: name of libav's muxer, where the name's ending does not tell.
        options: further options of libav's video encoder and muxer, such as
            ``{"tune": "film", "movflags": "faststart"}``.

    Raises:
        ValueError: a parameter is out of range.
        MediaError: from `initialize`, if nothing can be written there or the
            container does not hold such streams; later, if writing fails.
    """

    inputs: ClassVar[Ports] = {"video": Video(), "audio": Audio()}
    outputs: ClassVar[Ports] = {}
    blocking = True
    resumable = False
    why_not_resumable = (
        "an encoder cannot be written down, and its file is whole only at the end; "
        "write frames or values by a sink of your own, and encode them in a run behind it"
    )

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        codec: str | None = None,
        audio_codec: str | None = None,
        bitrate: int | None = None,
        audio_bitrate: int | None = None,
        crf: float | None = None,
        preset: str | None = None,
        rate: float | Fraction | None = None,
        format: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        for name, value in (("bitrate", bitrate), ("audio_bitrate", audio_bitrate)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 bit per second or more, not {value}")
        if crf is not None and crf < 0:
            raise ValueError(f"crf must be 0 or more, not {crf}")
        if rate is not None and rate <= 0:
            raise ValueError(f"rate must be more than 0, not {rate}")
        self.path = os.fspath(path)
        self._codecs = Codecs(codec, audio_codec)
        self._bitrates = {"video": bitrate, "audio": audio_bitrate}
        self._rate = None if rate is None else Fraction(rate).limit_denominator(1_001)
        self._format = format
        chosen = {"crf": crf, "preset": preset}
        self._required = {name: str(value) for name, value in chosen.items() if value is not None}
        self._options = {name: str(value) for name, value in (options or {}).items()}
        self._forget()

    def _forget(self) -> None:
        self._partial: PartialFile | None = None
        self._container: OutputContainer | None = None
        self._encoders: dict[str, VideoEncoder | AudioEncoder] = {}
        self._muxer: Muxer | None = None
        self._error: MediaError | None = None

    def initialize(self, ctx: NodeContext) -> None:
        """Create the file.

        Raises:
            MediaError: it cannot be created, or cannot hold what is connected.
        """
        self._forget()
        self._ctx = ctx
        format = format_of(self.path, self._format)
        settings = self._settings(format, ctx.connected)
        try:
            container = self._create(format)
            self._container = container
        except FAILURES as error:
            raise unwritable(self.path, error) from error
        self._encoders = {
            port: ENCODERS[port](container, self.path, chosen, ctx.count_copy)
            for port, chosen in settings.items()
        }
        self._muxer = Muxer(container, list(self._encoders.values()), self._options)

    def process(self, item: VideoFrame | AudioFrame, port: str) -> None:
        """Encode a frame and write what it completes.

        Raises:
            TypeError: it is no frame of the port's kind.
            MediaError: it cannot be encoded or written; nor can any after it.
        """
        if not isinstance(item, FRAMES[port]):
            kind = FRAMES[port].__name__
            raise TypeError(f"port {port!r} takes a {kind}, not {type(item).__name__}")
        encoder, muxer = self._encoder(port)
        try:
            muxer.put(encoder, encoder.encode(item))
        except FAILURES as error:
            self._error = unwritable(self.path, error)
            raise self._error from error

    def flush(self) -> None:
        """Write what was held back, and give the file its name.

        Raises:
            MediaError: nothing came, or it cannot be written.
        """
        container, muxer = self._container, self._muxer
        if self._error is not None or container is None or muxer is None:
            raise self._error or MediaError(self.path, "it is not open")
        try:
            for encoder in self._encoders.values():
                muxer.put(encoder, encoder.finish())
            if all(encoder.stream is None for encoder in self._encoders.values()):
                raise MediaError(self.path, "no frame arrived, so there is nothing to write")
            if not muxer.started:
                muxer.start()
            container.close()
            if self._partial is not None:
                self._partial.commit()
        except FAILURES as error:
            self._error = unwritable(self.path, error)
            raise self._error from error
        for port, encoder in self._encoders.items():
            if encoder.begin is None:
                self._ctx.logger.warning("%s has no %s: none came in time", self.path, port)
        self._forget()

    def cleanup(self) -> None:
        """Remove what is not complete."""
        partial, container = self._partial, self._container
        self._forget()
        if partial is not None:
            # Closed first: libav then writes no trailer.
            partial.discard()
        if container is not None:
            with suppress(*FAILURES):
                container.close()

    def _settings(
        self, format: av.ContainerFormat, connected: frozenset[str] | None
    ) -> dict[str, Settings]:
        """What each connected port is encoded with."""
        defaults = default_codecs(format)
        settings: dict[str, Settings] = {}
        for port in FRAMES:
            codec = getattr(self._codecs, port) or getattr(defaults, port)
            if connected is not None and port not in connected:
                continue
            if codec is None:
                if connected is not None:
                    raise MediaError(self.path, f"{format.name} holds no {port}")
                continue
            self._check_codec(format, port, codec)
            settings[port] = Settings(codec, self._bitrates[port])
        if "video" in settings:
            settings["video"] = settings["video"]._replace(
                rate=self._rate, required=self._required, options=self._options
            )
        return settings

    def _check_codec(self, format: av.ContainerFormat, port: str, codec: str) -> None:
        try:
            kind = av.Codec(codec, "w").type
        except ValueError as error:
            raise MediaError(self.path, f"there is no encoder {codec!r}") from error
        if kind != port:
            raise MediaError(self.path, f"{codec!r} encodes {kind}, not {port}")
        with av.open("x", "w", format=format.name) as container:
            try:
                container.add_stream(codec)
            except ValueError as error:
                reason = f"{format.name} holds no {port} encoded by {codec}"
                raise MediaError(self.path, reason) from error

    def _create(self, format: av.ContainerFormat) -> OutputContainer:
        special = place_of(self.path) is Place.SPECIAL
        if special or is_url(self.path) or format.no_file:
            return av.open(self.path, "w", format=format.name)
        self._partial = PartialFile(self.path)
        return av.open(self._partial, "w", format=format.name)

    def _encoder(self, port: str) -> tuple[Any, Muxer]:
        encoder, muxer = self._encoders.get(port), self._muxer
        if self._error is not None:
            raise self._error
        if encoder is None or muxer is None:
            raise MediaError(self.path, f"it holds no {port}")
        if muxer.started and encoder.begin is None:
            size = MAX_WAITING >> 20
            reason = f"the {port} begins after {size} MiB of the rest, too late to be written"
            raise MediaError(self.path, reason)
        return encoder, muxer
