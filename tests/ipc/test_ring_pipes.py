"""What only a ring with pipes can be told, and does not believe."""

from __future__ import annotations

import os
import struct

import pytest

from streamflow.errors import HandshakeError, IpcError, RingCorrupt
from streamflow.ipc import layout
from streamflow.ipc.backend import Policy, Rings, rings
from tests.support.rings import descriptors, words_of

SIZE = 128


@pytest.fixture(autouse=True)
def _rogue_producers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test write where a producer alone can."""
    monkeypatch.setattr("streamflow.ipc.segment.F_SEAL_FUTURE_WRITE", 0)


@pytest.fixture
def behind_pipes() -> Rings:
    return rings("socket")


def test_what_is_given_back_before_it_was_taken_is_a_lie(behind_pipes: Rings) -> None:
    producer = behind_pipes.Producer(4, SIZE, leases=1)
    number, fds = producer.attach(Policy.LATEST)
    producer.send(b"a")
    os.write(fds[4], struct.pack("=2Q", 0, layout.LEFT))

    with pytest.raises(RingCorrupt, match="gave item 0 back before it took it"):
        producer.leased(number)

    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize(
    "hello", [b"", b"short", struct.pack("=3Q", 3, 1, 0), struct.pack("=3Q", 0, 5, 0)]
)
def test_a_ring_that_does_not_say_how_it_begins_is_none(behind_pipes: Rings, hello: bytes) -> None:
    producer = behind_pipes.Producer(4, SIZE, leases=1)
    _, fds = producer.attach()
    ours, theirs = os.pipe()
    os.write(theirs, hello)
    os.dup2(ours, fds[3])

    with pytest.raises(HandshakeError):
        behind_pipes.Consumer.open(fds)

    os.close(ours)
    os.close(theirs)


def test_an_end_that_was_not_reached_is_a_lie(behind_pipes: Rings) -> None:
    producer = behind_pipes.Producer(4, SIZE, leases=1)
    _, fds = producer.attach()
    data = os.dup(fds[0])
    consumer = behind_pipes.Consumer.open(fds)
    producer.send(b"a")
    producer.close()
    consumer.take_batch(1)
    with words_of(data) as words:
        words[layout.CLOSED_WORD] = 1
    os.close(data)

    with pytest.raises(RingCorrupt, match="closed at item 0, but came to 1"):
        consumer.closed()


@pytest.mark.parametrize("place", range(1, 5))
def test_the_wrong_end_of_a_pipe_is_refused(behind_pipes: Rings, place: int) -> None:
    producer = behind_pipes.Producer(4, SIZE, leases=1)
    _, fds = producer.attach()
    ends = os.pipe()
    os.dup2(ends[place % 2], fds[place])

    with pytest.raises(HandshakeError, match="not the end"):
        behind_pipes.Consumer.open(fds)

    for end in ends:
        os.close(end)


def test_pipes_that_are_too_small_are_told_of(
    behind_pipes: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(fd: int, wanted: int) -> int:
        return 0

    producer = behind_pipes.Producer(4, SIZE, leases=1)
    before = descriptors()
    monkeypatch.setattr("streamflow.ipc.pipes.widen", narrow)

    with pytest.raises(IpcError, match="too small for 5 slots"):
        producer.attach()

    assert descriptors() == before


def test_what_a_dead_consumer_has_not_taken_is_counted(behind_pipes: Rings) -> None:
    producer = behind_pipes.Producer(8, SIZE, leases=1)
    number, fds = producer.attach()
    for payload in (b"a", b"b", b"c"):
        producer.send(payload)
    os.read(fds[1], 64)  # it takes one, and dies of it

    for fd in fds:
        os.close(fd)

    assert producer.pending(number) == 2
    assert producer.leased(number) == []


def test_what_is_sent_to_a_dead_consumer_waits_until_it_is_detached(behind_pipes: Rings) -> None:
    producer = behind_pipes.Producer(8, SIZE, leases=1)
    number, fds = producer.attach()
    for fd in fds:
        os.close(fd)

    sent = [producer.send(b"x") for _ in range(20)]
    kept = sum(seq >= 0 for seq in sent)

    assert 0 < kept < 8
    assert producer.pending(number) == kept
    producer.detach(number)
    assert producer.send(b"y") >= 0
