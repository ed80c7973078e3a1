"""Views of frame memory: who lent it, and who may write it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Block(ctypes.Array[ctypes.c_uint8]):
    """Memory that the library lent; subclasses fix its length.

    The arrays of a frame are views of a block, so the block dies with the last
    of them, never before: slices keep it alive through their base.
    """

    # ctypes reads these off the class; its stubs have them as properties of instances.
    _type_ = ctypes.c_uint8  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    _length_ = 0  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]


def lent(array: Array) -> bool:
    """Whether the memory beneath an array is a block that the library lent.

    >>> lent(np.zeros(4))
    False
    """
    base: Any = array
    while base is not None and not isinstance(base, Block):
        base = base.array if isinstance(base, _Exporter) else getattr(base, "base", None)
    return base is not None


def read_only(array: Array) -> Array:
    """The array itself if nobody can write through it, else a view that nobody can."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


class _Exporter:
    """The memory of an array, offered with the right to write; keeps the array alive."""

    def __init__(self, array: Array) -> None:
        self.array = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def writable_view(array: Array) -> Array:
    """The same memory with the right to write, which the caller must have.

    NumPy does not give that right back to a view that has lost it, so the
    memory is exported anew.
    """
    return array if array.flags.writeable else np.asarray(_Exporter(array))
