from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from streamflow.errors import LinkClosed, LinkFull
from streamflow.events import Caps, End, Flush, Gap, Interrupt
from streamflow.flow.limits import Budget, nbytes_of
from streamflow.flow.link import DEFAULT_ITEMS, Link
from streamflow.flow.signal import Signal
from streamflow.frames import VideoFrame
from streamflow.graph import LinkPolicy, Queue
from streamflow.packet import Packet


def fill(link: Link, *items: Any) -> list[bool]:
    """Send items; whether each found a credit."""
    return [link.try_send(item) for item in items]


def test_items_come_out_in_the_order_they_went_in() -> None:
    link = Link("a.out -> b.in")

    fill(link, 1, 2, 3)

    assert link.take(2) == [1, 2]
    assert link.take(5) == [3]
    assert link.take(5) == []


def test_a_link_holds_32_items_unless_told_otherwise() -> None:
    link = Link("a.out -> b.in")

    found = fill(link, *range(DEFAULT_ITEMS + 1))

    assert found == [True] * 32 + [False]
    assert link.report().credits == 0


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [
        ("drop_oldest", [3, 4, 5], {"drop_oldest": 3}),
        ("drop_newest", [0, 1, 2], {"drop_newest": 3}),
        ("latest", [3, 4, 5], {"latest": 3}),
    ],
)
def test_what_a_full_link_loses_is_the_policys_choice(
    policy: LinkPolicy, kept: list[int], dropped: dict[str, int]
) -> None:
    link = Link("a.out -> b.in", Queue(max_items=3, policy=policy))

    fill(link, *range(6))

    assert link.take(9) == kept
    assert link.report().dropped == dropped


def test_latest_keeps_the_newest_alone() -> None:
    link = Link("a.out -> b.in", Queue(max_items=1, policy="latest"))

    fill(link, *range(6))

    assert link.take(9) == [5]


def test_a_full_link_with_policy_error_says_so_and_takes_nothing() -> None:
    link = Link("a.out -> b.in", Queue(max_items=1, policy="error"))
    link.try_send(1)

    with pytest.raises(LinkFull, match=r"a\.out -> b\.in is full: 1 of 1 items wait"):
        link.try_send(2)

    assert link.report().sent == 1
    assert link.take(9) == [1]


def test_the_sender_of_a_closed_link_is_to_blame() -> None:
    link = Link("a.out -> b.in")
    link.close()

    with pytest.raises(LinkClosed, match=r"a\.out -> b\.in: the sender has ended this link"):
        link.try_send(1)


def test_the_end_comes_behind_what_was_sent_and_once() -> None:
    link = Link("a.out -> b.in")
    link.try_send(1)
    link.close()
    link.close()

    before, items, after = link.next_event(), link.take(9), link.next_event()

    assert (before, items, after) == (None, [1], End())
    assert link.next_event() is None


def test_an_event_keeps_its_place_between_items() -> None:
    link = Link("a.out -> b.in")
    fill(link, 1, 2)
    link.send_event(Gap(0.0, 1.0))
    fill(link, 3)

    stream = [link.take(9), link.next_event(), link.take(9)]

    assert stream == [[1, 2], Gap(0.0, 1.0), [3]]


def test_an_event_needs_no_credit() -> None:
    link = Link("a.out -> b.in", Queue(max_items=1))
    fill(link, 1)

    link.send_event(Caps({"width": 2}))

    assert link.take(1) == [1]
    assert link.next_event() == Caps({"width": 2})


def test_an_urgent_event_overtakes_and_drops_what_waits() -> None:
    link = Link("a.out -> b.in")
    fill(link, 1, 2)
    link.send_event(Gap(0.0, 1.0))
    fill(link, 3)

    link.send_event(Flush())

    assert [link.next_event(), link.next_event()] == [Flush(), Gap(0.0, 1.0)]
    assert link.report().dropped == {"flushed": 3}


def test_urgent_events_do_not_overtake_each_other() -> None:
    link = Link("a.out -> b.in")

    link.send_event(Flush())
    link.send_event(Interrupt("stop talking"))

    assert [link.next_event(), link.next_event()] == [Flush(), Interrupt("stop talking")]


def test_an_event_stays_in_place_when_items_before_it_are_dropped() -> None:
    link = Link("a.out -> b.in", Queue(max_items=2, policy="drop_oldest"))
    fill(link, 1, 2)
    link.send_event(Gap(0.0, 1.0))

    fill(link, 3)

    assert [link.take(9), link.next_event(), link.take(9)] == [[2], Gap(0.0, 1.0), [3]]


def test_an_event_stays_in_place_behind_items_that_never_entered() -> None:
    link = Link("a.out -> b.in", Queue(max_items=2, policy="drop_newest"))
    fill(link, 1, 2, 3)
    link.send_event(Gap(0.0, 1.0))
    first = link.take(9)

    fill(link, 4)

    assert [first, link.next_event(), link.take(9)] == [[1, 2], Gap(0.0, 1.0), [4]]


def test_items_that_are_given_back_come_first_again() -> None:
    link = Link("a.out -> b.in")
    fill(link, 1, 2, 3)
    taken = link.take(2)

    link.untake(taken)

    assert link.report().received == 0
    assert link.take(9) == [1, 2, 3]


def test_bytes_are_bounded_but_one_item_always_passes() -> None:
    link = Link("a.out -> b.in", Queue(max_bytes=1_000))

    found = fill(link, bytes(5_000), b"x")
    link.take(1)
    again = fill(link, bytes(600), bytes(400), b"x")

    assert found == [True, False]
    assert again == [True, True, False]
    assert link.report().bytes == 1_000


