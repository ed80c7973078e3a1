"""Receivers: what a sender may not say, and how a receiver sleeps."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from streamflow.errors import IpcError, LinkClosed, PeerLost, RingCorrupt
from streamflow.ipc.receiver import EMPTY, Control
from streamflow.ipc.sender import Sender
from streamflow.ipc.wire import Kind
from tests.support.ends import Ends, open_fds, picture, shows, taken


def hang_up(sender: Sender, number: int = 0) -> None:
    """What a receiver sees of a sender's death."""
    sender.receivers[number].wire.close()


# -- trust


def test_an_object_of_a_sender_that_is_not_trusted_is_refused(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender, trusted=False)
    sender.try_send_batch([b"bytes", threading.Thread, b"more"])
    sender.try_send(picture(4))

    first = receiver.take_many(64)
    with pytest.raises(IpcError, match="untrusted"):
        receiver.take_many(64)
    rest = receiver.take_many(64) + receiver.take_many(64)

    assert first == [b"bytes"]
    assert rest[0] == b"more"
    assert shows(rest[1]) == 4


# -- what a sender may not say


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (Kind.HELLO, b"", "sent message 3"),
        (Kind.SCHEMA, b"abc", "sent message 6 of 3 bytes"),
        (Kind.FORGET, b"12345", "sent message 8 of 5 bytes"),
        (Kind.MEMORY, b"", "descriptors, not 1"),
    ],
)
def test_a_message_out_of_place_is_corrupt(ends: Ends, kind: Kind, body: bytes, words: str) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    sender.receivers[0].wire.send(kind, body)

    with pytest.raises(RingCorrupt, match=words):
        taken(receiver)


def test_memory_that_is_none_is_refused(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    with open("/dev/null", "rb") as null:  # noqa: PTH123 - its descriptor is wanted
        sender.receivers[0].wire.send(Kind.MEMORY, bytes(20), [null.fileno()])

    with pytest.raises(IpcError, match="shared memory"):
        taken(receiver)


def test_rings_without_end_are_refused_and_their_descriptors_closed(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    before = open_fds()
    with open("/dev/null", "rb") as null:  # noqa: PTH123 - its descriptor is wanted
        for epoch in range(1, 70):
            sender.receivers[0].wire.send(Kind.GENERATION, b"", [null.fileno()], epoch)

    with pytest.raises(RingCorrupt, match="more than 64 rings"):
        taken(receiver)
    receiver.close()
    sender.close()

    assert open_fds() < before


def test_a_ring_that_is_none_is_refused_when_its_turn_comes(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    sender.try_send(1)
    sender.receivers[0].wire.send(Kind.GENERATION, b"nonsense", epoch=1)

    first = receiver.try_take()

    assert first == 1
    with pytest.raises(IpcError, match="none of streamflow's"):
        receiver.try_take()


# -- sleeping


def test_a_receiver_that_waits_is_woken_by_an_item_an_event_and_a_hangup(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    turns = threading.Semaphore(0)

    def send() -> None:
        for step in (
            lambda: sender.try_send(1),
            lambda: sender.send_event(b"2"),
            lambda: sender.send_urgent(b"3"),
            lambda: hang_up(sender),
        ):
            turns.acquire()
            step()

    def take() -> Any:
        turns.release()
        while (value := receiver.try_take()) is EMPTY:
            receiver.wait(None)
        return value

    thread = threading.Thread(target=send)
    thread.start()
    values = [take(), take(), take()]
    with pytest.raises(PeerLost):
        take()
    thread.join()

    assert values == [1, Control(b"2", False), Control(b"3", True)]


async def test_a_receiver_on_a_loop_is_called_back(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()
    receiver.watch(loop, woken.set)

    armed = receiver.arm()
    sender.try_send(1)
    await woken.wait()
    values = taken(receiver)
    woken.clear()
    sender.send_event(b"2")
    await woken.wait()
    values += taken(receiver)
    receiver.unwatch()

    assert armed
    assert values == [1, Control(b"2", False)]


def test_a_receiver_that_has_something_does_not_sleep(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    sender.try_send(1)

    assert not receiver.arm()
    assert receiver.wait(None)
    assert taken(receiver) == [1]


def test_a_wait_for_nothing_ends_at_its_timeout(ends: Ends) -> None:
    receiver = ends.join(ends.sender())

    assert not receiver.wait(0.001)


def test_closing_twice_is_the_same_as_once(ends: Ends) -> None:
    receiver = ends.join(ends.sender())

    receiver.close()
    receiver.close()

    assert receiver.closed
    with pytest.raises(LinkClosed):
        receiver.try_take()


def test_nothing_has_a_name() -> None:
    assert repr(EMPTY) == "EMPTY"
