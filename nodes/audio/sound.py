"""What every audio node needs: a check of what comes in, and samples as plain numbers.

Sound is worked on as float32 in -1 to 1, shape (channels, n), whatever the
format it came in; ``unit_samples`` and ``pack_samples`` are each other's inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from streamflow.frames import AudioFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS

Samples: TypeAlias = npt.NDArray[np.float32]
Array: TypeAlias = npt.NDArray[Any]
Allocate: TypeAlias = Callable[[tuple[int, ...], npt.DTypeLike], Array]


def check_audio(node: object, item: object) -> None:
    """Refuse what is no audio frame.

    Raises:
        TypeError: it names the node's class and the item's.
    """
    if not isinstance(item, AudioFrame):
        raise TypeError(f"{type(node).__name__} needs audio frames, not {type(item).__name__}")


def check_choice(name: str, value: str | None, known: Mapping[str, Any]) -> None:
    """Refuse a value that is not one of the known ones; None passes.

    Raises:
        ValueError: it names the parameter and what it can be.
    """
    if value is not None and value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def check_caps(format: str | None, rate: int | None, layout: str | None) -> None:
    """Refuse a sample format, rate or layout that an `AudioFrame` cannot have.

    Raises:
        ValueError: it names the parameter and what it can be.
    """
    check_choice("format", format, SAMPLE_FORMATS)
    check_choice("layout", layout, CHANNELS)
    if rate is not None and rate < 1:
        raise ValueError(f"rate must be 1 Hz or more, not {rate}")


def caps_of(frame: AudioFrame) -> tuple[str, str, int]:
    """What must stay the same for samples to be joined: format, layout and rate."""
    return frame.format, frame.layout, frame.rate


def unit_samples(frame: AudioFrame) -> Samples:
    """The samples as float32 in -1 to 1, shape (channels, n); a view where they are so already."""
    samples = frame.to_ndarray()
    if samples.dtype == np.float32:
        return samples
    scale = 1 / (float(np.iinfo(samples.dtype).max) + 1)
    return (samples * scale).astype(np.float32)


def pack_samples(samples: npt.NDArray[np.floating[Any]], out: Array) -> None:
    """Write samples in -1 to 1 into an array of the same shape, in its dtype's full scale.

    Integers saturate; floats beyond -1 to 1 stay as they are.
    """
    if out.dtype == np.float32:
        out[...] = samples
        return
    limits = np.iinfo(out.dtype)
    scaled = np.rint(samples.astype(np.float64) * (float(limits.max) + 1))
    out[...] = np.clip(scaled, limits.min, limits.max)


def allocate_samples(
    allocate: Allocate, format: str, layout: str, count: int
) -> tuple[Array, Array]:
    """Memory for ``count`` samples: as an `AudioFrame` takes it, and as (channels, n)."""
    planar = format.endswith("p")
    shape = (CHANNELS[layout], count) if planar else (count, CHANNELS[layout])
    memory = allocate(shape, SAMPLE_FORMATS[format])
    return memory, memory if planar else memory.T


def sample_index(frame: AudioFrame) -> int | None:
    """Presentation time of the first sample, counted in samples from time 0."""
    if frame.pts is None or frame.time_base is None:
        return None
    if frame.time_base == Fraction(1, frame.rate):
        return frame.pts
    return round(frame.pts * frame.time_base * frame.rate)
