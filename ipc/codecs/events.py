"""Control events, and errors of nodes, as bytes: one says which it is, the rest is its own."""

from __future__ import annotations

import json
import struct
from typing import Final, TypeAlias

from streamflow.errors import NodeError, NodeTimeoutError, RingCorrupt, StreamflowError
from streamflow.events import Caps, End, Event, Flush, Gap, Interrupt, Start
from streamflow.ipc.codecs import mappings, pickles
from streamflow.ipc.codecs.payload import Data, check_trust

Message: TypeAlias = Event | NodeError

GAP: Final = struct.Struct("<dd")
OTHER: Final = 255
"""What is of somebody else's class: a pickle."""
BARE: Final[dict[int, type[Event]]] = {1: Start, 2: End, 3: Flush}
ERRORS: Final[dict[int, type[NodeError]]] = {7: NodeError, 8: NodeTimeoutError}
CODES: Final[dict[type, int]] = {
    **{kind: code for code, kind in (*BARE.items(), *ERRORS.items())},
    Gap: 4,
    Interrupt: 5,
    Caps: 6,
}


def encode_event(message: Message) -> bytes:
    """An event, or the error of a node, as bytes. The error's item stays behind.

    Raises:
        PicklingError: something in it cannot travel.
    """
    code = CODES.get(type(message), OTHER)
    try:
        body = _body(message, code)
    except (TypeError, AttributeError, struct.error):
        # Its fields are of other types than they ought to be.
        code, body = OTHER, pickles.Pickler().dump(message)
    return bytes((code,)) + body


def _body(message: Message, code: int) -> bytes:
    if code == OTHER:
        return pickles.Pickler().dump(message)
    match message:
        case Gap():
            return GAP.pack(message.time, message.duration)
        case Interrupt():
            return message.reason.encode("utf-8", "surrogatepass")
        case Caps():
            return mappings.pack(message.caps)
        case NodeError():
            return json.dumps(message.args).encode()
        case _:
            return b""


def decode_event(data: Data, *, trusted: bool) -> Message:
    """The event or error that was encoded.

    Raises:
        RingCorrupt: it is none.
        IpcError: there is a pickle in it, and the sender is not trusted.
        PicklingError: it cannot be made here.
    """
    try:
        return _message(data[0], bytes(data[1:]), trusted=trusted)
    except StreamflowError:
        raise
    except Exception as error:
        raise RingCorrupt(f"a control message is no event: {error!r}") from error


def _message(code: int, body: bytes, *, trusted: bool) -> Message:
    match code:
        case 4:
            return Gap(*GAP.unpack(body))
        case 5:
            return Interrupt(body.decode("utf-8", "surrogatepass"))
        case 6:
            return Caps(mappings.unpack(body, trusted=trusted))
        case 7 | 8:
            return ERRORS[code](*json.loads(body))
        case 255:
            return _unpickled(body, trusted=trusted)
        case _ if body:
            raise ValueError(f"{len(body)} bytes where there should be none")
        case _:
            return BARE[code]()


def _unpickled(body: bytes, *, trusted: bool) -> Message:
    check_trust("an event", trusted=trusted)
    message = pickles.load(body)
    if not isinstance(message, Event | NodeError):
        raise RingCorrupt(f"a control message is no event, but of {type(message).__name__}")
    return message
