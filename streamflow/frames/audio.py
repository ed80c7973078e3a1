"""Audio frames: samples that everyone may read and nobody may write."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from streamflow import copies
from streamflow.frames.memory import lent, read_only, writable_view
from streamflow.frames.video import NO_METADATA
from streamflow.packet import seconds

if TYPE_CHECKING:
    import av

Array = npt.NDArray[Any]

SAMPLE_FORMATS: Final[Mapping[str, type[np.generic]]] = MappingProxyType(
    {
        "flt": np.float32,
        "fltp": np.float32,
        "s16": np.int16,
        "s16p": np.int16,
        "s32": np.int32,
        "s32p": np.int32,
    }
)
"""Sample formats with their dtypes. A trailing ``p`` means planar."""

CHANNELS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "mono": 1,
        "stereo": 2,
        "2.1": 3,
        "3.0": 3,
        "4.0": 4,
        "quad": 4,
        "5.0": 5,
        "5.1": 6,
        "7.1": 8,
    }
)
"""Channel layouts, FFmpeg's names, with their numbers of channels."""


class Origin:
    """The libav frame that audio frames were made of.

    Attributes:
        frame: the libav frame.
        given: whether it has been given away, to be written to by whoever has it.
    """

    __slots__ = ("frame", "given")

    def __init__(self, frame: av.AudioFrame) -> None:
        self.frame, self.given = frame, False


