"""Closing, forgetting, forking: what is left of a ring, and what is not."""

from __future__ import annotations

import gc
import os
import resource
import weakref
from pathlib import Path

import pytest

from streamflow.errors import HandshakeError, IpcError, LinkClosed
from streamflow.ipc.backend import Consumer, Lease, Policy, Rings
from tests.support.rings import descriptors, everything, join, joined, named, taken


def mapped() -> int:
    """How many pieces of shared memory this process has mapped."""
    gc.collect()
    return Path("/proc/self/maps").read_text(encoding="utf-8").count("memfd:")


def take(consumer: Consumer) -> Lease:
    lease = consumer.take()
    assert lease is not None
    return lease


@pytest.mark.parametrize("policy", list(Policy))
def test_consumers_finish_what_is_there_when_a_producer_has_closed(
    ring: Rings, policy: Policy
) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer, policy)
    producer.send(b"x")

    open_before = consumer.closed()
    producer.close()
    with_one_left = consumer.closed()
    rest = everything(consumer)

    assert (open_before, with_one_left, rest) == (False, False, [b"x"])
    assert consumer.closed()
    assert consumer.take() is None
    assert consumer.take_batch(3) == []
    assert not consumer.arm()
    assert consumer.wait(60)


def test_a_closed_end_refuses_and_can_be_closed_again(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer)

    for _ in range(2):
        consumer.close()
        producer.close()

    for call in (
        producer.fileno, producer.segment, producer.attach, producer.reserve, producer.reclaim,
        producer.arm, producer.drain, consumer.fileno, consumer.segment, consumer.take,
        consumer.pending, consumer.closed, consumer.arm, consumer.drain,
    ):  # fmt: skip
        with pytest.raises(LinkClosed):
            call()
    for take_number in (
        producer.detach, producer.memory, producer.cancel, producer.pending, producer.leased,
        producer.holds, producer.wait, producer.lost, consumer.take_batch, consumer.wait,
    ):  # fmt: skip
        with pytest.raises(LinkClosed):
            take_number(number)
    with pytest.raises(LinkClosed):
        producer.send(b"x")
    with pytest.raises(LinkClosed):
        producer.send_batch([b"x"])
    with pytest.raises(LinkClosed):
        producer.commit(0, 1)


@pytest.mark.parametrize("consumer_first", [True, False])
def test_leases_outlive_both_ends(ring: Rings, consumer_first: bool) -> None:
    before = descriptors()
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    producer.send(b"kept")
    producer.send(b"more")
    array, lease = take(consumer).array()[1:], take(consumer)
    if consumer_first:
        consumer.close()
    producer.close()
    consumer.close()
    del producer, consumer

    assert array.tobytes() == b"ept"
    assert lease.array().tobytes() == b"more"
    del array, lease
    assert descriptors() == before


def test_the_memory_of_closed_ends_is_unmapped_with_the_last_lease(ring: Rings) -> None:
    before = mapped()
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    producer.send(b"x")
    array = take(consumer).array()

    producer.close()
    consumer.close()
    during = mapped()
    del array
    gc.collect()

    assert during > before
    assert mapped() == before


def test_an_array_lies_in_the_segment_that_its_ring_tells(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    consumer = join(ring, producer)
    producer.send(b"x")
    array = take(consumer).array()
    segment, theirs = consumer.segment(), producer.segment()
    mapping = weakref.ref(segment.map)

    offset = int(array.__array_interface__["data"][0]) - segment.address

    assert 0 < offset < segment.size == theirs.size == os.fstat(segment.fd).st_size
    assert theirs.map[offset : offset + 1] == b"x"
    assert consumer.segment() is segment
    consumer.close()
    assert mapping() is not None
    del array, segment, theirs
    gc.collect()
    assert mapping() is None


def first_failure(ring: Rings) -> str:
    """Where the descriptors do not suffice."""
    try:
        producer = ring.Producer(4, 10, leases=1)
    except IpcError:
        return "producer"
    try:
        _, fds = producer.attach()
    except IpcError:
        return "attach"
    try:
        ring.Consumer.open(fds)
    except IpcError:
        return "open"
    return ""


@pytest.mark.slow
def test_what_the_system_cannot_give_leaves_nothing_behind(ring: Rings) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = descriptors()
    failures: list[str] = []

    while not failures or failures[-1]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3 + len(failures), limits[1]))
        try:
            failures.append(first_failure(ring))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert descriptors() == before

    # Opening needs a descriptor of its own only before Python 3.13.
    assert {"producer", "attach", ""} <= set(failures) <= {"producer", "attach", "open", ""}


