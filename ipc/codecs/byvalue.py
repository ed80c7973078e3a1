"""Classes that another process cannot import: each is announced once, and then named by a number.

This module needs cloudpickle, and is imported when the first of them passes.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING, Any

import cloudpickle

from streamflow.errors import StreamflowError
from streamflow.ipc.codecs.payload import Aside, Reducer, unreadable

if TYPE_CHECKING:
    CloudPickler = pickle.Pickler  # of which cloudpickle's is a child, without types
else:
    CloudPickler = cloudpickle.Pickler

# Things that cloudpickle sends as something else; they had better be refused.
_CHANGED = (TextIOWrapper, memoryview)
_TABLE = {
    kind: reducer for kind, reducer in CloudPickler.dispatch_table.items() if kind not in _CHANGED
}


def announced(number: int) -> type:
    """Stand in a pickle for the class of a number; `load` puts its own in place of this."""
    raise pickle.UnpicklingError(f"class {number} is known to the link that it came by only")


class _Pickler(CloudPickler):
    def __init__(
        self,
        file: BytesIO,
        reducers: Mapping[type, Reducer],
        aside: Aside | None,
        number_of: Callable[[type], int] | None,
    ) -> None:
        # It is read once, by the constructor.
        self.dispatch_table = {**_TABLE, **copyreg.dispatch_table, **reducers}
        super().__init__(file, 5, buffer_callback=aside)
        self._number_of = number_of

    def reducer_override(self, obj: Any) -> Any:
        if self._number_of is not None and isinstance(obj, type) and not importable(obj):
            return announced, (self._number_of(obj),)
        return super().reducer_override(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, data: bytes, buffers: Sequence[Any], class_of: Callable[[int], type]
    ) -> None:
        super().__init__(BytesIO(data), buffers=buffers)
        self._class_of = class_of

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, announced.__name__):
            return self._class_of
        return super().find_class(module, name)


def dump(
    value: Any,
    reducers: Mapping[type, Reducer],
    aside: Aside | None = None,
    number_of: Callable[[type], int] | None = None,
) -> bytes:
    """Pickle a value whose classes nobody may be able to import.

    Args:
        value: anything.
        reducers: how some types are taken apart.
        aside: takes large buffers.
        number_of: announces a class; None: definitions go into the pickle.

    Raises:
        Exception: of any type, if it cannot be pickled.
    """
    file = BytesIO()
    _Pickler(file, reducers, aside, number_of).dump(value)
    return file.getvalue()


def load(data: bytes, buffers: Sequence[Any], class_of: Callable[[int], type]) -> Any:
    """The value that was pickled.

    Args:
        data: the pickle.
        buffers: those that were taken aside.
        class_of: the class that a number stands for.

    Raises:
        PicklingError: it cannot be made here.
    """
    try:
        return _Unpickler(data, buffers, class_of).load()
    except StreamflowError:
        raise
    except Exception as error:
        raise unreadable(error) from error


def define(kind: type) -> bytes:
    """The definition of a class, to be read with `pickle.loads`."""
    data: bytes = cloudpickle.dumps(kind, 5)
    return data


def importable(kind: type) -> bool:
    """Whether a class is found by its name, in a module that others may import too."""
    if kind.__module__ == "__main__":
        return False
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    # NoneType and its like go by no name; pickle knows what they are.
    return found is kind or kind.__module__ == "builtins"
