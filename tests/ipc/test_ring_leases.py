"""Leases: a slot is kept while anything looks at it, and no longer."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from streamflow.errors import IpcError
from streamflow.ipc.backend import Consumer, Lease, Rings
from tests.support.rings import descriptors, join, joined, taken


def take(consumer: Consumer) -> Lease:
    lease = consumer.take()
    assert lease is not None
    return lease


def test_no_more_is_taken_than_there_are_leases(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=3)
    number, consumer = joined(ring, producer, depth=8)
    producer.send_batch([bytes([n]) for n in range(6)])

    leases = [take(consumer) for _ in range(3)]
    none = consumer.take()
    leases[1].release()
    fourth = take(consumer)

    assert none is None
    assert fourth.seq == 3
    assert producer.leased(number) == [0, 2, 3]
    assert (consumer.leases_free, consumer.pending()) == (0, 2)


def test_a_released_lease_shows_nothing_any_more(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    producer.send(b"x")
    lease = take(consumer)

    lease.release()
    lease.release()

    with pytest.raises(IpcError, match="released"):
        lease.array()
    with pytest.raises(IpcError, match="released"):
        lease.adopt(np.zeros(1))
    assert consumer.leases_free == 2
    assert (lease.seq, lease.length) == (0, 1)


def test_a_lease_is_not_released_while_an_array_of_it_lives(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer)
    producer.send(b"x")
    lease = take(consumer)
    array = lease.array()

    with pytest.raises(BufferError):
        lease.release()
    still = array.tobytes(), producer.leased(number)
    del array
    lease.release()

    assert still == (b"x", [0])
    assert producer.leased(number) == []


MADE: dict[str, Callable[[npt.NDArray[np.uint8]], object]] = {
    "slice": lambda array: array[2:8][1:],
    "memoryview": lambda array: array[3:].data,
    "arrow": lambda array: cast("object", pa.py_buffer(array[8:])),
    "reshaped": lambda array: array.reshape(4, 4).view(np.uint32).T,
    "array": lambda array: array,
}


@pytest.mark.parametrize("what", sorted(MADE))
def test_whatever_is_made_of_an_array_keeps_the_slot(ring: Rings, what: str) -> None:
    producer = ring.Producer(8, 16, leases=2)
    number, consumer = joined(ring, producer)
    producer.send(bytes(range(16)))
    lease = take(consumer)
    kept: object = MADE[what](lease.array())

    del lease
    gc.collect()
    held = producer.leased(number), consumer.leases_free
    del kept
    gc.collect()

    assert held == ([0], 1)
    assert (producer.leased(number), consumer.leases_free) == ([], 2)


def test_a_lease_nobody_looks_at_goes_back_by_itself(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=1)
    number, consumer = joined(ring, producer)
    producer.send(b"x")

    lease = take(consumer)
    during = producer.leased(number)
    del lease
    gc.collect()

    assert (during, producer.leased(number)) == ([0], [])


def test_an_adopted_array_keeps_the_slot(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=1)
    number, consumer = joined(ring, producer)
    producer.send(b"x")
    elsewhere = np.zeros(100)

    lease = take(consumer)
    lease.adopt(elsewhere)
    with pytest.raises(BufferError):
        lease.release()
    del lease
    gc.collect()
    during = producer.leased(number)
    del elsewhere

    assert (during, producer.leased(number)) == ([0], [])


def test_an_array_in_a_cycle_gives_the_slot_back(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=1)
    number, consumer = joined(ring, producer)
    producer.send(b"x")
    lease = take(consumer)
    cycle: list[object] = [lease, lease.array()]
    cycle.append(cycle)

    del lease, cycle
    gc.collect()

    assert producer.leased(number) == []


def test_what_was_received_cannot_be_written(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=1)
    consumer = join(ring, producer)
    producer.send(b"x")
    array = take(consumer).array()

    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
    assert array.data.readonly


def test_the_slot_of_a_lease_is_not_written_while_it_lives(ring: Rings) -> None:
    producer = ring.Producer(8, 70_000, leases=2)
    consumer = join(ring, producer, depth=2)
    producer.send(b"a" * 70_000)
    array = take(consumer).array()

    for _ in range(50):
        producer.send(b"b" * 70_000)
        taken(consumer)

    assert array.tobytes() == b"a" * 70_000


def test_a_producer_knows_which_slots_came_back(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer, depth=3)
    slots = [producer.reserve() for _ in range(3)]
    for slot in slots:
        producer.commit(slot, 1)

    before = [producer.holds(slot) for slot in slots], producer.reclaim()
    first, second = take(consumer), take(consumer)
    second.release()
    middle = [producer.holds(slot) for slot in slots], producer.reclaim(), producer.reclaim()
    first.release()
    taken(consumer)

    assert before == ([True] * 3, [])
    assert middle == ([True, False, True], [slots[1]], [])
    assert sorted(producer.reclaim()) == sorted([slots[0], slots[2]])


def test_a_slot_that_is_used_again_did_not_come_back(ring: Rings) -> None:
    producer = ring.Producer(8, 70_000, leases=2)
    consumer = join(ring, producer, depth=3)
    first = producer.reserve()
    producer.commit(first, 1)
    taken(consumer)

    again = producer.reserve()
    producer.commit(again, 1)

    assert again == first
    assert producer.reclaim() == []
    assert producer.holds(first)


def test_leases_may_be_given_back_on_any_thread(ring: Rings) -> None:
    producer = ring.Producer(80, 10, leases=64)
    number, consumer = joined(ring, producer, depth=10)
    leases: list[list[Lease]] = [[] for _ in range(4)]

    def give_back(mine: list[Lease]) -> None:
        while mine:
            mine.pop()

    for round_ in range(20):
        for index in range(64):
            assert producer.send(bytes([round_])) >= 0
            leases[index % 4].append(take(consumer))
        threads = [threading.Thread(target=give_back, args=(mine,)) for mine in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert consumer.leases_free == 64
    assert producer.leased(number) == []


def test_a_ring_may_be_closed_while_leases_die_on_other_threads(ring: Rings) -> None:
    before = descriptors()

    def drop(mine: list[object], go: threading.Event) -> None:
        go.wait()
        while mine:
            mine.pop()

    def once() -> None:
        producer = ring.Producer(12, 10, leases=8)
        number, consumer = joined(ring, producer, depth=2)
        piles: list[list[object]] = [[], []]
        for index in range(8):
            producer.send(b"x")
            piles[index % 2].append(take(consumer).array())
        go = threading.Event()
        threads = [threading.Thread(target=drop, args=(pile, go)) for pile in piles]
        for thread in threads:
            thread.start()
        go.set()
        consumer.close()
        for thread in threads:
            thread.join()
        assert producer.leased(number) == []

    with switching_often():
        for _ in range(50):
            once()

    assert descriptors() == before


@contextmanager
def switching_often() -> Generator[None]:
    """Threads take turns as often as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
