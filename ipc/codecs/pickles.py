"""Pickles: protocol 5, with some types of ours taken apart by hand, and classes by value.

What stands in ``__main__``, in a notebook or within a function is not found by
its name in another process: its definition travels too.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final

from streamflow.errors import PicklingError, StreamflowError
from streamflow.ipc.codecs.payload import REFERENCE, Aside, Data, Reducer, unreadable
from streamflow.packet import Packet


def _reduce_packet(packet: Packet) -> tuple[Any, ...]:
    return Packet, (packet.value, packet.pts, packet.time_base, packet.metadata)


def _reduce_proxy(mapping: Mapping[Any, Any]) -> tuple[Any, ...]:
    return view_of, (dict(mapping),)


def view_of(mapping: dict[Any, Any]) -> Mapping[Any, Any]:
    """A read-only view, whose type Python does not pickle."""
    return MappingProxyType(mapping)


REDUCERS: Final[Mapping[type, Reducer]] = MappingProxyType(
    {
        Packet: _reduce_packet,
        MappingProxyType: _reduce_proxy,
    }
)
"""How some types are taken apart."""


class Pickler:
    """Pickles values, one after the other; for one thread at a time.

    Args:
        reducers: how some types are taken apart.
        number_of: the number by which readers know a class that they cannot import;
            None puts its definition into the pickle.
        aside: whether large buffers are set aside.

    Attributes:
        buffers: what was set aside for the last value, in its order.
    """

    def __init__(
        self,
        reducers: Mapping[type, Reducer] = REDUCERS,
        number_of: Callable[[type], int] | None = None,
        *,
        aside: bool = False,
    ) -> None:
        self.buffers: list[memoryview] = []
        self._aside: Aside | None = self._set_aside if aside else None
        self._reducers, self._number_of = reducers, number_of
        self._registered = -1
        self._file = BytesIO()

    def dump(self, value: Any) -> bytes:
        """The pickle of a value.

        Raises:
            PicklingError: something in the value cannot be pickled.
            StreamflowError: a reducer, or who numbers classes, raised it.
        """
        reason: Exception | None = None
        try:
            data = self._dump(value)
            if b"__main__" not in data:
                return data
        except StreamflowError:
            raise
        except Exception as error:
            reason = error
        self.buffers = []
        try:
            from streamflow.ipc.codecs import byvalue

            return byvalue.dump(value, self._reducers, self._aside, self._number_of)
        except StreamflowError:
            raise
        except Exception as error:
            raise PicklingError(type(value).__qualname__, str(reason or error)) from error

    def _dump(self, value: Any) -> bytes:
        if len(copyreg.dispatch_table) != self._registered:
            self._renew()
        self.buffers = []
        try:
            self._pickler.dump(value)
            return self._file.getvalue()
        finally:
            # It would keep what it has seen.
            self._pickler.clear_memo()
            self._file.seek(0)
            self._file.truncate()

    def _renew(self) -> None:
        self._registered = len(copyreg.dispatch_table)
        # To make one anew for each value would take longer than to pickle a small one.
        self._pickler = pickle.Pickler(self._file, 5, buffer_callback=self._aside)
        self._pickler.dispatch_table = {**copyreg.dispatch_table, **self._reducers}

    def _set_aside(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes <= REFERENCE:
            return True
        self.buffers.append(raw)
        return False


def load(data: Data, buffers: Sequence[Any] = ()) -> Any:
    """The value that was pickled.

    Raises:
        PicklingError: it cannot be made here.
    """
    try:
        return pickle.loads(data, buffers=buffers)  # noqa: S301 - of a trusted sender only
    except Exception as error:
        raise unreadable(error) from error
