"""Crossings: values through an encoder, a slot and a decoder; and values worth sending."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import PIXEL_FORMATS, plane_shapes
from streamflow.ipc.codecs import Decoder, Encoder
from streamflow.ipc.lease import Lease
from streamflow.ipc.memory import Memory
from streamflow.ipc.shared import SharedPool

Array = npt.NDArray[Any]


class Slot:
    """Memory that a payload is written into and lent from; counts what comes back."""

    def __init__(self, size: int) -> None:
        self.body = bytearray(size)
        self.memory = memoryview(self.body).toreadonly()
        self.returned = 0

    def give_back(self, cell: int) -> None:
        self.returned += 1

    def lease(self, length: int, kind: int) -> Lease:
        return Lease(self, 0, (0, 0, length, 0, kind))


class Crossing:
    """An encoder and a decoder with nothing but a slot between them.

    Attributes:
        encoded: what the encoder made of the last value.
        slot: the one that it was written into.
    """

    def __init__(
        self, *, references: bool = False, pool: SharedPool | None = None, trusted: bool = True
    ) -> None:
        self.schemas: list[bytes] = []
        self.memories: list[Memory] = []
        self.encoder = Encoder(
            announce_schema=self._announce_schema,
            announce_memory=self._announce_memory if references else None,
            pool=pool,
        )
        self.decoder = Decoder(
            schema=_numbered(self.schemas), memory=_numbered(self.memories), trusted=trusted
        )

    def __call__(self, value: Any, *, copy: bool = False) -> Any:
        return self.read(self.write(value), copy=copy)

    def write(self, value: Any) -> Lease:
        self.encoded = encoded = self.encoder.encode(value)
        self.slot = Slot(encoded.length)
        encoded.write(memoryview(self.slot.body))
        return self.slot.lease(encoded.length, encoded.kind)

    def read(self, lease: Lease, *, copy: bool = False) -> Any:
        return self.decoder.decode(lease, copy=copy)

    def in_batch(self, value: Any) -> Any:
        encoded = self.encoder.encode(value)
        assert encoded.small is not None
        written = bytearray(encoded.length)
        encoded.write(memoryview(written))
        assert encoded.small == written
        return self.decoder.decode_bytes(encoded.kind, 0, 0, 0, encoded.small)

    @property
    def lent(self) -> bool:
        """Whether the slot of the last value has not come back."""
        return not self.slot.returned

    def _announce_schema(self, schema: bytes) -> int:
        self.schemas.append(schema)
        return len(self.schemas)

    def _announce_memory(self, memory: Memory) -> int:
        if memory not in self.memories:
            self.memories.append(memory)
        return self.memories.index(memory) + 1


def _numbered(items: list[Any]) -> Callable[[int], Any]:
    def lookup(number: int) -> Any:
        if not 1 <= number <= len(items):
            raise KeyError(number)
        return items[number - 1]

    return lookup


def same_frames(one: Any, other: Any) -> bool:
    """Whether two frames say and show the same."""
    names = ["format", "pts", "time_base"]
    if isinstance(one, VideoFrame) and isinstance(other, VideoFrame):
        names += ["width", "height", "colorspace", "color_range"]
        pairs = list(zip(one.planes, other.planes, strict=True))
    else:
        assert isinstance(one, AudioFrame)
        assert isinstance(other, AudioFrame)
        names += ["layout", "rate", "samples_per_channel"]
        pairs = [(one.samples, other.samples)]
    return (
        all(getattr(one, name) == getattr(other, name) for name in names)
        and dict(one.metadata) == dict(other.metadata)
        and all(mine.dtype == yours.dtype for mine, yours in pairs)
        and all(np.array_equal(mine, yours) for mine, yours in pairs)
    )


def arrays(frame: VideoFrame | AudioFrame) -> tuple[Array, ...]:
    return frame.planes if isinstance(frame, VideoFrame) else (frame.samples,)


def address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def noise(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def picture(
    width: int = 8, height: int = 6, format: str = "yuv420p", seed: int = 0, **fields: Any
) -> VideoFrame:
    shapes = plane_shapes(format, width, height)
    planes = tuple(noise(shape, seed + index) for index, shape in enumerate(shapes))
    return VideoFrame(planes, format, **fields)


def pooled(pool: SharedPool, frame: VideoFrame) -> VideoFrame:
    """The same picture in one block of a pool."""
    size = sum(plane.nbytes for plane in frame.planes)
    memory, planes, start = pool.allocate((size,)), list[Array](), 0
    for plane in frame.planes:
        part = memory[start : start + plane.nbytes].reshape(plane.shape)
        part[...] = plane
        planes.append(part)
        start += plane.nbytes
    return frame.with_planes(tuple(planes))


def _nothing() -> Iterator[int]:
    yield from ()


GENERATOR: Final = _nothing()
"""What cannot travel."""

# -- strategies

INTEGERS = st.integers(-(2**70), 2**70)
TIMES = st.none() | st.integers(-(2**63), 2**63 - 1) | INTEGERS
BASES = st.none() | st.fractions() | st.builds(Fraction, st.just(1), st.integers(1, 2**70))
PLAIN = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN | st.binary() | st.fractions(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | INTEGERS, inner)
    ),
    max_leaves=4,
)
METADATA: st.SearchStrategy[Mapping[str, Any]] = st.dictionaries(st.text(), VALUES, max_size=2)


def _as_it_comes(plane: Array) -> Array:
    return plane


def _with_padding(plane: Array) -> Array:
    wide = np.zeros((plane.shape[0], plane.shape[1] + 5, *plane.shape[2:]), np.uint8)
    wide[:, 2:-3] = plane
    return wide[:, 2:-3]


def _upside_down(plane: Array) -> Array:
    return np.ascontiguousarray(plane[::-1])[::-1]


def _mirrored(plane: Array) -> Array:
    return np.ascontiguousarray(plane[:, ::-1])[:, ::-1]


def _by_column(plane: Array) -> Array:
    return np.asfortranarray(plane)


def _every_other(plane: Array) -> Array:
    tall = np.zeros((2 * plane.shape[0], *plane.shape[1:]), np.uint8)
    tall[::2] = plane
    return tall[::2]


STYLES = (_as_it_comes, _with_padding, _upside_down, _mirrored, _by_column, _every_other)
"""Ways for a plane to lie in memory."""


@st.composite
def pictures(draw: st.DrawFn, largest: int = 40) -> VideoFrame:
    """Pictures of any format, lying in memory in any way."""
    frame = picture(
        draw(st.integers(1, largest)),
        draw(st.integers(1, largest)),
        draw(st.sampled_from(list(PIXEL_FORMATS))),
        draw(st.integers(0, 1000)),
        pts=draw(TIMES),
        time_base=draw(BASES),
        metadata=draw(METADATA),
        colorspace=draw(st.integers(-5, 300)),
        color_range=draw(st.integers(0, 3)),
    )
    style = draw(st.sampled_from(STYLES))
    return frame.with_planes(tuple(style(plane) for plane in frame.planes))


@st.composite
def sounds(draw: st.DrawFn, longest: int = 50) -> AudioFrame:
    """Sounds of any format, lying in memory in any way, even none at all."""
    format = draw(st.sampled_from(list(SAMPLE_FORMATS)))
    layout = draw(st.sampled_from(list(CHANNELS)))
    shape = CHANNELS[layout], draw(st.integers(0, longest))
    if not format.endswith("p"):
        shape = shape[::-1]
    dtype = np.dtype(SAMPLE_FORMATS[format])
    samples = noise((shape[0], shape[1] * 4), draw(st.integers(0, 1000))).astype(dtype)
    samples = samples[:, :: draw(st.sampled_from([1, 2, 4]))][:, : shape[1]]
    frame = AudioFrame(
        samples[:: draw(st.sampled_from([1, -1]))],
        format,
        layout=layout,
        rate=draw(st.integers(1, 2**65)),
        pts=draw(TIMES),
        metadata=draw(METADATA),
    )
    return frame.replace(time_base=draw(BASES))
