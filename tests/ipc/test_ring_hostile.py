"""A peer that writes anything anywhere it can: a clean result or RingCorrupt, and nothing else.

No crash, no hang, no read outside the segment. A ring that was lied to may be of no use to the
liar any more; other consumers are not harmed.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest

from streamflow.errors import HandshakeError, RingCorrupt
from streamflow.ipc import layout
from streamflow.ipc.backend import Consumer, Policy, Producer, Rings, rings
from tests.support.rings import BACKENDS, joined, words_of

SHARED = tuple(name for name in BACKENDS if name != "socket")
SLOTS, SIZE, LEASES = 12, 128, 2
EDGES = (0, 1, 2, 11, 12, 13, 127, 128, 129, 2**16, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def any_word(choice: random.Random) -> int:
    """Mostly numbers that are nearly right; sometimes any."""
    near = choice.choice(EDGES) + choice.choice((-1, 0, 0, 1))
    return (near if choice.random() < 0.7 else choice.getrandbits(64)) % 2**64


def produce(producer: Producer, choice: random.Random) -> None:
    """Everything that a producer does."""
    producer.send(bytes(choice.randrange(SIZE)))
    slot = producer.reserve()
    if slot >= 0:
        producer.commit(slot, choice.randrange(SIZE))
    producer.send_batch([b"a", b"b"])
    producer.reclaim()
    producer.holds(0)
    producer.arm()
    producer.wait(0)


def consume(consumer: Consumer, choice: random.Random) -> None:
    """Everything that a consumer does; every byte it is shown is read."""
    for _ in range(choice.randrange(3)):
        lease = consumer.take()
        if lease is not None:
            array = lease.array()
            assert len(array.tobytes()) == lease.length <= SIZE
    for payload, *_ in consumer.take_batch(choice.randrange(1, 5)):
        assert len(payload) <= SIZE
    consumer.pending()
    consumer.closed()
    consumer.arm()
    consumer.wait(0)


def caught_by(call: Callable[..., object], *arguments: object) -> bool:
    """Whether a call found the peer to be a liar."""
    try:
        call(*arguments)
    except RingCorrupt:
        return True
    return False


def lie_as_consumer(backend: str, rounds: int, seed: int) -> None:
    """Random words in the control segment, while a producer and an honest consumer work."""
    choice = random.Random(seed)
    ring = rings(backend)
    caught = 0
    for _ in range(rounds):
        producer = ring.Producer(SLOTS, SIZE, leases=LEASES)
        honest_number, honest = joined(ring, producer, Policy.DROP_OLDEST, 2)
        number, fds = producer.attach(choice.choice(list(Policy)), 2)
        control = os.dup(fds[1])
        liar = ring.Consumer.open(fds)
        with words_of(control) as words:
            for _ in range(choice.randrange(1, 6)):
                with suppress(RingCorrupt):
                    produce(producer, choice)
                with suppress(RingCorrupt):
                    consume(liar, choice)
                for _ in range(choice.randrange(1, 4)):
                    words[choice.choice((0, 8, 9, 10, 16, 24, *range(32, 36)))] = any_word(choice)
                caught += caught_by(produce, producer, choice)
                for ask in (producer.pending, producer.leased, producer.lost):
                    caught += caught_by(ask, number)
        os.close(control)
        producer.detach(number)

        # Without the liar everything works, and the other one has been told no lies.
        honest.take_batch(SLOTS)
        assert producer.send(b"still here") >= 0
        lease = honest.take()
        assert lease is not None
        assert lease.array().tobytes() == b"still here"
        assert producer.leased(honest_number) == [lease.seq]
        liar.close()
        producer.close()
    assert caught > 0


def lie_as_producer(backend: str, rounds: int, seed: int) -> None:
    """Random words in header, head and descriptors, while consumers take."""
    choice = random.Random(seed)
    ring = rings(backend)
    liars = rings("python")
    caught = 0
    for _ in range(rounds):
        producer = liars.Producer(SLOTS, SIZE, leases=LEASES)
        _, fds = producer.attach(choice.choice(list(Policy)), 2)
        data = os.dup(fds[0])
        consumer = ring.Consumer.open(fds)
        with words_of(data) as words:
            for _ in range(choice.randrange(1, 6)):
                with suppress(RingCorrupt):
                    produce(producer, choice)
                for _ in range(choice.randrange(1, 6)):
                    descriptor = layout.DESCRIPTOR_WORD + 8 * choice.randrange(32)
                    place = choice.choice(
                        (choice.randrange(10), 16, 16, 24, *(descriptor + n for n in range(5)))
                    )
                    words[place] = any_word(choice)
                caught += caught_by(consume, consumer, choice)
        os.close(data)
        consumer.close()
        producer.close()
    assert caught > 0


def lie_in_the_handover(backend: str, rounds: int, seed: int) -> None:
    """Random words in what a consumer is handed: it joins a ring that can be, or none."""
    choice = random.Random(seed)
    ring = rings(backend)
    refused = 0
    for _ in range(rounds):
        producer = rings("python" if backend == "c" else backend).Producer(SLOTS, SIZE)
        _, fds = producer.attach(Policy.LATEST)
        with words_of(fds[0]) as words:
            for _ in range(choice.randrange(1, 3)):
                words[choice.choice((*range(10), 16))] = any_word(choice)
        if backend != "socket":
            with words_of(fds[1]) as words:
                words[choice.choice((0, 9, 10))] = any_word(choice)
        try:
            consumer = ring.Consumer.open(fds)
        except (HandshakeError, RingCorrupt):
            refused += 1
        else:
            caught_by(consume, consumer, choice)
            consumer.close()
        producer.close()
    assert refused > 0


def lie_through_pipes(backend: str, rounds: int, seed: int) -> None:
    """Random numbers given back, records taken in part, by a consumer that is behind a pipe."""
    choice = random.Random(seed)
    ring = rings(backend)
    caught = 0
    for _ in range(rounds):
        producer = ring.Producer(SLOTS, SIZE, leases=LEASES)
        honest_number, honest = joined(ring, producer, Policy.DROP_OLDEST, 2)
        number, fds = producer.attach(choice.choice(list(Policy)), 2)
        _, records, bell, _, returns = fds
        for _ in range(choice.randrange(1, 6)):
            with suppress(RingCorrupt):
                produce(producer, choice)
            numbers = [any_word(choice) for _ in range(choice.randrange(4))]
            with suppress(BlockingIOError):
                os.write(returns, struct.pack(f"={len(numbers)}Q", *numbers))
                os.write(returns, bytes(choice.randrange(1, 9)))
                os.write(bell, bytes(choice.randrange(1, 100)))
                os.read(records, choice.randrange(1, 200))
            caught += caught_by(produce, producer, choice)
            for ask in (producer.pending, producer.leased, producer.lost):
                caught += caught_by(ask, number)
        for fd in fds:
            os.close(fd)
        producer.detach(number)
        honest.take_batch(SLOTS)
        assert producer.send(b"still here") >= 0
        assert [item[0] for item in honest.take_batch(2)] == [b"still here"]
        assert producer.leased(honest_number) == []
        producer.close()
    assert caught > 0


def lie_in_records(backend: str, rounds: int, seed: int) -> None:
    """Random records to a consumer that is behind a pipe."""
    choice = random.Random(seed)
    ring = rings(backend)
    caught = 0
    for _ in range(rounds):
        producer = ring.Producer(SLOTS, SIZE, leases=LEASES)
        _, fds = producer.attach(choice.choice(list(Policy)), 2)
        ours, theirs = os.pipe()
        os.dup2(ours, fds[1])
        os.close(ours)
        consumer = ring.Consumer.open(fds)
        for seq in range(choice.randrange(1, 6)):
            fields = [seq + 1, seq, 64, 0, 0, 0, 0, 0]
            if choice.random() < 0.5:
                fields[choice.randrange(5)] = any_word(choice)
            record = struct.pack("=8Q", *fields)
            os.write(theirs, record[: choice.choice((64, 64, 64, 64, 10))])
            caught += caught_by(consume, consumer, choice)
        os.close(theirs)
        caught += caught_by(consume, consumer, choice)
        consumer.close()
        producer.close()
    assert caught > 0


ATTACKS = [
    pytest.param(attack, backend, id=f"{attack.__name__}-{backend}")
    for attack, backends in (
        (lie_as_consumer, SHARED),
        (lie_as_producer, SHARED),
        (lie_in_the_handover, BACKENDS),
        (lie_through_pipes, ("socket",)),
        (lie_in_records, ("socket",)),
    )
    for backend in backends
]


@pytest.fixture(autouse=True)
def _rogue_producers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test write where a producer alone can: into the data segment of a ring in Python."""
    monkeypatch.setattr("streamflow.ipc.segment.F_SEAL_FUTURE_WRITE", 0)