def test_a_consumer_that_has_closed_holds_nothing_but_its_leases(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer, depth=3)
    for _ in range(3):
        producer.send(b"x")
    lease = take(consumer)

    consumer.close()
    sent = [producer.send(b"y") for _ in range(20)]
    held = producer.leased(number), producer.pending(number), producer.lost(number)
    lease.release()

    assert sent == list(range(3, 23))
    assert held == ([0], 0, 0)
    assert producer.leased(number) == []


def test_ends_that_are_forgotten_close_themselves(ring: Rings) -> None:
    before = descriptors()

    def forget() -> None:
        producer = ring.Producer(8, 10, leases=2)
        consumer = join(ring, producer)
        producer.send(b"x")
        taken(consumer)

    for _ in range(3):
        forget()

    assert descriptors() == before


def test_a_thousand_rings_leave_nothing_behind(ring: Rings) -> None:
    def once() -> None:
        producer = ring.Producer(4, 5000, leases=1)
        consumer = join(ring, producer)
        producer.send(bytes(5000))
        array = take(consumer).array()
        producer.close()
        consumer.close()
        del array

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])

    for _ in range(50):
        once()
    fds, shm, maps, pages = descriptors(), named(), mapped(), resident()
    for _ in range(1000):
        once()

    assert descriptors() == fds
    assert named() == shm
    assert mapped() == maps
    # 1,000 rings touch 5,000 pages or more.
    assert resident() - pages < 2000


def test_descriptors_are_not_inherited_and_memory_has_no_name(ring: Rings) -> None:
    shm = named()
    before = {fd for fd in range(300) if _exists(fd)}
    producer = ring.Producer(8, 10, leases=2)
    _, fds = producer.attach()

    mine = {fd for fd in range(300) if _exists(fd)} - before
    inherited = [fd for fd in mine if os.get_inheritable(fd)]

    assert set(fds) < mine
    assert inherited == []
    assert named() == shm
    for fd in fds:
        os.close(fd)


def _closed(fds: list[int]) -> list[int]:
    for fd in fds:
        os.close(fd)
    return fds


def _exists(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_more_descriptors_are_kept_open_as_long_as_the_memory(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    _, fds = producer.attach()
    ours, theirs = os.pipe()
    consumer = ring.Consumer.open([*fds, theirs])
    producer.send(b"x")
    lease = take(consumer)

    consumer.close()
    open_still = _exists(theirs)
    lease.release()
    del lease

    assert open_still
    assert os.read(ours, 1) == b""
    os.close(ours)


def test_what_is_no_ring_is_refused_and_its_descriptors_are_closed(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    count = len(_closed(producer.attach(Policy.LATEST)[1]))
    producer.detach(0)
    before = descriptors()

    for wrong in range(count + 1):
        _, fds = producer.attach(Policy.LATEST)
        if wrong < count:
            os.close(fds[wrong])
            fds[wrong] = os.open("/dev/null", os.O_RDWR)
        else:
            os.close(fds.pop())
        with pytest.raises(HandshakeError):
            ring.Consumer.open(fds)
        producer.detach(wrong + 1)

    assert descriptors() == before


def test_a_forked_child_neither_uses_nor_disturbs_its_parents_ring(ring: Rings) -> None:
    producer = ring.Producer(8, 10, leases=2)
    number, consumer = joined(ring, producer)
    producer.send(b"x")
    lease = take(consumer)
    array = lease.array()

    child = os.fork()
    if child == 0:
        code = 1
        try:
            refused = 0
            for call in (producer.reserve, consumer.take, producer.arm, consumer.arm):
                try:
                    call()
                except LinkClosed:
                    refused += 1
            kept = array.tobytes() == b"x"
            del array, lease
            gc.collect()
            producer.close()
            consumer.close()
            code = 0 if refused == 4 and kept else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert producer.leased(number) == [0]
    assert not consumer.closed()
    assert producer.send(b"y") == 1
    assert taken(consumer) == b"y"
