"""Payloads: what stands in a slot, and what all kinds of them share.

A payload says all that is needed to read it, but for its kind. Integers are
little-endian. What is read out of one is checked before it is used: whoever
wrote it may be broken, or lie.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from streamflow.errors import IpcError, PicklingError

Array: TypeAlias = npt.NDArray[Any]
Data: TypeAlias = bytes | memoryview
"""A payload to be read: copied out, or where it stands. What is made over it keeps it."""
Reducer: TypeAlias = Callable[[Any], tuple[Any, ...]]
"""Takes a value apart for a pickle."""
Aside: TypeAlias = Callable[[pickle.PickleBuffer], bool]
"""Is told of each buffer: False if it takes it aside, True if it is to stand in the pickle."""
Part: TypeAlias = tuple[int, bytes | memoryview | Array]
"""A piece of a payload, and where it begins."""

SMALL: Final = 4096
"""Bytes that a payload may have to travel in a batch; it is copied out when it is read."""
REFERENCE: Final = 16 << 10
"""Bytes above which what lies in shared memory is referred to."""
LENT: Final = 64 << 10
"""Bytes from which on a buffer of an object stays in its slot when it is read."""
ALIGNMENT: Final = 64
"""Arrays begin at multiples of so many bytes."""


class Kind(IntEnum):
    """What a payload is."""

    VIDEO = 1
    AUDIO = 2
    ARROW = 3
    OBJECT = 4
    BYTES = 5
    TEXT = 6
    INTEGER = 7
    FLOAT = 8
    NONE = 9
    FALSE = 10
    TRUE = 11


class Encoded:
    """A value, ready to be written into a slot.

    Attributes:
        kind: a `Kind`.
        flags: 0.
        schema: 0; payloads name their schemas themselves.
        pts: of a frame, for whoever looks at descriptors; else 0.
        length: bytes of the payload.
        copied: bytes of pixels, samples, columns and arrays that `write` copies.
        keep: what must live until the slot comes back: the payload refers to it.
    """

    __slots__ = ("copied", "keep", "kind", "length", "parts", "pts")

    flags = schema = 0

    def __init__(
        self,
        kind: int,
        length: int,
        parts: Sequence[Part],
        pts: int = 0,
        copied: int = 0,
        keep: Any = None,
    ) -> None:
        self.kind, self.length, self.parts = kind, length, parts
        self.pts, self.copied, self.keep = pts, copied, keep

    @property
    def small(self) -> bytes | None:
        """The whole payload, if it can travel in a batch."""
        if self.length > SMALL:
            return None
        first = self.parts[0][1]
        if len(first) == self.length:  # all of it
            return bytes(first)
        payload = bytearray(self.length)
        self.write(memoryview(payload))
        return bytes(payload)

    def write(self, into: memoryview) -> None:
        """Write the payload to the beginning of a slot."""
        for offset, part in self.parts:
            if isinstance(part, np.ndarray):
                # NumPy follows strides, and lets other threads run meanwhile.
                np.ndarray(part.shape, part.dtype, into, offset)[...] = part
            else:
                into[offset : offset + len(part)] = part


def align(offset: int) -> int:
    """The next place where an array may begin."""
    return (offset + ALIGNMENT - 1) & -ALIGNMENT


def referring(
    kind: int, length: int, parts: Sequence[Part], pts: int = 0, copied: int = 0, keep: Any = None
) -> Encoded:
    """A payload that refers to memory. It is never small: batches go without leases."""
    return Encoded(kind, max(length, SMALL + 1), parts, pts, copied, keep)


def unreadable(error: Exception) -> PicklingError:
    """The error for a pickle that is sound, but cannot be read here."""
    return PicklingError("an item", f"the receiver cannot read it: {type(error).__name__}: {error}")


def check_trust(what: str, *, trusted: bool) -> None:
    """Refuse a pickle whose sender is not trusted.

    Raises:
        IpcError: it is not.
    """
    if not trusted:
        raise IpcError(f"{what} came as a pickle, which can run any code, from an untrusted sender")
