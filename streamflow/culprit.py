"""Culprits: finds what keeps something from being pickled, and names the way to it.

What cannot be pickled has a part that cannot, or is itself the culprit; so the
search goes down, one part at a time, and tries each. It never waits for long:
a part that takes its time is tried again when the others are found innocent, and
when the time is over, the way as far as it is known is the answer.
"""

from __future__ import annotations

import copyreg
import reprlib
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from time import monotonic
from types import CodeType, FunctionType, MethodType
from typing import Any, Final, NamedTuple

from streamflow.pickler import PROTOCOL, OutOfTime, Places, Probe

SECONDS: Final = 1.5
"""That a search may take."""

BUDGETS: Final = (0.01, 0.1, 0.5)
"""Seconds for each part, in the first round, the second and the last."""

DEEPEST: Final = 200
"""Steps from the whole to the culprit; pickle gives up a little later."""

WIDEST: Final = 100_000
"""Parts of one object that are looked at."""

ATOMS: Final = {int, float, complex, str, bytes, bytearray, bool, type(None), type(...)}

WORDS: Final = {
    "_asyncio.Future": "a future",
    "_asyncio.Task": "a task",
    "_io._IOBase": "an open file",
    "_queue.SimpleQueue": "a queue between threads",
    "_socket.socket": "a socket",
    "_thread._local": "data of one thread",
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "builtins.async_generator": "an async generator",
    "builtins.coroutine": "a coroutine",
    "builtins.frame": "a stack frame",
    "builtins.generator": "a generator",
    "builtins.traceback": "a traceback",
    "concurrent.futures._base.Executor": "an executor",
    "concurrent.futures._base.Future": "a future",
    "mmap.mmap": "mapped memory",
    "multiprocessing.synchronize.SemLock": "a lock",
    "queue.Queue": "a queue between threads",
    "queue.SimpleQueue": "a queue between threads",
    "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database cursor",
    "ssl.SSLContext": "a TLS context",
    "subprocess.Popen": "a running process",
    "threading.Barrier": "a lock",
    "threading.Condition": "a lock",
    "threading.Event": "an event between threads",
    "threading.Semaphore": "a lock",
    "threading.Thread": "a thread",
    "weakref.ReferenceType": "a weak reference",
}
"""What it is, by the names of classes."""


class Part(NamedTuple):
    """Something inside something else, and what is written after that to name it."""

    suffix: str
    value: Any


def find_culprit(
    whole: Any, name: str, error: Exception | None, places: Places
) -> tuple[str, str] | None:
    """Find out why something cannot be pickled.

    Args:
        whole: what cannot.
        name: of it.
        error: what pickling it raised; None if it took too long to find out.
        places: what it was pickled with.

    Returns:
        The way to the culprit, such as ``Detect.callbacks[2]``, and what it is;
        None if there is none, as far as can be told in the time.
    """
    if error is not None and "recursion" in str(error):
        return name, "it is nested too deeply"
    search = _Search(places)
    path, value = name, whole
    for _ in range(DEEPEST):
        # Only who is proven guilty: of its kind, one may have learnt to travel.
        if error is not None and (words := what_is(value)) is not None:
            return path, words
        found = search.guilty_part(value)
        if found is None:
            break
        part, reason = found
        path, value, error = path + part.suffix, part.value, reason or error
    return None if error is None else (path, _reason(error))


def what_is(value: Any) -> str | None:
    """What a thing is, in words, if it is of a kind that never travels."""
    for cls in type(value).__mro__:
        words = WORDS.get(f"{cls.__module__}.{cls.__qualname__}")
        if words == "an open file" and value.closed:
            return "a closed file"
        if words is not None:
            return words
    return None


def _reason(error: Exception) -> str:
    words = str(error) or type(error).__name__
    # Pickle's own words name the type; those of somebody's __reduce__ may say anything.
    of_pickle = isinstance(error, TypeError) or type(error).__name__ == "PicklingError"
    return words if of_pickle else f"{type(error).__name__}: {words}"


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)


def _nothing(buffer: Any) -> None:
    """Take a buffer, and leave it where it is."""


class _Search:
    def __init__(self, places: Places) -> None:
        self._places, self._deadline = places, monotonic() + SECONDS
        # Alive as long as their ids are in use.
        self._way: dict[int, Any] = {}

    def guilty_part(self, value: Any) -> tuple[Part, Exception | None] | None:
        """The first part found that cannot be pickled, and why, if that is known."""
        self._way[id(value)] = value
        waiting = [
            part
            for part in islice(parts_of(value), WIDEST)
            if type(part.value) not in ATOMS and id(part.value) not in self._way
        ]
        for budget in BUDGETS:
            later: list[Part] = []
            for part in waiting:
                if monotonic() > self._deadline:
                    return None
                try:
                    self._try(part.value, budget)
                except OutOfTime:
                    later.append(part)
                except Exception as error:
                    return part, error
            waiting = later
        # If all others are innocent, it is.
        return (waiting[0], None) if len(waiting) == 1 else None

    def _try(self, value: Any, budget: float) -> None:
        deadline = min(monotonic() + budget, self._deadline)
        Probe(_Nowhere(), self._places, deadline, self._way, _nothing).dump(value)


