"""Ports: what a node takes in and gives out, and whether two of them can meet.

A port's type is a set of values. Two ports meet where the sets can intersect;
where what is offered lies outside what is needed, but can be converted into it,
`meet` says which node type does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import PIXEL_FORMATS


@dataclass(frozen=True)
class Data:
    """Any value at all; the type of a port that says nothing."""

    def describe(self) -> str:
        """What this port takes, in words."""
        return "any value"


@dataclass(frozen=True)
class Video(Data):
    """Video frames, of one pixel format if given.

    ``Video["rgb24"]`` is the same as ``Video("rgb24")``.

    >>> Video["rgb24"].describe()
    'video/rgb24'
    """

    format: str | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in PIXEL_FORMATS:
            raise ValueError(
                f"unknown pixel format {self.format!r}; known are {', '.join(PIXEL_FORMATS)}"
            )

    def __class_getitem__(cls, format: str) -> Video:
        return cls(format)

    def describe(self) -> str:
        """What this port takes, in words."""
        return f"video/{self.format}" if self.format else "video"


@dataclass(frozen=True)
class Audio(Data):
    """Audio frames; of one sample format, rate (Hz) or channel layout if given.

    >>> Audio("s16", rate=48_000).describe()
    'audio/s16 48000 Hz'
    """

    format: str | None = None
    rate: int | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in SAMPLE_FORMATS:
            raise ValueError(
                f"unknown sample format {self.format!r}; known are {', '.join(SAMPLE_FORMATS)}"
            )
        if self.layout is not None and self.layout not in CHANNELS:
            raise ValueError(f"unknown layout {self.layout!r}; known are {', '.join(CHANNELS)}")

    def __class_getitem__(cls, format: str) -> Audio:
        return cls(format)

    def describe(self) -> str:
        """What this port takes, in words."""
        words = [f"audio/{self.format}" if self.format else "audio"]
        if self.rate:
            words.append(f"{self.rate} Hz")
        if self.layout:
            words.append(self.layout)
        return " ".join(words)


@dataclass(frozen=True)
class Table(Data):
    """`pyarrow.RecordBatch`."""

    def describe(self) -> str:
        """What this port takes, in words."""
        return "a table"


@dataclass(frozen=True)
class Value(Data):
    """Instances of one Python class."""

    type: type = object

    def describe(self) -> str:
        """What this port takes, in words."""
        return self.type.__name__


Port: TypeAlias = Data | type[Data]
"""What a class writes in ``inputs`` and ``outputs``: ``Video`` or ``Video("rgb24")``."""

Ports: TypeAlias = Mapping[str, Port]


def normalize(ports: Ports) -> dict[str, Data]:
    """Ports with every bare class made an instance.

    Raises:
        TypeError: a value is no port type.
    """
    made: dict[str, Data] = {}
    for name, port in ports.items():
        instance = port() if isinstance(port, type) and issubclass(port, Data) else port
        if not isinstance(instance, Data):
            raise TypeError(
                f"port {name!r} must be Data, Video, Audio, Table or Value, not {port!r}"
            )
        made[name] = instance
    return made


class Conversion(NamedTuple):
    """A node that turns what is offered into what is needed."""

    node_type: str
    params: dict[str, Any]


def meet(offered: Data, needed: Data) -> Conversion | bool:
    """Whether what one port offers can enter another.

    Returns:
        True if it can as it is, False if it never can, or the conversion that
        is needed. A format that the offering port leaves open is converted if
        the needing one names it: the converter passes what already fits.

    >>> meet(Video("yuv420p"), Video("rgb24"))
    Conversion(node_type='Convert', params={'format': 'rgb24'})
    >>> meet(Audio(), Video()), meet(Data(), Table())
    (False, True)
    """
    if isinstance(offered, Video) and isinstance(needed, Video):
        if needed.format in (None, offered.format):
            return True
        return Conversion("Convert", {"format": needed.format})
    if isinstance(offered, Audio) and isinstance(needed, Audio):
        return _meet_audio(offered, needed)
    if isinstance(offered, Value) and isinstance(needed, Value):
        return issubclass(offered.type, needed.type) or issubclass(needed.type, offered.type)
    if type(offered) is Data or type(needed) is Data:
        return _meet_any(needed)
    return type(offered) is type(needed)


def _meet_audio(offered: Audio, needed: Audio) -> Conversion | bool:
    wanted = {
        name: getattr(needed, name)
        for name in ("format", "rate", "layout")
        if getattr(needed, name) is not None
    }
    if all(getattr(offered, name) == value for name, value in wanted.items()):
        return True
    return Conversion("Resample", wanted)


def _meet_any(needed: Data) -> Conversion | bool:
    # A port that says nothing may carry frames; a converter lets them in as needed
    # and refuses, by name, what is none.
    if isinstance(needed, Video):
        return meet(Video(), needed)
    if isinstance(needed, Audio):
        return meet(Audio(), needed)
    return True


def port_of(annotation: Any) -> Data:
    """The port type that an annotation asks for; `Data` for one it does not know.

    >>> port_of(VideoFrame), port_of(list)
    (Video(format=None), Data())
    """
    if isinstance(annotation, Data):
        return annotation
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, Data):
            return extra
    if isinstance(annotation, type):
        if issubclass(annotation, Data):
            return annotation()
        if issubclass(annotation, VideoFrame):
            return Video()
        if issubclass(annotation, AudioFrame):
            return Audio()
        if f"{annotation.__module__}.{annotation.__name__}" == "pyarrow.lib.RecordBatch":
            return Table()
    return Data()
