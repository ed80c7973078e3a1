"""Sleeping and waking: nobody sleeps through what it waits for, nor for longer than it said."""

from __future__ import annotations

import select
import threading
import time

import pytest

from streamflow.ipc.backend import Policy, Rings
from tests.support.rings import join, taken


def rung(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_a_consumer_that_waits_is_woken_by_an_item(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    consumer.drain()

    armed, before = consumer.arm(), rung(consumer.fileno())
    producer.send(b"x")
    after = rung(consumer.fileno())
    consumer.drain()

    assert (armed, before, after) == (True, False, True)
    assert not rung(consumer.fileno())
    assert taken(consumer) == b"x"


def test_there_is_nothing_to_wait_for_when_something_is_there(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    producer.send(b"x")

    assert not consumer.arm()
    assert consumer.wait(60)
    assert not producer.arm()
    assert producer.wait(60)


def test_a_consumer_that_waits_is_woken_by_the_end(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    consumer.drain()
    consumer.arm()

    producer.close()

    assert rung(consumer.fileno())
    consumer.drain()
    assert consumer.closed()


@pytest.mark.parametrize("how", ["take", "release", "batch", "leave"])
def test_a_producer_that_waits_is_woken_by_room(ring: Rings, how: str) -> None:
    producer = ring.Producer(4, 10, leases=1)
    consumer = join(ring, producer, depth=1)
    producer.send(b"x")
    lease = consumer.take() if how == "release" else None
    while producer.send(b"x") >= 0:
        pass
    producer.drain()

    armed, before = producer.arm(), rung(producer.fileno())
    if lease is not None:
        lease.release()
    elif how == "leave":
        consumer.close()
    else:
        taken(consumer) if how == "take" else consumer.take_batch(1)
    after = rung(producer.fileno())
    producer.drain()

    assert (armed, before, after) == (True, False, True)
    assert not rung(producer.fileno())


def test_an_armed_producer_is_woken_by_the_next_release_even_if_there_was_room(
    ring: Rings,
) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    producer.send(b"x")
    lease = consumer.take()
    producer.drain()

    armed = producer.arm()
    assert lease is not None
    lease.release()

    assert not armed
    assert rung(producer.fileno())


def test_waiting_ends_with_its_timeout(ring: Rings) -> None:
    producer = ring.Producer(4, 10, leases=1)
    consumer = join(ring, producer, depth=1)
    consumer.drain()

    nothing = consumer.wait(0), consumer.wait(0.001)
    producer.send(b"x")
    producer.drain()
    full = producer.wait(0), producer.wait(0.001)

    assert nothing == (False, False)
    assert full == (False, False)


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan")])
def test_a_timeout_below_zero_is_refused(ring: Rings, timeout: float) -> None:
    producer = ring.Producer(4, 10, leases=1)
    consumer = join(ring, producer, depth=1)

    with pytest.raises(ValueError, match="timeout must be 0 s or more"):
        producer.wait(timeout)
    with pytest.raises(ValueError, match="timeout must be 0 s or more"):
        consumer.wait(timeout)


def test_a_timeout_may_be_for_ever(ring: Rings) -> None:
    producer = ring.Producer(4, 10, leases=1)
    consumer = join(ring, producer, depth=1)
    thread = threading.Thread(target=producer.send, args=(b"x",))

    thread.start()
    while not consumer.wait(float("inf")) or not consumer.pending():
        pass
    thread.join()

    assert taken(consumer) == b"x"


def test_others_run_while_one_waits(ring: Rings) -> None:
    producer = ring.Producer(4, 10, leases=1)
    consumer = join(ring, producer, depth=1)
    consumer.drain()
    begun = threading.Event()
    woken: list[bool] = []

    def wait() -> None:
        begun.set()
        # Longer than the watchdog lets a test run: somebody else must end it.
        woken.append(consumer.wait(600))

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait()
    time.sleep(0)
    producer.send(b"x")
    thread.join()

    assert woken == [True]


@pytest.mark.parametrize("policy", list(Policy))
def test_two_threads_pass_everything_on_however_they_sleep(ring: Rings, policy: Policy) -> None:
    producer = ring.Producer(8, 8, leases=2)
    consumer = join(ring, producer, policy)
    count = 400
    seen: list[int] = []

    def receive() -> None:
        while not consumer.closed():
            lease = consumer.take()
            if lease is None:
                # Longer than the watchdog lets a test run.
                consumer.wait(600)
                continue
            assert int.from_bytes(lease.array().tobytes(), "little") == lease.seq
            seen.append(lease.seq)
            lease.release()

    thread = threading.Thread(target=receive)
    thread.start()
    for number in range(count):
        while producer.send(number.to_bytes(8, "little")) < 0:
            producer.wait(600)
    producer.close()
    thread.join()

    assert seen == sorted(set(seen))
    assert len(seen) + consumer.lost == count
    if policy is Policy.BLOCK:
        assert seen == list(range(count))