@pytest.mark.parametrize(("attack", "backend"), ATTACKS)
def test_a_liar_is_found_out_and_harms_nobody(
    attack: Callable[[str, int, int], None], backend: str
) -> None:
    attack(backend, 40, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("attack", "backend"), ATTACKS)
def test_a_liar_is_found_out_and_harms_nobody_in_many_rounds(
    attack: Callable[[str, int, int], None], backend: str
) -> None:
    attack(backend, 2500, random.SystemRandom().getrandbits(32))


def test_a_consumer_cannot_write_what_the_producer_has_written(
    ring: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    producer = ring.Producer(SLOTS, SIZE, leases=LEASES)
    _, fds = producer.attach()

    with pytest.raises(PermissionError):
        mmap.mmap(fds[0], layout.PAGE)
    with pytest.raises(PermissionError):
        os.pwrite(fds[0], b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(fds[0], 0)

    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("backend", SHARED)
@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (layout.CURSOR_WORD, 4, "has taken 4 items"),
        (layout.CURSOR_WORD, 0, "has taken 0 items, after 1"),
        (layout.LEASE_WORD + 1, 4, "holds item 3 of 3"),
        (layout.LOST_WORD, 4, "lost 4 items of 3"),
    ],
)
def test_each_lie_of_a_consumer_is_found(backend: str, word: int, value: int, message: str) -> None:
    ring = rings(backend)
    producer = ring.Producer(SLOTS, SIZE, leases=LEASES)
    number, fds = producer.attach()
    control = os.dup(fds[1])
    consumer = ring.Consumer.open(fds)
    producer.send_batch([b"a", b"b", b"c"])
    consumer.take_batch(1)
    producer.pending(number)

    with words_of(control) as words:
        words[word] = value
    os.close(control)

    ask = {layout.LOST_WORD: producer.lost, layout.CURSOR_WORD: producer.pending}
    with pytest.raises(RingCorrupt, match=message):
        ask.get(word, producer.leased)(number)