class AudioFrame:
    """A stretch of audio: samples as a read-only numpy view, with a pts.

    Args:
        samples: planar formats (``fltp``, ``s16p``, ``s32p``): shape (channels, n);
            packed ones (``flt``, ``s16``, ``s32``): shape (n, channels).
            float32 in -1 to 1, or int16 or int32, as the format says.
        format: sample format.
        layout: channel layout, FFmpeg's name: ``mono``, ``stereo``, ``5.1`` …
        rate: samples per second.
        pts: presentation time of the first sample, in units of ``time_base``.
        time_base: seconds per unit; 1 / ``rate`` if not given.
        metadata: whatever travels along.

    Raises:
        ValueError: format or layout is unknown, or the samples have another
            shape or dtype.

    >>> frame = AudioFrame(np.zeros((2, 480), np.float32), layout="stereo", rate=48_000, pts=0)
    >>> frame.samples_per_channel, frame.duration
    (480, 0.01)
    """

    __slots__ = (
        "_length",
        "_origin",
        "_samples",
        "format",
        "layout",
        "metadata",
        "pts",
        "rate",
        "shared",
        "time_base",
    )

    format: str
    layout: str
    rate: int
    pts: int | None
    time_base: Fraction | None
    metadata: Mapping[str, Any]
    shared: bool

    def __init__(
        self,
        samples: Array,
        format: str = "fltp",
        *,
        layout: str = "mono",
        rate: int = 48_000,
        pts: int | None = None,
        time_base: Fraction | None = None,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:
        check_samples(samples, format, layout, rate)
        self._samples: Array | None = read_only(samples)
        self._origin: Origin | None = None
        self._length = int(samples.shape[1 if format.endswith("p") else 0])
        self.format, self.layout, self.rate = format, layout, rate
        self.pts, self.time_base = pts, time_base or Fraction(1, rate)
        self.metadata, self.shared = metadata, False

    @classmethod
    def _over(cls, frame: av.AudioFrame, format: str, layout: str) -> AudioFrame:
        """Wrap a libav frame without touching its samples, which are mapped when first read."""
        self = cls.__new__(cls)
        self._samples, self._origin, self._length = None, Origin(frame), frame.samples
        self.format, self.layout, self.rate = format, layout, frame.sample_rate
        self.pts = frame.pts
        self.time_base = frame.time_base or Fraction(1, frame.sample_rate)
        self.metadata, self.shared = NO_METADATA, False
        return self

    @property
    def samples(self) -> Array:
        """The samples, read-only: (channels, n) if planar, else (n, channels)."""
        if self._samples is None:
            from streamflow import _av

            self._samples = read_only(_av.map_samples(self))
        return self._samples

    @property
    def planar(self) -> bool:
        """Whether each channel has a row of its own."""
        return self.format.endswith("p")

    @property
    def channels(self) -> int:
        """Number of channels."""
        return CHANNELS[self.layout]

    @property
    def samples_per_channel(self) -> int:
        """Number of samples in each channel."""
        return self._length

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples_per_channel / self.rate

    @property
    def nbytes(self) -> int:
        """Bytes of all samples."""
        return self._length * self.channels * np.dtype(SAMPLE_FORMATS[self.format]).itemsize

    @property
    def time(self) -> float | None:
        """Presentation time of the first sample in seconds, or None."""
        return seconds(self)

    @classmethod
    def from_ndarray(
        cls,
        array: Array,
        format: str = "s16",
        layout: str = "stereo",
        *,
        rate: int = 48_000,
        pts: int | None = None,
        time_base: Fraction | None = None,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> AudioFrame:
        """Wrap an array, without a copy.

        Takes what the constructor takes and, for packed formats, PyAV's
        (1, n * channels) too.

        Raises:
            ValueError: shape or dtype do not fit format and layout.
        """
        channels = CHANNELS.get(layout, 0)
        pyav = array.ndim == 2 and array.shape[0] == 1 and channels
        if pyav and not format.endswith("p") and array.shape[1] % channels == 0:
            array = array.reshape(-1, channels)
        return cls(
            array,
            format,
            layout=layout,
            rate=rate,
            pts=pts,
            time_base=time_base,
            metadata=metadata,
        )

    def to_ndarray(self, format: str | None = None) -> Array:
        """Samples as (channels, n), whatever the format; a view unless ``format`` converts.

        Args:
            format: sample format whose dtype and range the result has;
                int16 and int32 are full scale, float32 is -1 to 1.

        Raises:
            ValueError: the format is unknown.
        """
        if format is not None and format not in SAMPLE_FORMATS:
            known = ", ".join(SAMPLE_FORMATS)
            raise ValueError(f"unknown sample format {format!r}; known are {known}")
        channels_first = self.samples if self.planar else self.samples.T
        if format is None or SAMPLE_FORMATS[format] is SAMPLE_FORMATS[self.format]:
            return channels_first
        return convert_samples(channels_first, SAMPLE_FORMATS[format])

    @classmethod
    def from_av(cls, frame: av.AudioFrame) -> AudioFrame:
        """Wrap a libav frame, without a copy.

        Samples that lie in one piece (packed or mono) stay where they are; others
        are gathered when first read, and the copy is counted.

        Raises:
            ValueError: its sample format or layout is none that an AudioFrame holds.
        """
        from streamflow import _av

        return cls._over(frame, *_av.house_layout(frame))

    def to_av(self) -> av.AudioFrame:
        """A libav frame of one's own.

        It is the one that this frame was made of, if nobody else can see it and
        it has not been given away; else it has a copy of the samples, counted:
        PyAV cannot wrap them.
        """
        from streamflow import _av

        return _av.audio_to_av(self)

    def replace(self, **changes: Any) -> AudioFrame:
        """A new frame over the same samples with other pts, time_base or metadata."""
        unknown = changes.keys() - {"pts", "time_base", "metadata"}
        if unknown:
            raise TypeError(f"a frame has no replaceable field {', '.join(sorted(unknown))}")
        new = AudioFrame.__new__(AudioFrame)
        for name in AudioFrame.__slots__:
            setattr(new, name, changes.get(name, getattr(self, name)))
        return new

    def with_samples(self, samples: Array) -> AudioFrame:
        """A new frame over other samples, as many as there are; the rest stays.

        Raises:
            ValueError: the samples have another shape or dtype than the format needs.
        """
        made = AudioFrame(samples, self.format, **self._fields())
        made.time_base = self.time_base  # even if it is None
        return made

    def writable(self) -> AudioFrame:
        """A frame whose samples may be written.

        It is a copy, and counted, unless the library lent the memory (through
        ``ctx.allocate``) and no second branch has been given this frame.
        """
        if not self.shared and lent(self.samples) and copies.exclusive():
            samples = writable_view(self.samples)
        else:
            samples = copies.copied(self.samples)
        new = self.replace()
        new._samples, new._origin, new.shared = samples, None, False
        return new

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 - NumPy's protocol has it so
    ) -> Array:
        return np.array(self.samples, dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.samples.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.samples.__dlpack_device__()

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        import pyarrow as pa

        arrow = cast("Any", pa)  # it ships no types
        return arrow.array(self.samples.reshape(-1)).__arrow_c_array__(requested_schema)

    def __buffer__(self, flags: int) -> memoryview:
        return self.samples.data

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # Only memory in one piece is pickled out-of-band, where it need not be copied.
        samples = np.ascontiguousarray(self.samples)
        fields = self._fields()
        fields["metadata"] = dict(self.metadata)
        # The constructor would make a time base up where there is none.
        state = None, {"time_base": self.time_base}
        return partial(AudioFrame, samples, self.format, **fields), (), state

    def _fields(self) -> dict[str, Any]:
        names = ("layout", "rate", "pts", "time_base", "metadata")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return (
            f"<AudioFrame {self.samples_per_channel} samples {self.rate} Hz "
            f"{self.format} {self.layout} pts={self.pts}>"
        )


def check_samples(samples: Array, format: str, layout: str, rate: int) -> None:
    """Refuse samples that are not what format and layout say.

    Raises:
        ValueError: format or layout is unknown, the rate is below 1 Hz, or the
            samples have another shape or dtype.
    """
    if format not in SAMPLE_FORMATS:
        known = ", ".join(SAMPLE_FORMATS)
        raise ValueError(f"unknown sample format {format!r}; an AudioFrame holds {known}")
    if layout not in CHANNELS:
        raise ValueError(f"unknown channel layout {layout!r}; known are {', '.join(CHANNELS)}")
    if rate < 1:
        raise ValueError(f"rate must be 1 Hz or more, not {rate}")
    axis = 0 if format.endswith("p") else 1
    if samples.ndim != 2 or samples.shape[axis] != CHANNELS[layout]:
        shape = "(channels, n)" if axis == 0 else "(n, channels)"
        raise ValueError(
            f"{format} {layout} needs samples {shape} with {CHANNELS[layout]} channels, "
            f"not {samples.shape}"
        )
    if samples.dtype != SAMPLE_FORMATS[format]:
        raise ValueError(f"{format} needs {SAMPLE_FORMATS[format].__name__}, not {samples.dtype}")


def convert_samples(samples: Array, dtype: type[np.generic]) -> Array:
    """Samples with another dtype, scaled from full range to full range."""
    copies.count(samples.size * np.dtype(dtype).itemsize)
    if samples.dtype != np.float32:
        scale = float(np.iinfo(samples.dtype).max) + 1
        unit = samples.astype(np.float64) / scale
    else:
        unit = samples.astype(np.float64)
    if dtype is np.float32:
        return unit.astype(np.float32)
    limits = np.iinfo(np.dtype(dtype).name)
    scaled = np.rint(unit * (float(limits.max) + 1))
    return np.clip(scaled, limits.min, limits.max).astype(dtype)