def parts_of(value: Any) -> Iterable[Part]:
    """What pickling something pickles next, by name."""
    kind = _kind(value)
    if kind in PARTS:
        return PARTS[kind](value)
    if issubclass(kind, type):
        return _parts_of_class(value)
    if hasattr(kind, "_fields") and issubclass(kind, tuple):
        return (Part(f".{name}", item) for name, item in value._asdict().items())
    return _parts_of_object(value)


def _parts_of_mapping(mapping: Mapping[Any, Any]) -> Iterator[Part]:
    return _parts_of_pairs(mapping.items())


def _parts_of_pairs(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Part]:
    for key, item in pairs:
        yield Part(f"[{reprlib.repr(key)}]", item)
        yield Part(f".<key {reprlib.repr(key)}>", key)


def _parts_of_sequence(items: Iterable[Any]) -> Iterator[Part]:
    return (Part(f"[{index}]", item) for index, item in enumerate(items))


def _parts_of_set(items: Iterable[Any]) -> Iterator[Part]:
    return (Part(f".<element {reprlib.repr(item)}>", item) for item in items)


def _parts_of_method(method: MethodType) -> Iterator[Part]:
    yield Part(".__self__", method.__self__)
    yield Part(".__func__", method.__func__)


def _parts_of_partial(call: partial[Any]) -> Iterator[Part]:
    yield Part(".func", call.func)
    yield from (Part(f".args{suffix}", item) for suffix, item in _parts_of_sequence(call.args))
    yield from (Part(f".keywords[{name!r}]", item) for name, item in call.keywords.items())


def _parts_of_wrapped(wrapper: Any) -> Iterator[Part]:
    # A method of a class, or the functions of a property: its name has been written already.
    for name in ("__func__", "fget", "fset", "fdel"):
        yield Part("", getattr(wrapper, name, None))


def _parts_of_function(function: FunctionType) -> Iterator[Part]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield Part(f".<closure>.{name}", cell.cell_contents)
        except ValueError:  # not bound yet
            continue
    defaults = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    for name, default in zip(reversed(names), reversed(defaults), strict=False):
        yield Part(f".<default>.{name}", default)
    for name, default in (function.__kwdefaults__ or {}).items():
        yield Part(f".<default>.{name}", default)
    for name in sorted(_names_in(code)):
        if name in function.__globals__:
            yield Part(f".<globals>.{name}", function.__globals__[name])
    yield from (Part(f".{name}", item) for name, item in vars(function).items())


def _names_in(code: CodeType) -> set[str]:
    inner = (_names_in(const) for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*inner)


def _parts_of_class(cls: type) -> Iterator[Part]:
    yield from (Part(f".__bases__[{index}]", base) for index, base in enumerate(cls.__bases__))
    for name, item in vars(cls).items():
        # What cloudpickle leaves behind.
        if name not in ("__dict__", "__weakref__", "_abc_impl"):
            yield Part(f".{name}", item)


def _parts_of_object(value: Any) -> Iterator[Part]:
    """Parts as its own way of pickling gives them, by the names of its attributes."""
    kind = _kind(value)
    try:
        reduce = copyreg.dispatch_table.get(kind)
        reduced: Any = value.__reduce_ex__(PROTOCOL) if reduce is None else reduce(value)
    except Exception:
        return
    if not _is(reduced, tuple):  # a name
        return
    filled: list[Any] = [*list(reduced), None, None, None]
    make, args, state, items, pairs, *_ = filled
    names = {id(item): f".{name}" for name, item in _attributes(value)}
    yield from _parts_of_state(state, names)
    for index, item in enumerate(args):
        # What stands in its class is found through the object too.
        suffix = "" if item is kind else f".__reduce__()[1][{index}]"
        yield Part(names.get(id(item), suffix), item)
    yield from _parts_of_sequence(items or ())
    yield from _parts_of_pairs(pairs or ())
    yield Part(".__reduce__()[0]", make)


def _parts_of_state(state: Any, names: dict[int, str]) -> Iterator[Part]:
    # What a class without __getstate__ gives: attributes, or attributes and slots.
    states: Any = state if _is(state, tuple) and len(state) == 2 else (state,)
    if all(_is(part, dict, type(None)) for part in states):
        for part in filter(None, states):
            yield from (Part(f".{name}", item) for name, item in part.items())
    elif _is(state, list, tuple):
        for index, item in enumerate(state):
            yield Part(names.get(id(item), f".__getstate__()[{index}]"), item)
    else:
        yield Part(names.get(id(state), ".__getstate__()"), state)


def _kind(value: object) -> type[Any]:
    return type(value)


def _is(value: object, *kinds: type) -> bool:
    return type(value) in kinds


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)


PARTS: Final[dict[type, Callable[[Any], Iterable[Part]]]] = {
    **dict.fromkeys((dict, OrderedDict, defaultdict), _parts_of_mapping),
    **dict.fromkeys((list, tuple, deque), _parts_of_sequence),
    **dict.fromkeys((set, frozenset), _parts_of_set),
    **dict.fromkeys((classmethod, property, staticmethod), _parts_of_wrapped),
    FunctionType: _parts_of_function,
    MethodType: _parts_of_method,
    partial: _parts_of_partial,
}
"""How the parts of a thing are found, by its very type."""
