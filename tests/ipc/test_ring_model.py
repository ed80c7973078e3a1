"""Any order of any operation, by any consumers: the ring does what a plain list would."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streamflow.ipc.backend import Consumer, Lease, Policy, Producer, rings
from tests.support.rings import BACKENDS

Array = npt.NDArray[np.uint8]
SLOTS = 15
LEASES = 2


@dataclass
class Member:
    """A consumer, and what should be true of it."""

    number: int
    consumer: Consumer
    policy: Policy
    depth: int | None
    cursor: int
    lost: int = 0
    closed: bool = False
    held: dict[int, Lease | Array] = field(default_factory=dict[int, "Lease | Array"])

    @property
    def aside(self) -> int:
        waiting = self.depth if self.depth and self.policy is not Policy.LATEST else 1
        return waiting + LEASES

    def credit(self, head: int) -> int:
        if self.policy is not Policy.BLOCK or self.closed or self.depth is None:
            return SLOTS
        return self.depth - (head - self.cursor)

    def first(self, head: int) -> int | None:
        """The number of the next item that it gets; None if only bounds are known."""
        if self.policy is Policy.BLOCK or self.cursor == head:
            return self.cursor
        if self.policy is Policy.LATEST:
            return head - 1
        return None if self.depth is None else max(self.cursor, head - self.depth)


class RingMachine(RuleBasedStateMachine):
    """One producer, up to four consumers that come and go, all in one process."""

    backend = ""

    def __init__(self) -> None:
        super().__init__()
        self.ring = rings(self.backend)
        self.members: list[Member] = []
        self.payloads: list[bytes] = []
        self.slots: dict[int, int] = {}
        self.hands: list[int] = []

    @initialize(size=st.sampled_from([64, 65536]))
    def begin(self, size: int) -> None:
        self.producer: Producer = self.ring.Producer(SLOTS, size, leases=LEASES)

    @property
    def head(self) -> int:
        return len(self.payloads)

    # -- Consumers come and go.

    @rule(policy=st.sampled_from(list(Policy)), depth=st.one_of(st.none(), st.integers(1, 5)))
    def join(self, policy: Policy, depth: int | None) -> None:
        left = SLOTS - 2 - LEASES - sum(member.aside for member in self.members)
        if policy is Policy.BLOCK and depth is None:
            depth = max(left, 1)
        if left < (depth if depth and policy is not Policy.LATEST else 1):
            with pytest.raises(ValueError, match="slots must be"):
                self.producer.attach(policy, depth)
            return
        number, fds = self.producer.attach(policy, depth)
        consumer = self.ring.Consumer.open(fds)
        self.members.append(Member(number, consumer, policy, depth, self.head))

    @precondition(lambda self: self.members)
    @rule(data=st.data(), close_first=st.booleans())
    def detach(self, data: st.DataObject, close_first: bool) -> None:
        member = self.members.pop(data.draw(st.integers(0, len(self.members) - 1)))
        if close_first:
            member.consumer.close()
        self.producer.detach(member.number)
        # What it does from here on is nobody's business, and harms nobody.
        member.held.clear()
        if not close_first and not member.closed:
            member.consumer.take()
            member.consumer.close()

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from(self.members))
        member.consumer.close()
        member.closed = True

    # -- The producer sends.

    def has_room(self) -> bool:
        claimed = len(self.hands)
        return all(member.credit(self.head) > claimed for member in self.members)

    @rule(length=st.integers(0, 64))
    def send(self, length: int) -> None:
        payload = os.urandom(length)
        if len(self.hands) > 1:
            return
        room = self.has_room()

        sent = self.producer.send(payload, pts=-self.head, kind=self.head % 7)

        assert sent == (self.head if room else -1)
        if room:
            self.payloads.append(payload)

    @rule(count=st.integers(0, 6))
    def send_batch(self, count: int) -> None:
        if self.hands:
            return
        room = min((member.credit(self.head) for member in self.members), default=count)
        payloads = [os.urandom(8) for _ in range(count)]

        sent = self.producer.send_batch(payloads)

        assert sent == max(min(count, room), 0)
        self.payloads += payloads[:sent]

    @precondition(lambda self: len(self.hands) < 2)
    @rule()
    def reserve(self) -> None:
        room = self.has_room()

        slot = self.producer.reserve()

        assert (slot >= 0) == room
        if room:
            assert slot not in self.hands
            self.slots.pop(slot, None)
            self.hands.append(slot)

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), length=st.integers(0, 64))
    def commit(self, data: st.DataObject, length: int) -> None:
        slot = self.hands.pop(data.draw(st.integers(0, len(self.hands) - 1)))
        payload = os.urandom(length)
        self.producer.memory(slot)[:length] = payload

        sent = self.producer.commit(slot, length, pts=-self.head, kind=self.head % 7)

        assert sent == self.head
        self.slots[slot] = self.head
        self.payloads.append(payload)

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.producer.cancel(self.hands.pop(data.draw(st.integers(0, len(self.hands) - 1))))

    # -- Consumers take and give back.

    @precondition(lambda self: any(not member.closed for member in self.members))
    @rule(data=st.data(), how=st.sampled_from(["lease", "array", "slice"]))
    def take(self, data: st.DataObject, how: str) -> None:
        member = self.some(data)

        lease = member.consumer.take()

        if len(member.held) == LEASES or member.cursor == self.head:
            assert lease is None
            return
        assert lease is not None
        self.advance(member, lease.seq)
        assert (lease.length, lease.pts) in {
            (len(self.payloads[lease.seq]), -lease.seq),
            (8, 0),
        }
        keep: dict[str, Callable[[], Lease | Array]] = {
            "lease": lambda: lease,
            "array": lease.array,
            "slice": lambda: lease.array()[:][:],
        }
        member.held[lease.seq] = keep[how]()

    @precondition(lambda self: any(not member.closed for member in self.members))
    @rule(data=st.data(), most=st.integers(0, 6))
    def take_batch(self, data: st.DataObject, most: int) -> None:
        member = self.some(data)
        before = member.cursor

        items = member.consumer.take_batch(most)

        # Lossy ones may have lost some before the first; after it all come.
        if not most or before == self.head:
            assert items == []
            return
        first = member.first(self.head)
        if first is None:
            first = before + member.consumer.lost - member.lost
        assert [item[0] for item in items] == self.payloads[first : first + most]
        self.advance(member, first)
        member.cursor = first + len(items)

    @precondition(lambda self: any(member.held for member in self.members))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from([m for m in self.members if m.held]))
        held = member.held.pop(data.draw(st.sampled_from(sorted(member.held))))
        if not isinstance(held, np.ndarray):
            held.release()

    def some(self, data: st.DataObject) -> Member:
        return data.draw(st.sampled_from([m for m in self.members if not m.closed]))

    def advance(self, member: Member, seq: int) -> None:
        expected = member.first(self.head)
        assert seq == expected or (expected is None and member.cursor <= seq < self.head)
        member.lost += seq - member.cursor
        member.cursor = seq + 1

    def needed(self, seq: int) -> bool:
        return any(
            seq in m.held or (m.policy is Policy.BLOCK and not m.closed and seq >= m.cursor)
            for m in self.members
        )

    # -- What holds at any time.

    @invariant()
    def what_is_held_is_what_was_sent(self) -> None:
        for member in self.members:
            for seq, held in member.held.items():
                array = held if isinstance(held, np.ndarray) else held.array()
                assert array.tobytes() == self.payloads[seq]

    @invariant()
    def both_sides_count_alike(self) -> None:
        for member in self.members:
            assert self.producer.leased(member.number) == sorted(member.held)
            assert self.producer.head == self.head
            if member.closed:
                assert self.producer.pending(member.number) == 0
                continue
            pending = self.producer.pending(member.number)
            first = member.first(self.head)
            assert pending == member.consumer.pending()
            assert pending == self.head - first if first is not None else pending <= SLOTS
            assert member.consumer.lost == member.lost
            assert member.consumer.leases_free == LEASES - len(member.held)

    @invariant()
    def slots_are_held_while_needed_and_no_longer(self) -> None:
        for slot, seq in self.slots.items():
            if self.needed(seq):
                assert self.producer.holds(slot)

    def teardown(self) -> None:
        if not hasattr(self, "producer"):
            return
        back = self.producer.reclaim()
        assert len(back) == len(set(back))
        assert not any(self.needed(self.slots[slot]) for slot in back if slot in self.slots)
        self.producer.close()
        for member in self.members:
            if member.closed:
                continue
            member.held.clear()
            while (lease := member.consumer.take()) is not None:
                assert lease.array().tobytes() == self.payloads[lease.seq]
                lease.release()
            assert member.consumer.closed()
            member.consumer.close()


def run(backend: str, examples: int, steps: int) -> None:
    machine = type("Machine", (RingMachine,), {"backend": backend})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_ring_does_what_its_model_does(backend: str) -> None:
    run(backend, examples=15, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_ring_does_what_its_model_does_for_long(backend: str) -> None:
    run(backend, examples=600, steps=60)
