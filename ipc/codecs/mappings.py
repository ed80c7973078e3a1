"""Mappings that travel within payloads: metadata of frames, caps of events.

Plain ones (dicts and lists of strings and numbers) are JSON, which anybody may
read; others are pickles.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final, cast

from streamflow.errors import RingCorrupt
from streamflow.ipc.codecs import pickles
from streamflow.ipc.codecs.payload import Data, check_trust

JSON, PICKLE = 0, 1
CHECKSUM: Final = struct.Struct("<I")
"""Of all that follows."""
HEAD: Final = struct.Struct("<II")
"""JSON or PICKLE, bytes."""
DEEPEST: Final = 16
"""Levels of what may be JSON."""
_INTEGERS: Final = range(-(2**63), 2**63)


def pack(mapping: Mapping[str, Any]) -> bytes:
    """A mapping as bytes, which say themselves how many they are.

    Raises:
        PicklingError: something in it cannot travel.
    """
    mapping = dict(mapping)
    if is_plain(mapping):
        how, data = JSON, json.dumps(mapping).encode()
    else:
        how, data = PICKLE, pickles.Pickler().dump(mapping)
    data = HEAD.pack(how, len(data)) + data
    return CHECKSUM.pack(zlib.crc32(data)) + data


def unpack(data: Data, *, trusted: bool) -> dict[str, Any]:
    """The mapping that was packed at the beginning of some bytes.

    Raises:
        IpcError: it is a pickle, and the sender is not trusted.
        RingCorrupt: it is not what was packed.
    """
    (checksum,) = CHECKSUM.unpack_from(data)
    how, length = HEAD.unpack_from(data, CHECKSUM.size)
    start = CHECKSUM.size + HEAD.size
    body = data[start : start + length]
    if len(body) != length or zlib.crc32(data[CHECKSUM.size : start + length]) != checksum:
        raise RingCorrupt("the metadata of an item are not what was written")
    if how == JSON:
        mapping = json.loads(bytes(body))
    elif how == PICKLE:
        check_trust("metadata", trusted=trusted)
        mapping = pickles.load(body)
    else:  # some bytes that nobody wrote have the right checksum: eight of 0xff, four of 0
        raise RingCorrupt(f"the metadata of an item are of kind {how}, which there is not")
    if type(mapping) is not dict:
        raise RingCorrupt(f"the metadata of an item are a {type(mapping).__name__}")
    return cast("dict[str, Any]", mapping)


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is the same after it has been JSON.

    >>> is_plain({"boxes": [1, 2.5, None]}), is_plain((1, 2)), is_plain({1: "one"})
    (True, False, False)
    """
    kind = type(cast("object", value))
    if kind in (str, float, bool, type(None)):
        return True
    if kind is int:
        return value in _INTEGERS
    if depth == DEEPEST:
        return False
    if kind is list:
        return all(is_plain(item, depth + 1) for item in value)
    return kind is dict and all(
        type(key) is str and is_plain(item, depth + 1) for key, item in value.items()
    )
