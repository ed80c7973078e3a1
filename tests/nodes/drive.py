"""What the tests of nodes share: test signals, and nodes driven by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.audio import SAMPLE_FORMATS
from streamflow.node import Node
from streamflow.nodes import TestAudio, TestVideo
from streamflow.testing.runner import NodeRunner


def drive(node: Node, items: Iterable[Any] | None = None, port: str = "out") -> list[Any]:
    """What a node emits on a port for some items and the end of input."""
    with NodeRunner(node) as runner:
        runner.run(items)
        return runner.outputs(port)


def pictures(frames: int = 1, **params: Any) -> list[VideoFrame]:
    """Test pictures, small and quick to make."""
    small: dict[str, Any] = {"width": 64, "height": 48, "frames": frames}
    return drive(TestVideo(**(small | params)))


def sounds(frames: int = 1, **params: Any) -> list[AudioFrame]:
    """Test sounds."""
    return drive(TestAudio(frames=frames, **params))


def audio(samples: Any, rate: int = 48_000, pts: int | None = 0, **params: Any) -> AudioFrame:
    """A mono float frame of some samples."""
    return AudioFrame(np.array([samples], np.float32), rate=rate, pts=pts, **params)


def counted(sizes: list[int], format: str = "fltp", rate: int = 48_000) -> list[AudioFrame]:
    """Stereo frames of these sizes, whose samples count up, from pts 100."""
    frames: list[AudioFrame] = []
    start = 0
    for size in sizes:
        rows = np.arange(start, start + size) + np.array([[0], [5000]])
        samples = (rows if format.endswith("p") else rows.T).astype(SAMPLE_FORMATS[format])
        frames.append(AudioFrame(samples, format, layout="stereo", rate=rate, pts=100 + start))
        start += size
    return frames


def timed(frame: VideoFrame, times: Sequence[Fraction]) -> list[VideoFrame]:
    """Copies of a frame, in a time base of 1 / 90000."""
    base = Fraction(1, 90_000)
    return [frame.replace(pts=round(time / base), time_base=base) for time in times]


def joined(frames: Sequence[AudioFrame]) -> npt.NDArray[Any]:
    """All samples, shape (channels, n)."""
    return np.concatenate([frame.to_ndarray() for frame in frames], 1)


def same_pixels(a: VideoFrame, b: VideoFrame) -> bool:
    """Whether two frames show the same, in the same format."""
    return a.format == b.format and all(
        np.array_equal(one, other) for one, other in zip(a.planes, b.planes, strict=True)
    )
