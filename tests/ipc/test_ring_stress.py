"""Two processes that do not wait for each other, and processes that die anywhere."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from streamflow.ipc.backend import Consumer, Lease, Policy, Producer, Rings, rings
from tests.support.forks import LIMIT, forked
from tests.support.rings import BACKENDS, descriptors, everything, joined, named

WORDS = 8192
SMALL = 64


def fill(producer: Producer, slot: int, words: int) -> None:
    """Each word of a payload tells its number: a torn one would show two."""
    memory = np.frombuffer(producer.memory(slot), np.uint64)
    memory[:words] = producer.head * 0x9E37_79B9_7F4A_7C15 % 2**64


def torn(payload: npt.NDArray[np.uint8] | bytes, seq: int) -> bool:
    words = np.frombuffer(payload, np.uint64)
    return bool((words != np.uint64(seq * 0x9E37_79B9_7F4A_7C15 % 2**64)).any())


def until(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def watch_leases(consumer: Consumer, seconds: float) -> tuple[int, int, int, int]:
    """Hold up to three leases for random times; taken, torn, out of order, lost."""
    choice = random.Random(1)
    held: list[Lease] = []
    count = bad = disorder = 0
    last = -1
    for _ in until(seconds):
        lease = consumer.take() if len(held) < 3 else None
        if lease is not None:
            count += 1
            disorder += lease.seq <= last
            last = lease.seq
            held.append(lease)
        elif len(held) < 3:
            consumer.wait(0.01)
        if held and (len(held) == 3 or choice.random() < 0.5):
            done = held.pop(choice.randrange(len(held)))
            bad += torn(done.array(), done.seq)
            done.release()
    return count, bad, disorder, consumer.lost


def watch_copies(consumer: Consumer, seconds: float) -> tuple[int, int, int, int]:
    """Take batches, without leases; the same four numbers."""
    count = bad = disorder = 0
    last = -1
    for _ in until(seconds):
        for payload, pts, *_ in consumer.take_batch(4):
            count += 1
            disorder += pts <= last
            last = pts
            bad += torn(payload, pts)
        consumer.wait(0.01)
    return count, bad, disorder, consumer.lost


def lossy_stress(backend: str, policy: Policy, how: str, seconds: float) -> None:
    ring = rings(backend)
    words = WORDS if how == "leases" else SMALL
    producer = ring.Producer(7, words * 8, leases=3)
    _, fds = producer.attach(policy)
    watch = watch_leases if how == "leases" else watch_copies

    with forked(lambda: watch(ring.Consumer.open(fds), seconds), LIMIT + int(seconds)) as child:
        for fd in fds:
            os.close(fd)
        refused = sent = 0
        for _ in until(seconds):
            slot = producer.reserve()
            if slot < 0:
                refused += 1
                continue
            fill(producer, slot, words)
            sent = producer.commit(slot, words * 8, pts=producer.head) + 1
        count, bad, disorder, lost = child.result()

    assert (bad, disorder) == (0, 0)
    assert count > 0
    assert count + lost <= sent
    assert refused == 0


HOW = [
    (policy, how) for policy in (Policy.DROP_OLDEST, Policy.LATEST) for how in ("leases", "copies")
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("policy", "how"), HOW)
def test_nothing_that_is_looked_at_is_torn(backend: str, policy: Policy, how: str) -> None:
    lossy_stress(backend, policy, how, 0.25)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("policy", "how"), HOW)
def test_nothing_that_is_looked_at_is_torn_in_a_minute(
    backend: str, policy: Policy, how: str
) -> None:
    lossy_stress(backend, policy, how, 60 / len(HOW) / len(BACKENDS))


def test_between_processes_everything_arrives_in_order(ring: Rings) -> None:
    producer = ring.Producer(8, SMALL * 8, leases=2)
    _, fds = producer.attach()
    count = 1000

    def receive() -> list[int]:
        consumer = ring.Consumer.open(fds)
        seen: list[int] = []
        while not consumer.closed():
            lease = consumer.take()
            if lease is None:
                consumer.wait(600)
                continue
            assert not torn(lease.array(), lease.seq)
            seen.append(lease.seq)
            lease.release()
        return seen

    with forked(receive) as child:
        for fd in fds:
            os.close(fd)
        for _ in range(count):
            while (slot := producer.reserve()) < 0:
                producer.wait(600)
            fill(producer, slot, SMALL)
            producer.commit(slot, SMALL * 8)
        producer.close()

        assert child.result() == list(range(count))


def kill_consumers(ring: Rings, rounds: int) -> None:
    """One producer, one honest consumer; others come and are killed wherever they stand."""
    choice = random.Random(rounds)
    producer = ring.Producer(32, SMALL * 8, leases=4)
    number, honest = joined(ring, producer, depth=4)
    got: list[int] = []

    def work(fds: list[int]) -> None:
        consumer = ring.Consumer.open(fds)
        held: list[Lease] = []
        while True:
            lease = consumer.take()
            if lease is None:
                consumer.wait(1)
                held = held[len(held) // 2 :]
            else:
                held.append(lease)

    for _ in range(rounds):
        victim, fds = producer.attach(choice.choice(list(Policy)), 4)
        with forked(partial(work, fds)) as child:
            for fd in fds:
                os.close(fd)
            for _ in range(choice.randrange(1000)):
                slot = producer.reserve()
                if slot >= 0:
                    fill(producer, slot, SMALL)
                    producer.commit(slot, SMALL * 8)
                while (lease := honest.take()) is not None:
                    assert not torn(lease.array(), lease.seq)
                    got.append(lease.seq)
                    lease.release()
            child.kill()
        producer.detach(victim)

    everything(honest)
    assert got == list(range(producer.head))
    assert producer.leased(number) == []
    assert not any(producer.holds(slot) for slot in range(32))


def kill_producers(ring: Rings, rounds: int) -> None:
    """A producer is killed wherever it stands; what it published is taken, what was taken stays."""
    choice = random.Random(rounds)

    def work(wire: socket.socket) -> None:
        producer = ring.Producer(16, SMALL * 8, leases=4)
        socket.send_fds(wire, [b"ring"], producer.attach()[1])
        while True:
            slot = producer.reserve()
            if slot < 0:
                producer.wait(1)
                continue
            fill(producer, slot, SMALL)
            producer.commit(slot, SMALL * 8)

    for _ in range(rounds):
        ours, theirs = socket.socketpair()
        with ours, theirs, forked(partial(work, theirs)) as child:
            theirs.close()
            consumer = ring.Consumer.open(list(socket.recv_fds(ours, 16, 8)[1]))
            taken: list[Lease] = []
            seen: list[int] = []
            for _ in range(choice.randrange(300)):
                take_one(consumer, taken, seen)
                while len(taken) > choice.randrange(4):
                    taken.pop(choice.randrange(len(taken))).release()
            child.kill()

        # Also what is held since before.
        assert not any(torn(lease.array(), lease.seq) for lease in taken)
        taken.clear()
        while consumer.pending():
            take_one(consumer, taken, seen)
            taken.clear()
        assert seen == list(range(len(seen)))
        assert not consumer.closed()
        assert consumer.take() is None
        # What has been rung is heard; then it is silent, not rung for ever.
        consumer.drain()
        assert not consumer.wait(0.001)
        consumer.close()


def take_one(consumer: Consumer, taken: list[Lease], seen: list[int]) -> None:
    lease = consumer.take()
    if lease is None:
        consumer.wait(0.01)
        return
    assert not torn(lease.array(), lease.seq)
    taken.append(lease)
    seen.append(lease.seq)


@pytest.mark.parametrize(
    "rounds",
    [5, pytest.param(70, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
@pytest.mark.parametrize("kill", [kill_consumers, kill_producers])
def test_who_is_killed_leaves_nothing_behind(ring: Rings, kill: object, rounds: int) -> None:
    before, names = descriptors(), named()

    assert callable(kill)
    kill(ring, rounds)

    assert descriptors() == before
    assert named() == names
