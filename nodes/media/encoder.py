"""Encoders: frames go in, packets come out, from the first frame that says what they are.

An encoder opens itself when it knows its stream, before the container has a
header; what it gives until then can wait as packets, which are small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

import av
from av.codec.codec import find_best_pix_fmt_of_list
from av.container import OutputContainer
from av.error import FFmpegError

from streamflow.errors import MediaError
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.video import plane_shapes
from streamflow.nodes.media.diagnose import in_words
from streamflow.nodes.media.timeline import AudioTimeline, VideoTimeline

Packets: TypeAlias = "list[av.Packet[Any]]"
Charge: TypeAlias = Callable[[int, str | None], None]

RATES: Final = tuple(Fraction(n) for n in (25, 30, 50, 60, 24, 15, 12, 10, 100, 120)) + tuple(
    Fraction(n * 1000, 1001) for n in (30, 60, 24, 120)
)
"""Frame rates that exist. A measured time that may be one of them is taken for it."""

DEFAULT_RATE: Final = Fraction(25)
FASTEST: Final = 1_000
EVEN_ONLY: Final = ("264", "265", "hevc", "svtav1")
"""Parts of the names of encoders that refuse odd sizes with halved chroma."""

ON_A_GRID: Final = frozenset({"avi", "ogg", "mxf", "yuv4mpegpipe"})
"""Containers that number pictures instead of timing them."""

MPEG4_LIMIT: Final = 65_535
"""The finest time base of MPEG-4 part 2."""


class Settings(NamedTuple):
    """What an encoder was asked for.

    Attributes:
        codec: name of the encoder.
        bitrate: bits per second, or None for the encoder's choice.
        rate: frames per second of video, or None to measure it.
        required: options that the encoder must know.
        options: options that it may leave to the muxer.
    """

    codec: str
    bitrate: int | None = None
    rate: Fraction | None = None
    required: Mapping[str, str] = {}
    options: Mapping[str, str] = {}


class Encoder:
    """What video and audio encoders share.

    Attributes:
        stream: libav's stream; None until the first frame has told what it is.
        begin: seconds at which the first frame is due.
        shift: ticks by which its packets are moved to the front.
        unused: options that the encoder does not know.
    """

    def __init__(
        self, container: OutputContainer, path: str, settings: Settings, charge: Charge
    ) -> None:
        self.container, self.path, self.settings = container, path, settings
        self.stream: Any = None
        self.begin: Fraction | None = None
        self.time_base = Fraction(1)
        self.shift = 0
        self.unused: dict[str, str] = dict(settings.options)
        self._charge = charge

    def _open(self, stream: Any, caps: str) -> None:
        """Open the encoder of a stream whose caps are set."""
        settings, context = self.settings, stream.codec_context
        if settings.bitrate is not None:
            context.bit_rate = settings.bitrate
        context.options = {**settings.options, **settings.required}
        try:
            context.open()
        except FFmpegError as error:
            chosen = {**settings.required, **settings.options}
            if settings.bitrate is not None:
                chosen["bitrate"] = str(settings.bitrate)
            detail = ", ".join(f"{name}={value}" for name, value in chosen.items())
            reason = f"{settings.codec} refuses {caps}{' with ' * bool(detail)}{detail}"
            raise MediaError(self.path, f"{reason}: {in_words(error)}") from error
        self.unused = {name: str(value) for name, value in context.options.items()}
        unknown = settings.required.keys() & self.unused.keys()
        if unknown:
            what = " or ".join(sorted(unknown))
            raise MediaError(self.path, f"the encoder {settings.codec} has no {what}")
        self.time_base = context.time_base
        self.stream = stream


class VideoEncoder(Encoder):
    """Encodes pictures; the stream has size and time base of the first one.

    Pictures of another size are scaled to it. Where the encoder wants even
    sizes, an odd picture loses its last column or row: scaling would blur all
    the others.
    """

    def __init__(
        self, container: OutputContainer, path: str, settings: Settings, charge: Charge
    ) -> None:
        super().__init__(container, path, settings, charge)
        self._held: VideoFrame | None = None
        self._odd: tuple[int, int] | None = None
        self._caps = (0, 0, "")

    def encode(self, frame: VideoFrame) -> Packets:
        """Packets that this frame completes."""
        if self.stream is not None:
            return self._encode(frame)
        held, self._held = self._held, None
        if held is None and self.settings.rate is None and frame.pts is not None:
            self._held = frame  # only the second one tells the rate
            return []
        self._begin(held or frame, frame)
        packets = self._encode(held) if held is not None else []
        return packets + self._encode(frame)

    def finish(self) -> Packets:
        """The packets that were held back."""
        packets: Packets = []
        if self._held is not None:
            held, self._held = self._held, None
            self._begin(held, held)
            packets = self._encode(held)
        if self.stream is not None:
            packets += self.stream.encode(None)
        return packets

    def _begin(self, first: VideoFrame, second: VideoFrame) -> None:
        settings = self.settings
        codec = av.Codec(settings.codec, "w")
        pixels = pixel_format(codec, first.format)
        width, height = first.width, first.height
        if pixels.endswith(("420p", "nv12")) and any(word in codec.name for word in EVEN_ONLY):
            width, height = width & ~1, height & ~1
        rate = settings.rate or measure(first, second)
        base = time_base_for(codec, self.container.format.name, first.time_base, rate)
        if codec.frame_rates:
            rate = 1 / base
        stream: Any = self.container.add_stream(
            settings.codec, rate, width=width, height=height, time_base=base
        )
        context = stream.codec_context
        context.pix_fmt = pixels
        if first.colorspace != 2:
            context.colorspace = first.colorspace
        if first.metadata.get("rotation"):
            stream.set_display_rotation(first.metadata["rotation"])
        if first.color_range and not pixels.startswith("yuvj"):
            context.color_range = first.color_range
        self._caps = (width, height, pixels)
        self._odd = (first.width, first.height) if (first.width | first.height) & 1 else None
        self._open(stream, f"{width}x{height} {pixels}")
        self._timeline = VideoTimeline(self.time_base, max(1, round(1 / (rate * self.time_base))))

    def _encode(self, frame: VideoFrame) -> Packets:
        ticks = self._timeline.place(frame.pts, frame.time_base)
        if self.begin is None:
            self.begin = ticks * self.time_base
        width, height, pixels = self._caps
        if (frame.width, frame.height) == self._odd:
            frame = crop(frame, width, height)
        picture = frame.to_av()
        if (frame.width, frame.height) != (width, height) or picture.format.name != pixels:
            picture = picture.reformat(width, height, pixels)
            self._charge(sum(plane.buffer_size for plane in picture.planes), None)
        picture.pts, picture.time_base = ticks, self.time_base
        packets: Packets = self.stream.encode(picture)
        return packets


class AudioEncoder(Encoder):
    """Encodes sound; what comes in another format, rate or layout than the first is resampled."""

    def __init__(
        self, container: OutputContainer, path: str, settings: Settings, charge: Charge
    ) -> None:
        super().__init__(container, path, settings, charge)
        self._caps: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def encode(self, frame: AudioFrame) -> Packets:
        """Packets that this frame completes."""
        if self.stream is None:
            self._begin(frame)
        packets: Packets = []
        if (frame.format, frame.layout, frame.rate) != self._caps:
            packets = self._change(frame)
        for piece in self._timeline.place(frame):
            if self.begin is None:
                self.begin = Fraction(piece.pts or 0, piece.rate)
            packets += self._encode(piece.to_av())
        return packets

    def finish(self) -> Packets:
        """The packets that were held back."""
        if self.stream is None:
            return []
        packets = self._encode(None) if self._resampler is not None else []
        packets += self.stream.encode(None)
        return packets

    def _begin(self, frame: AudioFrame) -> None:
        codec = av.Codec(self.settings.codec, "w")
        rate, layout = sample_rate(codec, frame.rate), frame.layout
        if frame.channels > 2 and codec.name in ("libmp3lame", "mp2"):
            layout = "stereo"
        stream: Any = self.container.add_stream(self.settings.codec, rate)
        stream.codec_context.format = sample_format(codec, frame.format)
        stream.codec_context.layout = layout
        self._open(stream, f"{frame.format} {layout} {rate} Hz")
        self._timeline = AudioTimeline(frame.rate)

    def _change(self, frame: AudioFrame) -> Packets:
        """Take frames as this one is from here on."""
        packets = self._encode(None) if self._resampler is not None else []
        context = self.stream.codec_context
        caps = (frame.format, frame.layout, frame.rate)
        own = (context.format.name, context.layout.name, context.sample_rate)
        self._resampler = None if caps == own else av.AudioResampler(*own)
        self._timeline = AudioTimeline(frame.rate, self._timeline.end)
        self._caps = caps
        return packets

    def _encode(self, sound: av.AudioFrame | None) -> Packets:
        ready = [sound] if self._resampler is None else self._resampler.resample(sound)
        packets: Packets = []
        for frame in ready:
            packets += self.stream.encode(frame)
        return packets


def pixel_format(codec: av.Codec, format: str) -> str:
    """Name of libav's pixel format in which to encode frames of one of ours.

    >>> pixel_format(av.Codec("mpeg4", "w"), "rgb24")
    'yuv420p'
    """
    names = [listed.name for listed in codec.video_formats or ()]
    own = "gray" if format == "gray8" else format
    if not names:
        return own
    if names[0].startswith("yuvj"):  # JPEG knows the full range only
        return names[0]
    # Gray H.264 and the like exist, and few players show them.
    if own in names and (own != "gray" or "yuv420p" not in names):
        return own
    if "yuv420p" in names:
        return "yuv420p"
    # libswscale cannot make palettes.
    writable = [name for name in names if name != "pal8"]
    best, _ = find_best_pix_fmt_of_list(writable, own, has_alpha=own == "rgba")
    return best.name if best is not None else writable[0]


def sample_format(codec: av.Codec, format: str) -> str:
    """The sample format nearest to one of ours that an encoder takes."""
    names = [listed.name for listed in codec.audio_formats or ()]
    twin = format.removesuffix("p") if format.endswith("p") else f"{format}p"
    for name in (format, twin):
        if name in names or not names:
            return name
    return names[0]


def sample_rate(codec: av.Codec, rate: int) -> int:
    """The lowest rate of an encoder that loses nothing; its highest if all of them do."""
    rates = codec.audio_rates
    if not rates or rate in rates:
        return rate
    return min((known for known in rates if known > rate), default=max(rates))


def measure(first: VideoFrame, second: VideoFrame) -> Fraction:
    """Frames per second, from the time between two of them.

    It is a hint for rate control and for containers without times; each
    picture has its own pts all the same.
    """
    if first.pts is None or second.pts is None or not first.time_base or not second.time_base:
        return DEFAULT_RATE
    apart = second.pts * second.time_base - first.pts * first.time_base
    if apart <= 0:
        return DEFAULT_RATE
    for rate in RATES:
        if apart == 1 / rate:
            return rate
    # Fine ticks that just miss a rate have been rounded; coarse ones tell nothing.
    for rate in RATES:
        if abs(apart - 1 / rate) < second.time_base < apart / 10:
            return rate
    return min(Fraction(FASTEST), (1 / apart).limit_denominator(1_001))


def time_base_for(
    codec: av.Codec, container: str, source: Fraction | None, rate: Fraction
) -> Fraction:
    """The time base in which to encode: the source's where codec and container have times."""
    if codec.frame_rates:
        known = [Fraction(listed.numerator, listed.denominator) for listed in codec.frame_rates]
        return 1 / min(known, key=lambda one: abs(one - rate))
    if source is None or container in ON_A_GRID:
        return 1 / rate
    if codec.name == "mpeg4" and source.denominator > MPEG4_LIMIT:
        return Fraction(1, rate.numerator * max(1, MPEG4_LIMIT // rate.numerator))
    return source


def crop(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """The upper left part of a picture, without a copy."""
    shapes = plane_shapes(frame.format, width, height)
    planes = tuple(
        plane[: shape[0], : shape[1]] for plane, shape in zip(frame.planes, shapes, strict=True)
    )
    return frame.with_planes(planes)
