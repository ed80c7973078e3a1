"""What every ring does, whatever it is made of: items, slots, credits, consumers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamflow.ipc.backend import Policy, Rings
from streamflow.ipc.layout import MAX_CONSUMERS
from tests.support.rings import everything, join, joined, taken


def numbers(payloads: list[bytes]) -> list[int]:
    return [payload[0] for payload in payloads]


def test_what_is_sent_is_taken_in_order_with_its_stamps(ring: Rings) -> None:
    producer = ring.Producer(8, 100, leases=2)
    consumer = join(ring, producer)

    sent = [
        producer.send(b"first", pts=-(2**63), kind=65535, flags=65534, schema=2**32 - 1),
        producer.send(b"second", pts=2**63 - 1),
    ]
    first, second = consumer.take(), consumer.take()

    assert sent == [0, 1]
    assert producer.head == 2
    assert first is not None
    assert second is not None
    assert first.array().tobytes() == b"first"
    assert second.array().tobytes() == b"second"
    assert [(x.seq, x.length, x.pts, x.kind, x.flags, x.schema) for x in (first, second)] == [
        (0, 5, -(2**63), 65535, 65534, 2**32 - 1),
        (1, 6, 2**63 - 1, 0, 0, 0),
    ]
    assert consumer.take() is None


@pytest.mark.parametrize("size", [1, 63, 64, 2047, 2048, 4096, 65536, 100_000])
def test_a_payload_may_have_any_length_up_to_the_slot(ring: Rings, size: int) -> None:
    producer = ring.Producer(4, size, leases=1)
    consumer = join(ring, producer)
    payloads = [b"", b"x" * size, np.random.default_rng(size).bytes(size)]

    taken_back: list[bytes | None] = []
    for payload in payloads:
        producer.send(payload)
        taken_back.append(taken(consumer))

    assert taken_back == payloads
    assert (consumer.slots, consumer.slot_size) == (4, size) == (producer.slots, producer.slot_size)


def test_any_contiguous_buffer_can_be_sent(ring: Rings) -> None:
    producer = ring.Producer(8, 100, leases=1)
    consumer = join(ring, producer)
    numbers = np.arange(12, dtype=np.int16).reshape(3, 4)

    producer.send(numbers)
    producer.send(numbers.data)
    producer.send(bytearray(b"abc"))
    producer.send(np.zeros((0, 3)))

    assert everything(consumer) == [numbers.tobytes(), numbers.tobytes(), b"abc", b""]


def test_a_buffer_that_is_not_contiguous_is_refused_and_takes_no_slot(ring: Rings) -> None:
    producer = ring.Producer(4, 100, leases=1)
    join(ring, producer, depth=1)

    for _ in range(10):
        with pytest.raises((TypeError, ValueError, BufferError)):
            producer.send(np.arange(10)[::2])

    assert producer.send(b"still room") == 0


@pytest.mark.parametrize(
    "stamps",
    [
        {"kind": 65536},
        {"kind": -1},
        {"flags": 65536},
        {"schema": 2**32},
        {"schema": -1},
        {"pts": 2**63},
        {"pts": -(2**63) - 1},
    ],
)
def test_a_stamp_out_of_range_is_refused_and_nothing_is_sent(
    ring: Rings, stamps: dict[str, int]
) -> None:
    producer = ring.Producer(4, 100, leases=1)
    consumer = join(ring, producer)
    slot = producer.reserve()

    with pytest.raises((ValueError, OverflowError)):
        producer.send(b"x", **stamps)
    with pytest.raises((ValueError, OverflowError)):
        producer.commit(slot, 1, **stamps)

    assert consumer.take() is None
    assert producer.commit(slot, 1) == 0


def test_a_payload_larger_than_a_slot_is_refused(ring: Rings) -> None:
    producer = ring.Producer(4, 100, leases=1)
    consumer = join(ring, producer)

    with pytest.raises(ValueError, match="100 bytes or less, not 101"):
        producer.send(bytes(101))
    with pytest.raises(ValueError, match="100 bytes or less, not 101"):
        producer.send_batch([b"a", bytes(101), b"b"])

    assert everything(consumer) == [b"a"]


def test_a_slot_is_written_in_place(ring: Rings) -> None:
    producer = ring.Producer(4, 100, leases=1)
    consumer = join(ring, producer)

    slot = producer.reserve()
    memory = producer.memory(slot)
    memory[:3] = b"abc"
    seq = producer.commit(slot, 3, pts=7)
    lease = consumer.take()

    assert (len(memory), memory.readonly, seq) == (100, False, 0)
    assert lease is not None
    assert (lease.array().tobytes(), lease.pts) == (b"abc", 7)


def test_a_slot_that_is_not_reserved_can_neither_be_committed_nor_cancelled(ring: Rings) -> None:
    producer = ring.Producer(4, 100, leases=1)
    join(ring, producer)
    slot = producer.reserve()
    producer.cancel(slot)

    for number in (slot, -1, 4, 2**40):
        with pytest.raises(ValueError, match="slot must be"):
            producer.cancel(number)
        with pytest.raises(ValueError, match="slot must be"):
            producer.commit(number, 1)
    with pytest.raises(ValueError, match="slot must be 0 to 3, not 4"):
        producer.memory(4)


def test_a_length_beyond_the_slot_is_refused(ring: Rings) -> None:
    producer = ring.Producer(4, 100, leases=1)
    join(ring, producer)
    slot = producer.reserve()

    for length in (-1, 101):
        with pytest.raises(ValueError, match=f"length must be 0 to 100, not {length}"):
            producer.commit(slot, length)

    assert producer.commit(slot, 100) == 0


def test_there_are_no_more_slots_than_there_are(ring: Rings) -> None:
    producer = ring.Producer(3, 10, leases=1)

    slots = [producer.reserve() for _ in range(5)]

    assert sorted(slots) == [-1, -1, 0, 1, 2]


@pytest.mark.parametrize("size", [64, 65536])
def test_the_slot_that_came_back_last_is_used_first(ring: Rings, size: int) -> None:
    producer = ring.Producer(12, size, leases=2)
    consumer = join(ring, producer, depth=4)

    used: set[int] = set()
    for _ in range(20):
        slot = producer.reserve()
        used.add(slot)
        producer.commit(slot, 1)
        taken(consumer)

    # Large ones are taken back as soon as they can be: one is enough, and stays in the cache.
    assert len(used) == (1 if size == 65536 else 12)


def test_no_more_items_wait_than_depth_allows(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=2)
    number, consumer = joined(ring, producer, depth=3)

    sent = [producer.send(bytes([n])) for n in range(5)]
    waiting = producer.pending(number), consumer.pending()
    taken(consumer)
    after = producer.send(b"\x05"), producer.send(b"\x06")

    assert sent == [0, 1, 2, -1, -1]
    assert waiting == (3, 3)
    assert after == (3, -1)
    assert numbers(everything(consumer)) == [1, 2, 5]


def test_slots_in_the_producers_hands_count_against_the_credit(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=2)
    consumer = join(ring, producer, depth=3)

    slots = [producer.reserve() for _ in range(5)]
    producer.cancel(slots[0])

    assert slots[3:] == [-1, -1]
    assert producer.reserve() == slots[0]
    assert consumer.pending() == 0


def test_without_depth_all_the_slots_leave_room_for_may_wait(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=3)
    consumer = join(ring, producer)

    sent = sum(producer.send(b"x") >= 0 for _ in range(20))

    assert sent == 16 - 2 - 3 == consumer.pending()


def test_every_consumer_gets_everything_and_the_slowest_holds_the_producer(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=2)
    quick, slow = join(ring, producer, depth=4), join(ring, producer, depth=2)

    first = [producer.send(bytes([n])) for n in range(4)]
    by_quick = everything(quick)
    still = producer.send(b"\x09")
    by_slow = everything(slow)
    then = producer.send(b"\x09")

    assert first == [0, 1, -1, -1]
    assert numbers(by_quick) == numbers(by_slow) == [0, 1]
    assert (still, then) == (-1, 2)


def test_who_joins_late_begins_with_the_next_item(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=2)
    early = join(ring, producer, depth=4)
    producer.send(b"\x00")

    late = join(ring, producer, depth=4)
    producer.send(b"\x01")

    assert numbers(everything(early)) == [0, 1]
    assert numbers(everything(late)) == [1]


def test_without_consumers_items_go_nowhere_and_nothing_waits(ring: Rings) -> None:
    producer = ring.Producer(2, 10, leases=1)

    sent = [producer.send(b"x") for _ in range(10)]

    assert sent == list(range(10))


def test_who_is_detached_holds_nothing_any_more(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer, depth=2)
    producer.send(b"a")
    producer.send(b"b")
    lease = consumer.take()
    full = producer.send(b"c"), producer.send(b"d")

    producer.detach(number)

    assert lease is not None
    assert full == (2, -1)
    assert [producer.send(b"x") for _ in range(20)] == list(range(3, 23))
    producer.detach(number)
    for ask in (producer.pending, producer.leased, producer.lost):
        with pytest.raises(ValueError, match="number"):
            ask(number)
    with pytest.raises(ValueError, match="number"):
        producer.detach(number + 1)


def test_consumers_that_the_slots_do_not_suffice_for_are_refused(ring: Rings) -> None:
    producer = ring.Producer(16, 10, leases=4)
    join(ring, producer, depth=4)

    with pytest.raises(ValueError, match="slots must be 17 or more"):
        producer.attach(Policy.BLOCK, 3)
    with pytest.raises(ValueError, match="depth must be 1 to 16, not 0"):
        producer.attach(Policy.BLOCK, 0)
    number, _ = joined(ring, producer, Policy.BLOCK)
    with pytest.raises(ValueError, match="slots must be"):
        producer.attach(Policy.LATEST)
    producer.detach(number)
    join(ring, producer, depth=2)


def test_a_ring_has_a_bounded_number_of_consumers(ring: Rings) -> None:
    producer = ring.Producer(64, 10, leases=1)
    consumers = [join(ring, producer, Policy.LATEST) for _ in range(MAX_CONSUMERS)]

    with pytest.raises(ValueError, match="16 consumers"):
        producer.attach(Policy.LATEST)

    producer.send(b"x")
    assert [everything(consumer) for consumer in consumers] == [[b"x"]] * MAX_CONSUMERS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"slots": 0, "slot_size": 1}, "slots must be 1 to 65536, not 0"),
        ({"slots": 65537, "slot_size": 1}, "slots must be 1 to 65536, not 65537"),
        ({"slots": 1, "slot_size": 0}, "slot_size must be 1 to"),
        ({"slots": 1, "slot_size": 1, "leases": 0}, "leases must be 1 to 64, not 0"),
        ({"slots": 1, "slot_size": 1, "leases": 65}, "leases must be 1 to 64, not 65"),
        ({"slots": 1, "slot_size": 1, "generation": -1}, "generation must be 0 to"),
        ({"slots": 65536, "slot_size": 2**40}, "slots"),
    ],
)
def test_a_ring_that_cannot_be_is_refused(
    ring: Rings, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ring.Producer(**arguments)
