"""Plain values: bytes, text, numbers, None and truth, without a pickle."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from streamflow.ipc.codecs.payload import Encoded, Kind

FLOAT: Final = struct.Struct("<d")


def _bytes(value: bytes) -> Encoded:
    return Encoded(Kind.BYTES, len(value), ((0, value),))


def _text(value: str) -> Encoded:
    # Half a surrogate pair is no good UTF-8, but a string may hold one.
    data = value.encode("utf-8", "surrogatepass")
    return Encoded(Kind.TEXT, len(data), ((0, data),))


def _integer(value: int) -> Encoded:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return Encoded(Kind.INTEGER, len(data), ((0, data),))


def _float(value: float) -> Encoded:
    return Encoded(Kind.FLOAT, FLOAT.size, ((0, FLOAT.pack(value)),))


def _none(_: None) -> Encoded:
    return Encoded(Kind.NONE, 0, ((0, b""),))


def _truth(value: bool) -> Encoded:  # noqa: FBT001 - it is the value
    return Encoded(Kind.TRUE if value else Kind.FALSE, 0, ((0, b""),))


ENCODERS: Final[Mapping[type, Callable[[Any], Encoded]]] = MappingProxyType(
    {
        bytes: _bytes,
        str: _text,
        int: _integer,
        float: _float,
        type(None): _none,
        bool: _truth,
    }
)
"""How values are written."""


def _read_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _read_integer(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _read_float(data: bytes) -> float:
    value: float = FLOAT.unpack(data)[0]
    return value


def _read_constant(value: object) -> Callable[[bytes], Any]:
    def read(data: bytes) -> object:
        if data:
            raise ValueError(f"{len(data)} bytes where there should be none")
        return value

    return read


READERS: Final[Mapping[int, Callable[[bytes], Any]]] = MappingProxyType(
    {
        Kind.BYTES: bytes,
        Kind.TEXT: _read_text,
        Kind.INTEGER: _read_integer,
        Kind.FLOAT: _read_float,
        Kind.NONE: _read_constant(None),
        Kind.FALSE: _read_constant(False),
        Kind.TRUE: _read_constant(True),
    }
)
"""How values are read, all copied out."""
