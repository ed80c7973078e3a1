"""Culprits: what cannot travel is named by the way to it, and in words."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import functools
import queue
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow import culprit, pickling
from streamflow.errors import PicklingError
from streamflow.pickling import dumps, loads
from tests.support.travellers import (
    LOCK,
    Detect,
    Listed,
    Mapped,
    Names,
    Pair,
    Record,
    Slotted,
    Thing,
    has_default,
    keeps,
    local_class,
    uses_global,
)


def refusal(value: Any, name: str = "Detect") -> tuple[str, str]:
    """Path and reason of the error that pickling it raises."""
    with pytest.raises(PicklingError) as caught:
        dumps(value, name)
    return caught.value.path, caught.value.reason


def counting() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Detect(model=Thing(session=Thing(lock=LOCK))), "Detect.model.session.lock"),
        (Detect(callbacks=[1, print, LOCK]), "Detect.callbacks[2]"),
        (Detect(table={"key": Thing(lock=LOCK)}), "Detect.table['key'].lock"),
        (Detect(pair=(1, (2, LOCK))), "Detect.pair[1][1]"),
        (Detect(queue=collections.deque([LOCK])), "Detect.queue[0]"),
        (Detect(slotted=Slotted(1, LOCK)), "Detect.slotted.second"),
        (Detect(record=Record("a", [LOCK])), "Detect.record.value[0]"),
        (Detect(pair=Pair(1, LOCK)), "Detect.pair.right"),
        (Detect(names=Names(a=LOCK)), "Detect.names.data['a']"),
        (Detect(listed=Listed([1, LOCK])), "Detect.listed[1]"),
        (Detect(mapped=Mapped(a=LOCK)), "Detect.mapped['a']"),
        (Detect(hook=Thing(lock=LOCK).method), "Detect.hook.__self__.lock"),
        (Detect(hook=keeps(LOCK)), "Detect.hook.<closure>.value"),
        (Detect(hook=keeps(keeps([LOCK]))), "Detect.hook.<closure>.value.<closure>.value[0]"),
        (Detect(hook=has_default()), "Detect.hook.<default>.chooser"),
        (Detect(hook=uses_global()), "Detect.hook.<globals>.LOCK"),
        (Detect(hook=functools.partial(print, LOCK)), "Detect.hook.args[0]"),
        (Detect(hook=functools.partial(dict, end=LOCK)), "Detect.hook.keywords['end']"),
        (Detect(hook=functools.partial(keeps(LOCK))), "Detect.hook.func.<closure>.value"),
        (Detect(keys={(1, LOCK): 2}), "Detect.keys.<key (1, <unlocked"),
        (Detect(locks={LOCK}), "Detect.locks.<element <unlocked"),
        (Detect(shared=local_class()()), "Detect.shared.lock"),
        (Detect(cls=local_class()), "Detect.cls.lock"),
        (Detect(array=np.array([None, LOCK])), "Detect.array.__getstate__()[4][1]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_travel_is_named_by_the_way_to_it(value: Any, path: str) -> None:
    named, reason = refusal(value)

    assert named.startswith(path)
    assert reason == "a lock"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: open(__file__), "an open file"),  # noqa: PTH123, SIM115
        (lambda: open(__file__, "rb"), "an open file"),  # noqa: PTH123, SIM115
        (socket.socket, "a socket"),
        (counting, "a generator"),
        (threading.RLock, "a lock"),
        (threading.Condition, "a lock"),
        (threading.Event, "an event between threads"),
        (threading.local, "data of one thread"),
        (threading.Thread, "a thread"),
        (queue.Queue, "a queue between threads"),
        (queue.SimpleQueue, "a queue between threads"),
        (concurrent.futures.ThreadPoolExecutor, "an executor"),
        (concurrent.futures.Future, "a future"),
        (asyncio.new_event_loop, "an event loop"),
        (lambda: sqlite3.connect(":memory:"), "a database connection"),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "",
)
def test_what_it_is_that_cannot_travel_is_said_in_words(
    make: Callable[[], Any], words: str
) -> None:
    thing = make()

    found = refusal(Detect(thing=thing))

    getattr(thing, "close", int)()
    assert found == ("Detect.thing", words)


def test_a_file_that_is_closed_does_not_travel_either() -> None:
    with Path(__file__).open() as file:
        pass

    assert refusal(Detect(file=file)) == ("Detect.file", "a closed file")


def test_a_file_that_does_not_travel_is_left_where_it_was_read_to() -> None:
    with Path(__file__).open() as file:
        file.read(3)

        refusal(Detect(file=file))

        assert file.tell() == 3


def test_another_type_gives_its_own_reason() -> None:
    class Stubborn:
        def __reduce__(self) -> Any:
            raise ValueError("not today")

    class Silent:
        def __getstate__(self) -> Any:
            raise LookupError

    assert refusal(Detect(a=Stubborn())) == ("Detect.a", "ValueError: not today")
    assert refusal(Detect(a=Silent())) == ("Detect.a", "LookupError: LookupError")
    assert refusal(Detect(a=sys._getframe())) == ("Detect.a", "a stack frame")
    assert refusal(Detect(a=memoryview(b"").__iter__()))[1].startswith("cannot pickle ")


def test_a_key_without_a_repr_does_not_stop_the_search() -> None:
    class Nameless:
        def __repr__(self) -> str:
            raise ValueError

    path, reason = refusal(Detect(table={Nameless(): LOCK}))

    assert path.startswith("Detect.table[<Nameless instance")
    assert reason == "a lock"


def test_what_the_methods_of_a_local_class_hold_is_named_through_the_object() -> None:
    lock = LOCK

    class Local:
        @property
        def locked(self) -> bool:
            return lock.locked()

        @staticmethod
        def never() -> Any:
            return later

        @classmethod
        def also(cls) -> Any:
            return cls.also

    assert refusal(Detect(local=Local()))[0] == "Detect.local.locked.<closure>.lock"
    later = LOCK


def test_the_original_error_is_the_cause() -> None:
    with pytest.raises(PicklingError) as caught:
        dumps(LOCK, "lock")

    assert isinstance(caught.value.__cause__, TypeError)
    assert str(caught.value) == "lock cannot travel to another process: a lock"


def test_what_is_kept_from_being_pickled_is_not_blamed() -> None:
    class Careful:
        def __init__(self) -> None:
            self.lock, self.rest = LOCK, [1, {2: threading.Lock()}]

        def __getstate__(self) -> Any:
            return {"rest": self.rest}

    assert refusal(Detect(careful=Careful())) == ("Detect.careful.rest[1][2]", "a lock")


def test_what_an_object_makes_only_to_be_pickled_is_named_too() -> None:
    class Reduced:
        def __init__(self) -> None:
            self.inner = Thing(lock=LOCK)

        def __reduce__(self) -> Any:
            return Thing, (1, self.inner, [LOCK])

    class Stated:
        def __getstate__(self) -> Any:
            return Thing(lock=LOCK)

    assert refusal(Reduced())[0] == "Detect.inner.lock"
    assert refusal(Stated())[0] == "Detect.__getstate__().lock"


def test_a_culprit_in_a_circle_is_found_and_the_circle_is_not_followed() -> None:
    node, first = Detect(), Thing()
    vars(first).update(back=node, list=[node], itself=first)
    vars(node).update(first=first, last=Thing(back=node, lock=LOCK))

    assert refusal(node) == ("Detect.last.lock", "a lock")


def test_a_culprit_is_found_beside_any_amount_of_data() -> None:
    node = Detect(data=[[number] for number in range(300_000)], array=np.ones(2**24), lock=LOCK)

    assert refusal(node) == ("Detect.lock", "a lock")


def test_a_search_that_is_out_of_time_tells_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(culprit, "SECONDS", 0)

    found = refusal(Detect(lock=LOCK))

    assert found == ("Detect", "cannot pickle '_thread.lock' object")


def test_a_part_that_takes_too_long_is_guilty_if_all_others_are_innocent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(culprit, "BUDGETS", (0,))
    parts = [[number] for number in range(300)]

    found = refusal(Detect(a=1, innocent=[[2]], large=[*parts, LOCK]))

    assert found == ("Detect.large[300]", "a lock")


def test_what_is_large_is_searched_before_all_of_it_is_pickled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pickling, "QUICK", 0)
    large = [[number] for number in range(300)]

    assert refusal(Detect(large=large, lock=LOCK)) == ("Detect.lock", "a lock")
    assert loads(dumps(large, "large")) == large


def test_what_is_nested_too_deeply_says_so() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]

    assert refusal(nested) == ("Detect", "it is nested too deeply")


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda inner: Thing(before=[1], inner=inner),
    "list": lambda inner: [Thing(), inner],
    "dict": lambda inner: {1: "a", "key": inner},
    "tuple": lambda inner: (inner, Thing()),
    "slot": lambda inner: Slotted(Thing(), inner),
}


@given(st.lists(st.sampled_from(sorted(WRAPPERS)), max_size=6))
def test_the_way_that_is_told_leads_to_the_culprit(steps: list[str]) -> None:
    whole: Any = LOCK
    for step in steps:
        whole = WRAPPERS[step](whole)

    path, reason = refusal(whole, "whole")

    assert eval(path) is LOCK  # noqa: S307 - that it is Python is the point
    assert reason == "a lock"
