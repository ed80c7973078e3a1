"""Senders: what is sent arrives, in order, whoever else listens and whatever they do."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from typing import Any

import pytest

from streamflow.errors import IpcError, PicklingError
from streamflow.ipc import memory as memories
from streamflow.ipc.backend import backend
from streamflow.ipc.layout import CURSOR, MAX_CONSUMERS, Policy
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Kind, close_all
from tests.support.ends import Ends, picture, shows, taken


class Counted:
    """A value that counts how often it is encoded."""

    encoded = 0

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        Counted.encoded += 1
        return Counted, ()


def test_values_of_all_kinds_arrive_in_order(ends: Ends) -> None:
    sender = ends.sender(slots=16)
    receiver = ends.join(sender)
    values = [b"bytes", "text", 7, 0.5, None, {"a": [1, 2]}, b"y" * 10_000, ("t", 1)]

    sent = [sender.try_send(value) for value in values]

    assert all(sent)
    assert taken(receiver) == values
    assert sender.sent == len(values)


def test_a_frame_is_read_where_it_was_written(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)

    sender.try_send(picture(3))
    frame = receiver.try_take()

    assert shows(frame) == 3
    assert memories.find(frame.planes[0]) is not None
    assert sender.copied == frame.nbytes
    assert receiver.copied == 0


def test_without_receivers_items_go_nowhere_and_are_counted(ends: Ends) -> None:
    sender = ends.sender()

    sent = [sender.try_send(1), sender.try_send_batch([1, 2, 3])]

    assert sent == [True, 3]
    assert (sender.sent, sender.unheard) == (0, 4)


def test_a_sender_waits_until_the_receiver_takes(ends: Ends) -> None:
    sender = ends.sender(slots=2)
    receiver = ends.join(sender)

    early = [sender.try_send(number) for number in range(3)]
    first = receiver.try_take()
    late = sender.try_send(2)

    assert early == [True, True, False]
    assert (first, late) == (0, True)
    assert taken(receiver) == [1, 2]


def test_a_value_that_found_no_room_is_not_encoded_again(ends: Ends) -> None:
    sender = ends.sender(slots=1)
    receiver = ends.join(sender)
    value, Counted.encoded = Counted(), 0
    sender.try_send(0)

    refused = [sender.try_send(value) for _ in range(3)]
    taken(receiver)
    sent = sender.try_send(value)

    assert (refused, sent) == ([False] * 3, True)
    assert Counted.encoded == 1


def test_a_receiver_names_its_own_depth(ends: Ends) -> None:
    sender = ends.sender(slots=2)
    ends.join(sender, depth=5)

    sent = [sender.try_send(number) for number in range(6)]

    assert sent == [True] * 5 + [False]


def test_the_slowest_receiver_that_blocks_holds_the_sender(ends: Ends) -> None:
    sender = ends.sender(slots=4)
    quick, slow = ends.join(sender), ends.join(sender, depth=2)

    sent = [sender.try_send(number) for number in range(3)]
    taken(quick)
    still = sender.try_send(2)
    taken(slow)

    assert sent == [True, True, False]
    assert not still
    assert sender.try_send(2)


def test_a_receiver_that_drops_the_oldest_holds_nobody(ends: Ends) -> None:
    sender = ends.sender(slots=4)
    receiver = ends.join(sender, Policy.DROP_OLDEST, 3)

    sent = [sender.try_send(number) for number in range(10)]

    assert all(sent)
    assert taken(receiver) == [7, 8, 9]
    assert receiver.lost == sender.lost(0) == 7


def test_a_receiver_of_the_latest_sees_only_that(ends: Ends) -> None:
    sender = ends.sender(slots=4)
    receiver = ends.join(sender, Policy.LATEST)

    for number in range(10):
        sender.try_send(number)

    assert taken(receiver) == [9]
    assert receiver.lost == sender.lost(0) == 9


def test_a_late_receiver_gets_the_next_item_and_knows_what_was_announced(ends: Ends) -> None:
    pyarrow: Any = pytest.importorskip("pyarrow")
    sender = ends.sender()
    early = ends.join(sender)
    table = pyarrow.record_batch({"number": [1, 2, 3]})
    sender.try_send(table)

    late = ends.join(sender)
    sender.try_send(table)

    assert [each.equals(table) for each in taken(early)] == [True, True]
    assert [each.equals(table) for each in taken(late)] == [True]


def test_a_late_receiver_is_handed_the_memory_that_items_refer_to(ends: Ends) -> None:
    pool = SharedPool()
    sender = ends.sender(pool=pool, references=True)
    early = ends.join(sender)
    sender.try_send(picture(1))

    late = ends.join(sender)
    sender.try_send(picture(2))

    assert [shows(each) for each in taken(early)] == [1, 2]
    assert [shows(each) for each in taken(late)] == [2]
    assert sender.copied == 0


def test_sixteen_may_join_and_the_seventeenth_is_refused(ends: Ends) -> None:
    sender = ends.sender(slots=2, leases=1)
    first = ends.join(sender)
    sender.try_send("before")

    others = [ends.join(sender) for _ in range(MAX_CONSUMERS - 1)]
    sender.try_send("after")

    assert taken(first) == ["before", "after"]
    assert [taken(other) for other in others] == [["after"]] * (MAX_CONSUMERS - 1)
    with pytest.raises(IpcError, match="16 receivers at most"):
        ends.join(sender)


@pytest.mark.parametrize("receivers", [0, MAX_CONSUMERS + 1])
def test_the_number_of_receivers_has_a_range(ends: Ends, receivers: int) -> None:
    with pytest.raises(ValueError, match=f"receivers must be 1 to 16, not {receivers}"):
        ends.sender(receivers=receivers)


# -- batches


def test_a_batch_arrives_in_order_whatever_is_in_it(ends: Ends) -> None:
    sender = ends.sender(slots=200)
    receiver = ends.join(sender)
    values = [*range(100), b"x" * 5000, "text", *[b"small"] * 70, {"a": 1}, {"b": 2}]

    sent = sender.try_send_batch(values)
    received: list[Any] = []
    while batch := receiver.take_many(64):
        received += batch

    assert sent == sender.sent == len(values)
    assert received == values


def test_a_batch_goes_as_far_as_there_is_room(ends: Ends) -> None:
    sender = ends.sender(slots=3)
    receiver = ends.join(sender)
    values = list(range(8))

    first = sender.try_send_batch(values)
    received = receiver.take_many(2)
    second = sender.try_send_batch(values[first:])

    assert (first, second) == (3, 2)
    assert received + taken(receiver) == [0, 1, 2, 3, 4]


def test_frames_go_in_batches_too(ends: Ends) -> None:
    sender = ends.sender(slots=8)
    receiver = ends.join(sender)

    sent = sender.try_send_batch([picture(number) for number in range(8)])

    assert sent == 8
    assert [shows(frame) for frame in taken(receiver)] == list(range(8))


# -- what fails


def test_what_cannot_travel_is_named_and_leaves_no_trace(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)

    with pytest.raises(PicklingError):
        sender.try_send({"lock": threading.Lock()})
    sender.try_send("next")

    assert taken(receiver) == ["next"]


def test_after_the_end_nothing_is_sent_and_nobody_joins(ends: Ends) -> None:
    sender = ends.sender()
    sender.finish()

    with pytest.raises(IpcError, match="finished"):
        sender.try_send(1)
    with pytest.raises(IpcError, match="finished"):
        ends.join(sender)
    sender.close()


def test_a_receiver_that_lies_is_hung_up_on_and_holds_nobody(ends: Ends) -> None:
    if backend() == "socket":
        pytest.skip("its consumers write no shared word")
    sender = ends.sender(slots=2)
    honest = ends.join(sender, depth=8)
    near, far = ends.wires()
    liar = sender.connect(near)
    hello = far.receive()
    assert hello is not None
    with mmap.mmap(hello.fds[1], 4096) as control:
        control[CURSOR : CURSOR + 8] = (1 << 40).to_bytes(8, "little")

    sent = [sender.try_send(number) for number in range(5)]

    close_all(hello.fds)
    assert all(sent)
    assert taken(honest) == [0, 1, 2, 3, 4]
    assert sender.reap() == [liar]
    assert list(sender.receivers) == [0]


def test_a_receiver_that_talks_is_hung_up_on(ends: Ends) -> None:
    sender = ends.sender()
    near, far = ends.wires()
    number = sender.connect(near)
    far.send(Kind.EVENT, b"I say")

    sender.drain()

    assert sender.reap() == [number]
