"""What travels to another process, and the name of what cannot.

Nodes are cleaned up, pickled here, made again there, and initialized there.
Classes and functions that both sides can import travel as names, all others
whole; so what a notebook or ``__main__`` defines works. What holds something of
this process, such as an open file or a lock, is refused by its attribute path.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import pickle
import threading
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streamflow.errors import PicklingError
from streamflow.function import FunctionNode
from streamflow.node import Node

if TYPE_CHECKING:
    from streamflow.pickler import Places

QUICK: Final = 0.4
"""Seconds after which what is pickled is large, and is searched for culprits at once."""

LARGE: Final = 65_536
"""Bytes from which on a buffer is kept out of the pickle."""

_one_at_a_time: Final = threading.RLock()
"""What cloudpickle is to take by value is known to it for all threads at once."""


def dumps(value: Any, name: str) -> bytes:
    """Pickle something for an interpreter on this machine.

    Args:
        value: anything; circular references, closures, lambdas and local
            classes are fine.
        name: of it, for errors.

    Raises:
        PicklingError: part of it cannot travel; it is named.
    """
    # Heavy: imported by who has something to send.
    from streamflow.pickler import Places

    with _one_at_a_time, Places() as places:
        return _dumps(value, name, places, QUICK)


def _dumps(value: Any, name: str, places: Places, seconds: float | None) -> bytes:
    from streamflow.culprit import find_culprit
    from streamflow.pickler import OutOfTime, Pickler, Probe

    file, buffers = io.BytesIO(), _Buffers()
    try:
        if seconds is None:
            Pickler(file, places, buffers.take).dump(value)
        else:
            Probe(file, places, monotonic() + seconds, (), buffers.take).dump(value)
    except OutOfTime:
        found = find_culprit(value, name, None, places)
        if found is None:
            return _dumps(value, name, places, None)
        raise PicklingError(*found) from None
    except Exception as error:
        found = find_culprit(value, name, error, places) or (name, str(error))
        raise PicklingError(*found) from error
    return buffers.joined(file.getvalue())


class _Buffers:
    """Large buffers, kept out of a pickle: what fails after them need not wait for their copies."""

    def __init__(self) -> None:
        self._taken: list[pickle.PickleBuffer] = []

    def take(self, buffer: pickle.PickleBuffer) -> bool:
        """Take a buffer; true if it is to go into the pickle instead."""
        if memoryview(buffer).nbytes < LARGE:
            return True
        self._taken.append(buffer)
        return False

    def joined(self, data: bytes) -> bytes:
        """A pickle of the pickle with its buffers."""
        return pickle.dumps(_Joined(data, self._taken), 5) if self._taken else data


class _Joined(NamedTuple):
    data: bytes
    buffers: list[pickle.PickleBuffer]

    def __reduce__(self) -> tuple[Any, ...]:
        return _apart, tuple(self)


def _apart(data: bytes, buffers: list[Any]) -> Any:
    return _Unpickler(io.BytesIO(data), buffers=buffers).load()


def loads(data: bytes) -> Any:
    """Make again what `dumps` pickled.

    Raises:
        PicklingError: a class or function cannot be imported here; it is named,
            and what to do.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except ImportError as error:  # of a module that is itself part of the data
        raise _not_importable(error.name or "a module", error) from error


def travel(nodes: Mapping[str, Node]) -> bytes:
    """Pickle nodes, by id; what they share stays shared.

    `Node.cleanup` is called first, so that nodes let go of what they hold, also
    where `Node.initialize` was not called; it is called again, after
    `initialize`, where they arrive.

    Raises:
        PicklingError: part of a node cannot travel, or its `cleanup` failed.
    """
    for id, node in nodes.items():
        _clean_up(id, node)
    try:
        return dumps(dict(nodes), "")
    except PicklingError as error:
        raise _blamed(error, nodes) from error.__cause__


def _clean_up(id: str, node: Node) -> None:
    try:
        result = node.cleanup()
        if inspect.isawaitable(result):
            # This thread may have a loop that runs; it is to wait all the same.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, _completed(result)).result()
    except Exception as error:
        reason = (
            f"it failed: {type(error).__name__}: {error} (cleanup of node {id!r} is called "
            "before the node travels, whether or not it was initialized)"
        )
        raise PicklingError(f"{_name_of(node)}.cleanup", reason) from error


async def _completed(waiting: Awaitable[Any]) -> None:
    await waiting


def _blamed(error: PicklingError, nodes: Mapping[str, Node]) -> PicklingError:
    """The error with the node's name and id, instead of its place among the others."""
    for id, node in nodes.items():
        found, begin, rest = error.path.partition(f"[{id!r}]")
        if begin and not found:
            advice = "could make it in initialize() and drop it in cleanup()"
            if isinstance(node, FunctionNode):
                advice = "could make it when it is first called"
            return PicklingError(f"{_name_of(node)}{rest}", f"{error.reason}; node {id!r} {advice}")
    return PicklingError(error.path or "nodes", error.reason)


def _name_of(node: Node) -> str:
    return node.__name__ if isinstance(node, FunctionNode) else type(node).__name__


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError) as error:
            raise _not_importable(f"{module}.{name}", error) from error


def _not_importable(path: str, error: Exception) -> PicklingError:
    return PicklingError(
        path,
        f"it cannot be imported there ({error}); install its module where both processes find "
        "it, add its folder to PYTHONPATH, or define it in the program itself, from where it "
        "travels whole",
    )
