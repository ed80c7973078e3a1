"""Video frames: pixel planes that everyone may read and nobody may write."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from streamflow import copies
from streamflow.frames.memory import lent, read_only, writable_view
from streamflow.packet import seconds

if TYPE_CHECKING:
    import av
    from av.video.reformatter import VideoReformatter

Array = npt.NDArray[Any]
NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})


class PlaneShape(NamedTuple):
    """How one plane relates to the picture: subsampling, and bytes per sample."""

    halved: bool
    components: int


PIXEL_FORMATS: Final[Mapping[str, tuple[PlaneShape, ...]]] = MappingProxyType(
    {
        "yuv420p": (PlaneShape(False, 1), PlaneShape(True, 1), PlaneShape(True, 1)),
        "nv12": (PlaneShape(False, 1), PlaneShape(True, 2)),
        "rgb24": (PlaneShape(False, 3),),
        "bgr24": (PlaneShape(False, 3),),
        "gray8": (PlaneShape(False, 1),),
        "rgba": (PlaneShape(False, 4),),
    }
)
"""The formats that a `VideoFrame` holds, with their planes. All samples are uint8."""


def plane_shapes(format: str, width: int, height: int) -> tuple[tuple[int, ...], ...]:
    """Shapes of the planes of a picture: (rows, columns) or (rows, columns, components).

    Odd sizes round chroma up, as FFmpeg does.

    >>> plane_shapes("yuv420p", 5, 3)
    ((3, 5), (2, 3), (2, 3))
    """
    if format not in PIXEL_FORMATS:
        known = ", ".join(PIXEL_FORMATS)
        raise ValueError(f"unknown pixel format {format!r}; a VideoFrame holds {known}")
    if width < 1 or height < 1:
        raise ValueError(f"a picture needs a width and height of 1 or more, not {width}x{height}")
    shapes: list[tuple[int, ...]] = []
    for plane in PIXEL_FORMATS[format]:
        size = ((height + 1) // 2, (width + 1) // 2) if plane.halved else (height, width)
        shapes.append(size if plane.components == 1 else (*size, plane.components))
    return tuple(shapes)


class VideoFrame:
    """One picture: uint8 planes as read-only numpy views, with a pts.

    Frames are shared between branches, so they never change: `replace` gives a
    new frame over the same planes, `writable` one whose planes may be written.

    Args:
        planes: one uint8 array for each plane, shaped as `plane_shapes` says:
            (height, width) for luma and gray, (height, width, 3 or 4) for
            packed colour, (ceil(height / 2), ceil(width / 2)) for chroma. Rows
            may have a stride; samples within a row must be contiguous.
        format: ``yuv420p`` (the house format), ``nv12``, ``rgb24``, ``bgr24``,
            ``gray8`` or ``rgba``.
        pts: presentation time in units of ``time_base``.
        time_base: seconds per unit.
        metadata: whatever travels along.
        colorspace: FFmpeg's ``AVColorSpace`` number; 2 is unspecified.
        color_range: FFmpeg's ``AVColorRange`` number; 0 is unspecified.

    Raises:
        ValueError: the format is unknown, or a plane has another shape or dtype.

    >>> frame = VideoFrame.from_ndarray(np.zeros((4, 6, 3), np.uint8), format="rgb24", pts=1)
    >>> frame.width, frame.height, frame.nbytes
    (6, 4, 72)
    >>> frame.planes[0].flags.writeable
    False
    """

    __slots__ = (
        "_av",
        "_planes",
        "color_range",
        "colorspace",
        "format",
        "height",
        "metadata",
        "pts",
        "shared",
        "time_base",
        "width",
    )

    format: str
    width: int
    height: int
    pts: int | None
    time_base: Fraction | None
    metadata: Mapping[str, Any]
    colorspace: int
    color_range: int
    shared: bool

    def __init__(
        self,
        planes: tuple[Array, ...],
        format: str = "yuv420p",
        *,
        pts: int | None = None,
        time_base: Fraction | None = None,
        metadata: Mapping[str, Any] = NO_METADATA,
        colorspace: int = 2,
        color_range: int = 0,
    ) -> None:
        if not planes or planes[0].ndim < 2:
            raise ValueError(f"a {format} frame needs planes of two or three dimensions")
        self.height, self.width = planes[0].shape[:2]
        self._planes: tuple[Array, ...] | None = check_planes(
            planes, format, self.width, self.height
        )
        self._av: av.VideoFrame | None = None
        self.format = format
        self.pts, self.time_base, self.metadata = pts, time_base, metadata
        self.colorspace, self.color_range = colorspace, color_range
        self.shared = False

    @classmethod
    def _over(cls, frame: av.VideoFrame, format: str, color_range: int) -> VideoFrame:
        """Wrap a libav frame without touching its planes, which are mapped when first read."""
        self = cls.__new__(cls)
        self._planes, self._av, self.format = None, frame, format
        self.width, self.height = frame.width, frame.height
        self.pts, self.time_base = frame.pts, frame.time_base
        self.metadata, self.shared = NO_METADATA, False
        self.colorspace, self.color_range = int(frame.colorspace), color_range
        return self

    @property
    def planes(self) -> tuple[Array, ...]:
        """The planes, read-only; shapes as `plane_shapes` says."""
        if self._planes is None:
            from streamflow import _av

            if self._av is None:  # cannot be: one of the two is always there
                raise RuntimeError("a frame without planes")
            views = _av.map_planes(self._av, plane_shapes(self.format, self.width, self.height))
            self._planes = tuple(read_only(view) for view in views)
        return self._planes

    @property
    def nbytes(self) -> int:
        """Bytes of picture in all planes, without the padding of rows."""
        if self._planes is not None:
            return sum(plane.nbytes for plane in self._planes)
        return sum(math.prod(shape) for shape in plane_shapes(self.format, self.width, self.height))

    @property
    def time(self) -> float | None:
        """Presentation time in seconds, or None."""
        return seconds(self)

    @classmethod
    def from_ndarray(
        cls,
        array: Array,
        format: str = "rgb24",
        *,
        pts: int | None = None,
        time_base: Fraction | None = None,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> VideoFrame:
        """Wrap one array, without a copy.

        Args:
            array: uint8. Packed colour: (height, width, 3 or 4); gray:
                (height, width); ``yuv420p`` and ``nv12``: (height * 3 / 2, width),
                as PyAV lays them out, with even width and height.
            format: pixel format of the array.
            pts: presentation time in units of ``time_base``.
            time_base: seconds per unit.
            metadata: whatever travels along.

        Raises:
            ValueError: shape or dtype do not fit the format.
        """
        planes = split_planes(array, format)
        return cls(planes, format, pts=pts, time_base=time_base, metadata=metadata)

    def to_ndarray(self, format: str | None = None) -> Array:
        """The picture as one array, laid out as `from_ndarray` takes it.

        Without a copy where the format has one plane and is already this one;
        otherwise the pixels are converted or gathered, and the copy is counted.
        """
        frame = self if format is None else self.reformat(format=format)
        if len(frame.planes) == 1:
            return frame.planes[0]
        if frame.width % 2 or frame.height % 2:
            raise ValueError(
                f"{frame.width}x{frame.height} {frame.format} does not fit one array: "
                "width and height must be even; use planes"
            )
        copies.count(frame.nbytes)
        flat = [plane.reshape(-1) for plane in frame.planes]
        return np.concatenate(flat).reshape(frame.height * 3 // 2, frame.width)

    def reformat(
        self,
        width: int | None = None,
        height: int | None = None,
        format: str | None = None,
        interpolation: str | None = None,
        reformatter: VideoReformatter | None = None,
    ) -> VideoFrame:
        """The picture in another size or pixel format, by libswscale; itself if nothing changes.

        Args:
            width: in pixels; None keeps it.
            height: in pixels; None keeps it.
            format: pixel format; None keeps it.
            interpolation: libswscale's name in any case: ``bilinear``, ``bicubic`` …
            reformatter: one that is kept for a run of pictures saves its tables.
        """
        size = (width or self.width, height or self.height)
        if size == (self.width, self.height) and format in (None, self.format):
            return self
        from streamflow import _av

        return _av.reformat(self, *size, format or self.format, interpolation, reformatter)

    @classmethod
    def from_av(cls, frame: av.VideoFrame) -> VideoFrame:
        """Wrap a libav frame, without a copy: the planes are views of libav's memory.

        Raises:
            ValueError: its pixel format is none that a VideoFrame holds.
        """
        from streamflow import _av

        return cls._over(frame, *_av.house_format(frame))

    def to_av(self) -> av.VideoFrame:
        """A fresh libav frame over the same memory.

        Fresh each time, because encoders rewrite pts and time base. Pictures
        of odd size in a subsampled format are copied, and the copy counted:
        libav cannot wrap them.
        """
        from streamflow import _av

        return _av.video_to_av(self)

    def replace(self, **changes: Any) -> VideoFrame:
        """A new frame over the same planes with other pts, time_base, metadata or colour.

        >>> frame = VideoFrame.from_ndarray(np.zeros((2, 2), np.uint8), format="gray8")
        >>> frame.replace(pts=7).pts, frame.pts
        (7, None)
        """
        unknown = changes.keys() - {"pts", "time_base", "metadata", "colorspace", "color_range"}
        if unknown:
            raise TypeError(f"a frame has no replaceable field {', '.join(sorted(unknown))}")
        new = VideoFrame.__new__(VideoFrame)
        for name in VideoFrame.__slots__:
            setattr(new, name, changes.get(name, getattr(self, name)))
        return new

    def with_planes(self, planes: tuple[Array, ...]) -> VideoFrame:
        """A new frame over other planes, of any size; format, time, metadata and colour stay.

        Raises:
            ValueError: a plane has another shape or dtype than the format needs.

        >>> frame = VideoFrame.from_ndarray(np.zeros((4, 6, 3), np.uint8), pts=3)
        >>> frame.with_planes((frame.planes[0][1:3],))
        <VideoFrame 6x2 rgb24 pts=3>
        """
        return VideoFrame(planes, self.format, **self._fields())

    def writable(self) -> VideoFrame:
        """A frame whose planes may be written.

        It is a copy, and counted, unless the library lent the memory (through
        ``ctx.allocate``) and no second branch has been given this frame.
        """
        if not self.shared and all(map(lent, self.planes)) and copies.exclusive():
            planes = tuple(writable_view(plane) for plane in self.planes)
        else:
            planes = tuple(copies.copied(plane) for plane in self.planes)
        new = self.replace()
        new._planes, new._av, new.shared = planes, None, False
        return new

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 - NumPy's protocol has it so
    ) -> Array:
        array = self.to_ndarray()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a frame holds uint8; {dtype} needs a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self._single("__dlpack__").__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._single("__dlpack_device__").__dlpack_device__()

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        import pyarrow as pa

        arrow = cast("Any", pa)  # it ships no types
        flat = self._single("__arrow_c_array__").reshape(-1)
        return arrow.array(flat).__arrow_c_array__(requested_schema)

    def __buffer__(self, flags: int) -> memoryview:
        return self._single("the buffer protocol").data

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # Only memory in one piece is pickled out-of-band, where it need not be copied.
        planes = tuple(np.ascontiguousarray(plane) for plane in self.planes)
        fields = self._fields()
        fields["metadata"] = dict(self.metadata)
        return partial(VideoFrame, planes, self.format, **fields), ()

    def _fields(self) -> dict[str, Any]:
        names = ("pts", "time_base", "metadata", "colorspace", "color_range")
        return {name: getattr(self, name) for name in names}

    def _single(self, what: str) -> Array:
        if len(self.planes) != 1:
            raise BufferError(
                f"{what} needs one plane; {self.format} has {len(self.planes)}: use planes"
            )
        return self.planes[0]

    def __repr__(self) -> str:
        return f"<VideoFrame {self.width}x{self.height} {self.format} pts={self.pts}>"


def check_planes(
    planes: tuple[Array, ...], format: str, width: int, height: int
) -> tuple[Array, ...]:
    """The planes, read-only, if they are what format and size need.

    Raises:
        ValueError: the format is unknown, or a plane has another shape or dtype.
    """
    shapes = plane_shapes(format, width, height)
    found = tuple(plane.shape for plane in planes)
    if found != shapes:
        raise ValueError(f"{width}x{height} {format} needs planes {shapes}, not {found}")
    for plane in planes:
        if plane.dtype != np.uint8:
            raise ValueError(f"{format} needs uint8 planes, not {plane.dtype}")
    return tuple(read_only(plane) for plane in planes)


def split_planes(array: Array, format: str) -> tuple[Array, ...]:
    """Views of the planes in one array, as `VideoFrame.from_ndarray` takes it.

    Raises:
        ValueError: a subsampled format does not fit the array's shape.
    """
    if format not in ("yuv420p", "nv12"):
        return (array,)
    if array.ndim != 2 or array.shape[0] % 3 or array.shape[1] % 2:
        raise ValueError(
            f"{format} needs an array (height * 3 / 2, width) with even width and height, "
            f"not {array.shape}"
        )
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    luma, chroma = array[:height], array[height:]
    if format == "nv12":
        return luma, chroma.reshape(height // 2, width // 2, 2)
    both = chroma.reshape(2, height // 2, width // 2)
    return luma, both[0], both[1]
