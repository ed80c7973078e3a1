"""Generations: a ring that has become too small is followed by another, and nobody notices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamflow.ipc.layout import Policy
from streamflow.ipc.receiver import EMPTY, Control, Receiver
from streamflow.ipc.shared import SharedPool
from tests.support.ends import Ends, open_fds, picture, shows, taken


def test_a_larger_value_begins_a_ring_with_slots_twice_as_large_at_least(ends: Ends) -> None:
    sender = ends.sender(slot_size=1000)
    receiver = ends.join(sender)
    sizes = [10, 1100, 10, 5000, 1 << 20, 3]

    for size in sizes:
        assert sender.try_send(b"x" * size)

    producer = sender._generations.current.producer
    assert [len(value) for value in taken(receiver)] == sizes
    assert producer.generation == 3
    assert producer.slot_size >= 1 << 20


def test_the_old_ring_is_finished_before_the_new_one_begins(ends: Ends) -> None:
    sender = ends.sender(slots=4, slot_size=100)
    receiver = ends.join(sender)

    for number in range(4):
        sender.try_send(number)
    sender.try_send(b"x" * 5000)
    sender.send_event(b"event")
    sender.try_send(4)

    values = taken(receiver)
    assert values == [0, 1, 2, 3, b"x" * 5000, Control(b"event", False), 4]


def test_what_is_held_of_an_old_ring_stays_what_it_is(ends: Ends) -> None:
    sender = ends.sender(slots=2, slot_size=100_000)
    receiver = ends.join(sender)
    sender.try_send(picture(1))
    old = receiver.try_take()

    for number in range(2, 20):
        sender.try_send(picture(number, 60 * number))
        taken(receiver)

    assert shows(old) == 1


def test_old_rings_are_freed_once_everybody_is_through(ends: Ends) -> None:
    sender = ends.sender(slot_size=100)
    receivers = [ends.join(sender) for _ in range(2)]
    sender.try_send(b"x" * 200)
    for receiver in receivers:
        taken(receiver)
    sender.reap()
    before = open_fds()

    for size in (1000, 10_000, 100_000):
        sender.try_send(b"x" * size)
        for receiver in receivers:
            taken(receiver)
    sender.reap()

    assert len(list(sender._generations)) == 1
    assert open_fds() == before


def test_a_receiver_that_dies_holds_no_old_ring(ends: Ends) -> None:
    sender = ends.sender(slot_size=100)
    idle, busy = ends.join(sender), ends.join(sender)
    sender.try_send("small")
    sender.try_send(b"x" * 1000)
    before = len(list(sender._generations))

    idle.close()
    values = taken(busy)
    sender.reap()

    assert before == 2
    assert values == ["small", b"x" * 1000]
    assert len(list(sender._generations)) == 1


def test_a_late_receiver_joins_the_present_ring(ends: Ends) -> None:
    sender = ends.sender(slot_size=100)
    early = ends.join(sender)
    sender.try_send(b"x" * 1000)

    late = ends.join(sender)
    sender.try_send(b"y" * 1000)

    assert taken(early) == [b"x" * 1000, b"y" * 1000]
    assert taken(late) == [b"y" * 1000]


def test_losses_are_counted_across_rings(ends: Ends) -> None:
    sender = ends.sender(slots=4, slot_size=100)
    receiver = ends.join(sender, Policy.DROP_OLDEST, 2)

    for number in range(5):
        sender.try_send(number)
    for number in range(5):
        sender.try_send(bytes([number]) * 1000)
    values = taken(receiver)
    sender.reap()

    assert [value if isinstance(value, int) else value[0] for value in values] == [3, 4, 3, 4]
    assert receiver.lost == sender.lost(0) == 6


def test_what_is_referred_to_is_kept_until_the_old_ring_lets_go(ends: Ends) -> None:
    pool = SharedPool()
    sender = ends.sender(slot_size=8192, pool=pool, references=True)
    receiver = ends.join(sender)
    sender.try_send(picture(9))
    frame = receiver.try_take()

    sender.try_send(b"x" * 100_000)
    taken(receiver)
    sender.drain()
    during = sender.lent, shows(frame)
    del frame
    sender.drain()

    assert during == (1, 9)
    assert sender.lent == 0


class History:
    """A sender and its receivers, with what each should get and what it got."""

    def __init__(self) -> None:
        self.ends = Ends()
        self.sender = self.ends.sender(slots=5, slot_size=100, leases=2)
        self.receivers: list[Receiver] = []
        self.wanted: list[list[Any]] = []
        self.got: list[list[Any]] = []
        self.number = 0
        self.join(5)

    def note(self, *values: Any) -> None:
        for wanted in self.wanted:
            wanted.extend(values)

    def send(self, size: int) -> None:
        value = self.number, np.full(size, self.number, np.uint8).tobytes()
        self.number += 1
        if self.sender.try_send(value):
            self.note(value)

    def batch(self, count: int) -> None:
        self.note(*range(self.sender.try_send_batch(list(range(count)))))

    def event(self, number: int) -> None:
        self.sender.send_event(b"%d" % number)
        self.note(Control(b"%d" % number, False))

    def join(self, depth: int) -> None:
        if len(self.receivers) < 5:
            self.receivers.append(self.ends.join(self.sender, depth=depth))
            self.wanted.append([])
            self.got.append([])

    def take(self, count: int) -> None:
        for receiver, got in zip(self.receivers, self.got, strict=True):
            values = [receiver.try_take() for _ in range(count)]
            got.extend(value for value in values if value is not EMPTY)

    def many(self, count: int) -> None:
        for receiver, got in zip(self.receivers, self.got, strict=True):
            got.extend(receiver.take_many(count))

    def finish(self) -> bool:
        self.sender.finish()
        for receiver, got in zip(self.receivers, self.got, strict=True):
            got.extend(taken(receiver))
        ended = all(receiver.closed for receiver in self.receivers)
        self.ends.close()
        return ended


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 40_000)),
    st.tuples(st.just("batch"), st.integers(1, 12)),
    st.tuples(st.just("event"), st.integers(0, 99)),
    st.tuples(st.just("take"), st.integers(1, 5)),
    st.tuples(st.just("many"), st.integers(1, 70)),
    st.tuples(st.just("join"), st.integers(1, 3)),
)


@pytest.mark.usefixtures("backend_in_use")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=40))
def test_nothing_is_lost_and_order_is_kept_whatever_happens(steps: list[tuple[str, int]]) -> None:
    history = History()

    for step, count in steps:
        getattr(history, step)(count)
    ended = history.finish()

    assert history.got == history.wanted
    assert ended
