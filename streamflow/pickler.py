"""The pickler: cloudpickle, told what other interpreters of this machine can import.

What a module defines travels as its name, if the others find that module where
we found it; else by value, as does what `__main__` defines. Files do not travel:
cloudpickle would read them to their end, and leave their names behind.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
from collections.abc import Callable, Container
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from time import monotonic
from types import FunctionType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import cloudpickle

from streamflow.function import FunctionNode

if TYPE_CHECKING:
    CloudPickler = pickle.Pickler  # cloudpickle ships no types
else:
    CloudPickler = cloudpickle.Pickler

PROTOCOL: Final = 5

OVERRIDDEN: Final = (type, FunctionType, ModuleType, io.TextIOWrapper)


class Places:
    """Which modules are found by name; those that are not travel by value inside its block."""

    def __init__(self) -> None:
        self._found: dict[str, bool] = {}
        self._registered: list[ModuleType] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._registered:
            cloudpickle.unregister_pickle_by_value(self._registered.pop())

    def look_at(self, name: str) -> bool:
        """Whether a module can be imported elsewhere."""
        root = name.partition(".")[0]
        if root not in self._found:
            self._found[root] = root == "__main__" or can_be_found(root)
            module = sys.modules.get(root)
            by_value = cast("set[str]", cloudpickle.list_registry_pickle_by_value())
            if not self._found[root] and module is not None and root not in by_value:
                with suppress(ValueError):  # it goes by another name
                    cloudpickle.register_pickle_by_value(module)
                    self._registered.append(module)
        return self._found[root] and root != "__main__"


def can_be_found(root: str) -> bool:
    """Whether the import system would find a top-level module where it came from."""
    if root in sys.stdlib_module_names:
        return True
    here = getattr(sys.modules.get(root), "__file__", None)
    for finder in sys.meta_path:
        with suppress(Exception):
            if (spec := finder.find_spec(root, None)) is not None:
                there = spec.origin
                return here is None or there is None or Path(here).samefile(there)
    return False


class Pickler(CloudPickler):
    """Pickles what travels to another interpreter.

    Args:
        file: what it writes to.
        places: what can be imported there.
        take_buffer: called with each large buffer instead of writing it.
    """

    def __init__(
        self, file: Any, places: Places, take_buffer: Callable[[Any], Any] | None = None
    ) -> None:
        super().__init__(file, protocol=PROTOCOL, buffer_callback=take_buffer)
        self._places = places

    def reducer_override(self, obj: Any) -> Any:
        """How classes, functions, modules and files are taken apart; others as they say."""
        if obj is sys.stdout or obj is sys.stderr:  # of whatever class: notebooks have their own
            return getattr, (sys, "stdout" if obj is sys.stdout else "stderr")
        # By type(): asking a stranger for its __class__ may run its code.
        if not issubclass(type(obj), OVERRIDDEN):
            return NotImplemented
        if isinstance(obj, type | FunctionType):
            importable = self._places.look_at(obj.__module__ or "")
            if importable and isinstance(obj, FunctionType) and _is_of_a_node(obj):
                return function_of, (obj.__module__, obj.__qualname__)
        elif isinstance(obj, ModuleType):
            self._places.look_at(obj.__name__)
        else:
            raise TypeError("cannot pickle an open file")
        return super().reducer_override(obj)


class OutOfTime(BaseException):
    """Nobody but who set the deadline may catch it."""


class Probe(Pickler):
    """Pickles until it is out of time.

    Args:
        file: as for `Pickler`.
        places: likewise.
        deadline: as by `time.monotonic`.
        known: ids of what is taken as pickled already.
        take_buffer: as for `Pickler`.

    Raises:
        OutOfTime: from `dump`, soon after the deadline.
    """

    def __init__(
        self,
        file: Any,
        places: Places,
        deadline: float,
        known: Container[int] = (),
        take_buffer: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(file, places, take_buffer)
        self._deadline, self._known, self._count = deadline, known, 0

    def persistent_id(self, obj: Any) -> Any:
        """Called with everything that is pickled."""
        self._count += 1
        if self._count % 128 == 0 and monotonic() > self._deadline:
            raise OutOfTime
        return True if id(obj) in self._known else None


def _is_of_a_node(function: FunctionType) -> bool:
    # After `@node`, the function's name stands for the node.
    try:
        return function_of(function.__module__, function.__qualname__) is function
    except (ImportError, AttributeError):
        return False


def function_of(module: str, name: str) -> Any:
    """The function behind a node that a module defines."""
    found = attrgetter(name)(importlib.import_module(module))
    return vars(found)["process"] if isinstance(found, FunctionNode) else None
