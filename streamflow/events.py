"""Control events: what travels beside the data, in a lane of its own.

An event needs no credit and is never dropped. `Flush` and `Interrupt` overtake
the data; the others keep their place in the stream and wait neither for room
nor for the end of a pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all control events.

    Attributes:
        urgent: whether the event overtakes the data before it.
    """

    urgent: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Start(Event):
    """The stream begins: sent once, before the first item."""


@dataclass(frozen=True, slots=True)
class Caps(Event):
    """From here on the items have these properties.

    Attributes:
        caps: such as ``{"width": 640, "height": 360, "format": "yuv420p"}``.
    """

    caps: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap(Event):
    """Nothing will come for a while, and none is missing.

    Attributes:
        time: where the gap begins, in seconds.
        duration: how long it is, in seconds.
    """

    time: float
    duration: float


@dataclass(frozen=True, slots=True)
class Flush(Event):
    """Forget what is under way: queued items are dropped, and counted."""

    urgent: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Interrupt(Event):
    """As `Flush`, and the asynchronous call in hand is cancelled too.

    Attributes:
        reason: why, in words.
    """

    urgent: ClassVar[bool] = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class End(Event):
    """The stream is over: sent once, after the last item."""


@dataclass(frozen=True, slots=True)
class Marker(Event):
    """A cut through the stream: what is before it belongs to one checkpoint, what follows does not.

    It is the runtime's own, and is shown to no node.

    Attributes:
        number: of the checkpoint.
    """

    number: int