@pytest.mark.parametrize("backend", SHARED)
@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (layout.HEAD_WORD, 1, "come to item 1, after 2"),
        (layout.HEAD_WORD, 14, "come to item 14"),
        (layout.DESCRIPTOR_WORD + 8, 3, "item 1 was expected"),
        (layout.DESCRIPTOR_WORD + 9, SLOTS, f"slot {SLOTS}"),
        (layout.DESCRIPTOR_WORD + 10, SIZE + 1, f"{SIZE + 1} bytes"),
        (layout.CLOSED_WORD, 2, "closed at item 1, but has come to 2"),
    ],
)
def test_each_lie_of_a_producer_is_found(backend: str, word: int, value: int, message: str) -> None:
    producer = rings("python").Producer(SLOTS, SIZE, leases=LEASES)
    _, fds = producer.attach()
    data = os.dup(fds[0])
    consumer = rings(backend).Consumer.open(fds)
    producer.send_batch([b"a", b"b"])
    consumer.take_batch(1)

    with words_of(data) as words:
        words[word] = value
    os.close(data)

    with pytest.raises(RingCorrupt, match=message):
        consumer.closed() if word == layout.CLOSED_WORD else consumer.take()
    assert consumer.leases_free == LEASES


@pytest.mark.parametrize("backend", SHARED)
def test_descriptors_that_are_none_are_refused(backend: str) -> None:
    ring = rings(backend)
    producer = ring.Producer(4, SIZE, leases=1)
    _, fds = producer.attach()

    with pytest.raises(HandshakeError):
        ring.Consumer.open([*fds[:3], 10_000])
    os.close(fds[3])
