"""What a ring drops and what it never does, and how it goes in batches."""

from __future__ import annotations

import pytest

from streamflow.ipc.backend import Policy, Rings
from streamflow.ipc.layout import ALONE, SMALL
from tests.support.rings import everything, join, joined, taken


def numbers(payloads: list[bytes]) -> list[int]:
    return [payload[0] for payload in payloads]


def test_drop_oldest_keeps_the_newest_that_depth_allows(ring: Rings) -> None:
    producer = ring.Producer(12, 10, leases=2)
    number, consumer = joined(ring, producer, Policy.DROP_OLDEST, 3)

    sent = [producer.send(bytes([n])) for n in range(40)]
    waiting = producer.pending(number), consumer.pending()

    assert sent == list(range(40))
    assert waiting == (3, 3)
    assert numbers(everything(consumer)) == [37, 38, 39]
    assert consumer.lost == 37 == producer.lost(number)


def test_drop_oldest_without_depth_keeps_what_there_is_room_for(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer, Policy.DROP_OLDEST)

    sent = [producer.send(bytes([n])) for n in range(40)]
    got = numbers(everything(consumer))

    assert sent == list(range(40))
    assert got == list(range(40 - len(got), 40))
    assert len(got) >= 7
    assert consumer.lost == 40 - len(got) == producer.lost(number)


def test_latest_sees_only_the_newest(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer, Policy.LATEST)

    for n in range(5):
        producer.send(bytes([n]))
    first = numbers(everything(consumer))
    producer.send(b"\x05")
    second = numbers(everything(consumer))

    assert (first, second) == ([4], [5])
    assert consumer.lost == 4 == producer.lost(number)
    assert consumer.policy == Policy.LATEST


@pytest.mark.parametrize("policy", [Policy.DROP_OLDEST, Policy.LATEST])
def test_what_a_lossy_consumer_holds_is_never_taken_from_it(ring: Rings, policy: Policy) -> None:
    producer = ring.Producer(8, 10, leases=3)
    consumer = join(ring, producer, policy)
    producer.send(b"\x00")
    held = consumer.take()

    sent = [producer.send(bytes([n])) for n in range(1, 60)]

    assert sent == list(range(1, 60))
    assert held is not None
    assert held.array().tobytes() == b"\x00"


def test_a_lossy_consumer_takes_nothing_from_one_that_blocks(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=2)
    lossy = join(ring, producer, Policy.DROP_OLDEST, 4)
    blocking = join(ring, producer, Policy.BLOCK, 6)

    sent = [producer.send(bytes([n])) for n in range(8)]

    assert sent == [0, 1, 2, 3, 4, 5, -1, -1]
    assert numbers(everything(blocking)) == [0, 1, 2, 3, 4, 5]
    assert numbers(everything(lossy)) == [2, 3, 4, 5]


def test_a_batch_goes_as_far_as_there_is_credit(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=2)
    consumer = join(ring, producer, depth=5)

    sent = producer.send_batch(
        [bytes([n]) for n in range(8)], kind=3, flags=4, schema=5, pts=list(range(-2, 6))
    )
    first = consumer.take_batch(2)
    rest = consumer.take_batch(100)

    assert sent == 5
    assert first == [(b"\x00", -2, 3, 4, 5), (b"\x01", -1, 3, 4, 5)]
    assert [item[0][0] for item in rest] == [2, 3, 4]
    assert consumer.take_batch(10) == [] == consumer.take_batch(0)
    assert producer.send_batch([]) == 0
    assert producer.send_batch([b"a", b"b"]) == 2
    assert [item[:2] for item in consumer.take_batch(9)] == [(b"a", 0), (b"b", 0)]


def test_a_batch_needs_as_many_pts_as_payloads(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)

    for pts in ([1], [1, 2, 3], [1, 2**63]):
        with pytest.raises((ValueError, OverflowError)):
            producer.send_batch([b"a", b"b"], pts=pts)

    assert consumer.pending() == 0


def test_a_batch_holds_no_lease(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=1)
    number, consumer = joined(ring, producer, depth=4)
    producer.send_batch([b"a", b"b", b"c"])

    held = consumer.take()
    items = consumer.take_batch(5)

    assert held is not None
    assert consumer.leases_free == 0
    assert [item[0] for item in items] == [b"b", b"c"]
    assert producer.leased(number) == [0]


@pytest.mark.parametrize("policy", list(Policy))
def test_a_batch_stops_before_what_is_long_or_wants_to_be_alone(
    ring: Rings, policy: Policy
) -> None:
    producer = ring.Producer(16, SMALL + 1, leases=2)
    consumer = join(ring, producer, policy, 4)
    small, long = b"s" * SMALL, b"l" * (SMALL + 1)

    for payload, flags in ((small, 0), (long, 0), (b"alone", ALONE), (small, ALONE ^ 0xFFFF)):
        producer.send(payload, flags=flags)
        first, second = consumer.take_batch(9), consumer.take_batch(9)
        if payload is small:
            assert [item[0] for item in first] == [small]
        else:
            assert first == second == []
            assert consumer.pending() == 1
            assert not consumer.arm()
            assert taken(consumer) == payload

    assert consumer.pending() == 0
    assert consumer.lost == 0


def test_what_a_batch_stopped_before_is_dropped_for_something_newer(ring: Rings) -> None:
    producer = ring.Producer(16, SMALL + 1, leases=2)
    number, consumer = joined(ring, producer, Policy.LATEST)

    producer.send(b"a" * (SMALL + 1))
    assert consumer.take_batch(1) == []
    producer.send(b"new")

    assert taken(consumer) == b"new"
    assert consumer.lost == 1 == producer.lost(number)


@pytest.mark.parametrize("policy", [Policy.DROP_OLDEST, Policy.LATEST])
def test_a_batch_follows_the_policy(ring: Rings, policy: Policy) -> None:
    producer = ring.Producer(16, 10, leases=2)
    consumer = join(ring, producer, policy, 3)

    for n in range(50):
        producer.send(bytes([n]))
    items = consumer.take_batch(10)

    assert [item[0][0] for item in items] == ([49] if policy is Policy.LATEST else [47, 48, 49])
    assert consumer.lost == 50 - len(items)
