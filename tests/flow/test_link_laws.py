"""A link against a model of it: whatever is done to one, in whatever order, the ledger adds up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streamflow.errors import LinkClosed, LinkFull
from streamflow.events import Caps, End, Event, Flush, Interrupt
from streamflow.flow.limits import Budget
from streamflow.flow.link import Link
from streamflow.graph import LinkPolicy, Queue

POLICIES: list[LinkPolicy] = ["block", "drop_oldest", "drop_newest", "latest", "error"]
LARGEST = 100


@dataclass(eq=False)
class Thing:
    """An item with a weight and a time."""

    nbytes: int
    pts: int | None
    time_base: Fraction = Fraction(1, 10)

    @property
    def time(self) -> float | None:
        return None if self.pts is None else self.pts / 10


Entry = Thing | Event


class LinkMachine(RuleBasedStateMachine):
    """Does to a link what senders, receivers and executions do."""

    @initialize(
        policy=st.sampled_from(POLICIES),
        max_items=st.integers(1, 5),
        max_bytes=st.none() | st.integers(1, 300),
        max_time=st.none() | st.floats(0.1, 2),
        budget=st.none() | st.integers(1, 300),
    )
    def open(
        self,
        policy: LinkPolicy,
        max_items: int,
        max_bytes: int | None,
        max_time: float | None,
        budget: int | None,
    ) -> None:
        self.options = Queue(max_items, max_bytes, max_time, policy)
        self.budget = Budget(budget) if budget is not None else None
        self.link = Link("a.out -> b.in", self.options, budget=self.budget)
        self.stream: list[Entry] = []  # the model: items and events in order
        self.in_hand: list[Thing] = []  # taken, and may be given back
        self.sent = self.received = self.dropped = 0
        self.closed = False
        self.given_back = 0

    @property
    def waiting(self) -> list[Thing]:
        return [entry for entry in self.stream if isinstance(entry, Thing)]

    def fits(self, thing: Thing) -> bool:
        waiting, options = self.waiting, self.options
        if not waiting:
            return True
        nbytes = sum(other.nbytes for other in waiting) + thing.nbytes
        first, last = waiting[0].time, thing.time
        timed = options.max_time is not None and first is not None and last is not None
        return (
            len(waiting) < (options.max_items or 0)
            and (options.max_bytes is None or nbytes <= options.max_bytes)
            and (self.budget is None or nbytes <= self.budget.max_bytes)
            and not (timed and (last or 0) - (first or 0) > (options.max_time or 0))
        )

    def lose_waiting(self, things: list[Thing]) -> None:
        self.dropped += len(things)
        self.stream = [entry for entry in self.stream if entry not in things]

    @rule(nbytes=st.integers(0, LARGEST), pts=st.none() | st.integers(0, 40))
    def send(self, nbytes: int, pts: int | None) -> None:
        thing = Thing(nbytes, pts)
        if self.closed:
            with pytest.raises(LinkClosed):
                self.link.try_send(thing)
            return
        if not self.fits(thing) and not self.make_room(thing):
            return
        assert self.link.try_send(thing)
        self.sent += 1
        self.stream.append(thing)

    def make_room(self, thing: Thing) -> bool:
        """What the policy does at capacity; false if the thing is not to be sent again."""
        if self.options.policy == "block":
            assert not self.link.try_send(thing)
            return False
        if self.options.policy == "error":
            with pytest.raises(LinkFull):
                self.link.try_send(thing)
            return False
        if self.options.policy == "drop_newest":
            assert self.link.try_send(thing)
            self.sent, self.dropped = self.sent + 1, self.dropped + 1
            return False
        while not self.fits(thing):
            lost = self.waiting[:1] if self.options.policy == "drop_oldest" else self.waiting
            self.lose_waiting(lost)
        return True

    @rule(count=st.integers(1, 6))
    def take(self, count: int) -> None:
        due: list[Thing] = []
        for entry in self.stream[:count]:
            if not isinstance(entry, Thing):
                break
            due.append(entry)

        taken = self.link.take(count)

        assert taken == due
        self.stream = self.stream[len(due) :]
        self.received += len(due)
        self.in_hand, self.given_back = due, 0

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        done = data.draw(st.integers(0, len(self.in_hand) - 1))
        rest = self.in_hand[done:]
        self.link.untake(rest)
        self.stream = [*rest, *self.stream]
        self.received -= len(rest)
        self.in_hand, self.given_back = [], len(rest)

    @rule(number=st.integers())
    def send_event(self, number: int) -> None:
        if not self.closed:
            event = Caps({"number": number})
            self.link.send_event(event)
            self.stream.append(event)

    @rule(event=st.sampled_from([Flush(), Interrupt("now")]))
    def send_urgent_event(self, event: Event) -> None:
        self.link.send_event(event)
        self.lose_waiting(self.waiting)
        urgent = [entry for entry in self.stream if isinstance(entry, Event) and entry.urgent]
        others = [entry for entry in self.stream if entry not in urgent]
        self.stream = [*urgent, event, *others]
        self.in_hand = []

    @rule()
    def next_event(self) -> None:
        due = self.stream[0] if self.stream and isinstance(self.stream[0], Event) else None
        if due is not None:
            del self.stream[0]
            self.in_hand = []  # what came before an event is not given back behind it

        assert self.link.next_event() == due

    @rule(reason=st.sampled_from(["stopped", "flushed"]))
    def drop_all(self, reason: str) -> None:
        self.link.drop_all(reason)
        self.lose_waiting(self.waiting)
        self.in_hand = []

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.link.close()
        self.closed = True
        self.stream.append(End())

    @invariant()
    def the_ledger_adds_up(self) -> None:
        report = self.link.report()
        assert report.sent == report.received + sum(report.dropped.values()) + report.in_flight
        counted = (report.sent, report.received, sum(report.dropped.values()), report.in_flight)
        assert counted == (self.sent, self.received, self.dropped, len(self.waiting))

    @invariant()
    def no_more_waits_than_the_limits_allow(self) -> None:
        report = self.link.report()
        assert report.in_flight <= (self.options.max_items or 0) + self.given_back
        nbytes = sum(thing.nbytes for thing in self.waiting)
        if self.options.max_bytes is not None:
            assert report.bytes == nbytes
        if self.options.max_bytes is not None and not self.given_back:
            assert nbytes <= max(self.options.max_bytes, LARGEST)
        if self.budget is not None:
            assert self.budget.spent == nbytes
            assert self.budget.peak >= self.budget.spent

    @invariant()
    def work_is_pending_where_there_is_some(self) -> None:
        assert self.link.pending == bool(self.stream)


TestLinkMachine: Any = LinkMachine.TestCase
TestLinkMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
