"""Receivers: items and events in their order, what is held stays, and every end has its name."""

from __future__ import annotations

from typing import Any

import pytest

from streamflow.errors import PeerLost
from streamflow.ipc.layout import Policy
from streamflow.ipc.receiver import EMPTY, Control, Receiver
from streamflow.ipc.sender import Sender
from tests.support.ends import Ends, picture, shows, taken


def event(number: int) -> bytes:
    return b"event %d" % number


def in_order(receiver: Receiver, most: int) -> list[Any]:
    """All that comes until the clean end: items, and the data of events."""
    values: list[Any] = []
    while not receiver.closed:
        values += receiver.take_many(most)
    return [value.data if isinstance(value, Control) else value for value in values]


def hang_up(sender: Sender, number: int = 0) -> None:
    """What a receiver sees of a sender's death."""
    sender.receivers[number].wire.close()


# -- events


@pytest.mark.parametrize("most", [1, 3, 64])
def test_an_event_comes_before_the_item_that_was_sent_after_it(ends: Ends, most: int) -> None:
    sender = ends.sender(slots=50)
    receiver = ends.join(sender)

    sender.send_event(event(0))
    sender.try_send(0)
    sender.try_send_batch([1, 2])
    sender.send_event(event(1))
    sender.send_event(event(2))
    sender.try_send_batch([3, 4, 5])
    sender.send_event(event(3))
    sender.finish()

    assert in_order(receiver, most) == [
        event(0), 0, 1, 2, event(1), event(2), 3, 4, 5, event(3)
    ]  # fmt: skip


def test_an_event_comes_though_no_item_follows(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)

    sender.try_send(0)
    first = taken(receiver)
    sender.send_event(event(1))
    second = taken(receiver)

    assert first == [0]
    assert second == [Control(event(1), False)]


def test_an_event_needs_no_credit(ends: Ends) -> None:
    sender = ends.sender(slots=1)
    receiver = ends.join(sender)
    sender.try_send(0)

    blocked = sender.try_send(1)
    sender.send_event(event(1))

    assert not blocked
    assert taken(receiver) == [0, Control(event(1), False)]


def test_an_urgent_event_overtakes_what_waits(ends: Ends) -> None:
    sender = ends.sender(slots=50)
    receiver = ends.join(sender)
    sender.try_send_batch(list(range(40)))
    sender.send_event(event(1))

    sender.send_urgent(b"now")
    values = receiver.take_many(64)

    assert values == [Control(b"now", True)]
    assert receiver.take_many(64) == list(range(40))


def test_an_urgent_event_is_seen_between_single_items(ends: Ends) -> None:
    sender = ends.sender(slots=200)
    receiver = ends.join(sender)
    sender.try_send_batch(list(range(200)))
    sender.send_urgent(b"now")

    values = taken(receiver)

    assert len(values) == 201
    assert values.index(Control(b"now", True)) < 50


def test_events_reach_a_receiver_that_drops_items_in_their_place(ends: Ends) -> None:
    sender = ends.sender(slots=4)
    receiver = ends.join(sender, Policy.DROP_OLDEST, 2)

    for number in range(10):
        sender.try_send(number)
        sender.send_event(event(number))

    values = taken(receiver)
    expected: list[Any] = [Control(event(number), False) for number in range(10)]
    expected.insert(8, 8)
    expected.insert(10, 9)
    assert values == expected


def test_events_that_nobody_reads_are_kept_in_order(ends: Ends) -> None:
    sender = ends.sender(slots=64)
    receiver = ends.join(sender)
    sender.try_send("first")
    for number in range(5000):
        sender.send_event(event(number) + bytes(200))

    sender.try_send("behind")
    values: list[Any] = []
    while "behind" not in values:
        values += receiver.take_many(64)
        sender.drain()

    numbers = [int(value.data[6:10].rstrip(b"\0")) for value in values[1:-1]]
    assert values[0] == "first"
    assert numbers == list(range(5000))


def test_events_beyond_what_is_read_ahead_are_kept_too(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    sender.try_send("first")
    for number in range(12_000):
        sender.send_event(b"%d" % number)
        if number % 100 == 0:
            receiver.drain()
            sender.drain()
    full = receiver._lane.full

    sender.finish()
    values: list[Any] = []
    while not receiver.closed:
        while (value := receiver.try_take()) is not EMPTY:
            values.append(value)
        receiver.arm()
        sender.drain()

    assert full
    assert values == ["first", *(Control(b"%d" % number, False) for number in range(12_000))]


# -- the ends


def test_a_clean_close_comes_after_the_last_item(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    sender.try_send(1)
    sender.close()

    before = receiver.closed
    values = taken(receiver)

    assert not before
    assert values == [1]
    assert receiver.closed
    assert not receiver.arm()


def test_a_sender_that_died_is_lost_after_the_last_item(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender, name="camera")
    sender.try_send(1)
    sender.send_event(event(1))
    hang_up(sender)

    values = [receiver.try_take(), receiver.try_take()]

    assert values == [1, Control(event(1), False)]
    for _ in range(2):
        with pytest.raises(PeerLost, match="camera is lost: it hung up without closing"):
            receiver.try_take()
    with pytest.raises(PeerLost):
        receiver.take_many(3)


def test_a_nameless_sender_is_named_by_its_process(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    hang_up(sender)

    with pytest.raises(PeerLost, match=r"the sender \(process \d+\) is lost"):
        receiver.try_take()


def test_what_is_held_stays_readable_whoever_has_gone(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    for number in range(3):
        sender.try_send(picture(number))
    frames = taken(receiver)
    receiver.close()
    sender.close()

    seen = [shows(frame) for frame in frames]

    assert seen == [0, 1, 2]


# -- leases


def test_who_holds_too_many_gets_copies_and_is_told_once(ends: Ends) -> None:
    told: list[int] = []
    sender = ends.sender(slots=4, leases=4)
    receiver = ends.join(sender, when_short=told.append)
    held: list[Any] = []

    for number in range(12):
        assert sender.try_send(picture(number))
        held.append(receiver.try_take())

    assert [shows(frame) for frame in held] == list(range(12))
    assert told == [3]
    assert receiver.leases == 3
    assert receiver.copied == 9 * held[0].nbytes


def test_leases_come_back_with_the_last_view(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    sender.try_send(picture(1))
    frame = receiver.try_take()
    view = frame.planes[0][3:5, ::2]

    held = [receiver.leases]
    del frame
    held.append(receiver.leases)
    del view
    held.append(receiver.leases)

    assert held == [1, 1, 0]


def test_small_items_hold_no_lease(ends: Ends) -> None:
    sender = ends.sender(slots=64, leases=2)
    receiver = ends.join(sender)
    for number in range(50):
        sender.try_send({"number": number})

    values = taken(receiver)

    assert [value["number"] for value in values] == list(range(50))
    assert receiver.leases == 0
    assert receiver.copied == 0