def test_time_is_bounded_from_the_first_pts_to_the_last() -> None:
    link = Link("a.out -> b.in", Queue(max_time=1.0))
    packets = [Packet(n, n, Fraction(1, 2)) for n in range(4)]

    found = fill(link, *packets)

    assert found == [True, True, True, False]


def test_items_without_a_pts_are_not_bounded_by_time() -> None:
    link = Link("a.out -> b.in", Queue(max_items=3, max_time=1.0))

    assert fill(link, 1, 2, 3, 4) == [True, True, True, False]


@pytest.mark.parametrize(
    ("item", "nbytes"),
    [
        (VideoFrame.from_ndarray(np.zeros((4, 6, 3), np.uint8)), 72),
        (np.zeros(10, np.int16), 20),
        (Packet(bytearray(7)), 7),
        (b"abc", 3),
    ],
    ids=["frame", "array", "packet", "bytes"],
)
def test_bytes_of_what_holds_memory_are_exact(item: Any, nbytes: int) -> None:
    assert nbytes_of(item) == nbytes


def test_a_budget_must_have_room_for_a_byte() -> None:
    with pytest.raises(ValueError, match="max_bytes must be 1 or more, not 0"):
        Budget(0)


def test_a_budget_bounds_all_links_together() -> None:
    budget = Budget(1_000)
    links = [Link(f"a.out -> {name}.in", budget=budget) for name in "bc"]

    found = [fill(link, bytes(400), bytes(400)) for link in links]

    assert found == [[True, True], [True, False]]
    assert budget.peak == 1_200  # the second link was empty, and took one item


def test_a_sender_waits_until_the_receiver_grants() -> None:
    async def main() -> list[Any]:
        link = Link("a.out -> b.in", Queue(max_items=4))
        fill(link, *range(4))
        sender = asyncio.create_task(link.send("late"))
        await asyncio.sleep(0)
        first = [sender.done(), link.take(1), await yielded(sender)]
        return [*first, link.take(1), await yielded(sender)]

    # Woken at half empty, not at each item.
    assert asyncio.run(main()) == [False, [0], False, [1], True]


def test_a_sender_that_waits_is_told_when_the_budget_is_freed_on_another_link() -> None:
    async def main() -> list[Any]:
        budget = Budget(1_000)
        heavy, light = (Link(name, budget=budget) for name in ("heavy", "light"))
        fill(heavy, bytes(1_000))
        fill(light, bytes(10))
        sender = asyncio.create_task(light.send(bytes(10)))
        before = await yielded(sender)
        heavy.take(1)
        return [before, await yielded(sender)]

    assert asyncio.run(main()) == [False, True]


def test_a_sender_that_waits_goes_on_when_what_waits_is_dropped() -> None:
    async def main() -> tuple[bool, dict[str, int]]:
        link = Link("a.out -> b.in", Queue(max_items=1))
        fill(link, 1)
        sender = asyncio.create_task(link.send(2))
        await asyncio.sleep(0)
        link.drop_all("flushed")
        return await yielded(sender), link.dropped

    assert asyncio.run(main()) == (True, {"flushed": 1})


def test_a_receiver_that_is_about_to_sleep_lets_senders_go_on() -> None:
    async def main() -> list[bool]:
        link = Link("a.out -> b.in", Queue(max_items=4))
        fill(link, *range(4))
        sender = asyncio.create_task(link.send("late"))
        await asyncio.sleep(0)
        link.offer()
        full = await yielded(sender)
        link.take(1)
        link.offer()
        return [full, await yielded(sender)]

    assert asyncio.run(main()) == [False, True]


def test_items_that_are_given_back_weigh_again() -> None:
    budget = Budget(1_000)
    link = Link("a.out -> b.in", Queue(max_bytes=500), budget=budget)
    fill(link, bytes(200), bytes(300))

    link.untake(link.take(2))

    assert (link.report().bytes, budget.spent) == (500, 500)
    assert not link.try_send(b"x")


@pytest.mark.parametrize("policy", ["block", "drop_oldest", "drop_newest", "latest", "error"])
def test_only_a_link_that_blocks_makes_its_sender_wait(policy: LinkPolicy) -> None:
    assert Link("a.out -> b.in", Queue(policy=policy)).never_blocks == (policy != "block")


async def yielded(task: asyncio.Task[Any]) -> bool:
    """Whether a task is done after the others have had a few turns."""
    for _ in range(3):
        await asyncio.sleep(0)
    return task.done()


def test_a_receiver_is_woken_by_an_item_and_by_an_event() -> None:
    async def main() -> list[bool]:
        link = Link("a.out -> b.in", arrived=Signal())
        woken: list[bool] = []
        for wake in (lambda: link.try_send(1), lambda: link.send_event(Gap(0.0, 1.0)), link.close):
            waiter = asyncio.create_task(link.arrived.wait(lambda: False))
            before = await yielded(waiter)
            wake()
            woken += [before, await yielded(waiter)]
        return woken

    assert asyncio.run(main()) == [False, True] * 3


def test_a_report_is_a_snapshot() -> None:
    link = Link("a.out -> b.in", Queue(max_items=2, policy="drop_oldest"))
    fill(link, 1, 2, 3)

    before = link.report()
    fill(link, 4)

    assert before.dropped == {"drop_oldest": 1}
    assert (before.sent, before.in_flight, before.credits, before.max_items) == (3, 2, 0, 2)
