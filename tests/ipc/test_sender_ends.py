"""Senders: who leaves holds nobody, who sleeps is woken, and the end leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading

import numpy as np

from streamflow.frames import VideoFrame
from streamflow.ipc.receiver import EMPTY
from streamflow.ipc.shared import SharedPool
from tests.support.ends import Ends, open_fds, picture, shows, taken

# -- who leaves


def test_a_receiver_that_has_hung_up_is_reaped_once_and_holds_nobody(ends: Ends) -> None:
    sender = ends.sender(slots=1)
    leaver, stayer = ends.join(sender), ends.join(sender, depth=8)
    sender.try_send(0)
    blocked = sender.try_send(1)

    leaver.close()
    gone = [sender.reap(), sender.reap()]

    assert not blocked
    assert gone == [[0], []]
    assert sender.try_send(1)
    assert taken(stayer) == [0, 1]


def test_what_a_receiver_holds_stays_when_it_has_closed(ends: Ends) -> None:
    sender = ends.sender(slots=2, leases=2)
    receiver = ends.join(sender)
    sender.try_send(picture(1))
    view = receiver.try_take().planes[0][10:20]

    receiver.close()
    during = sender.reap(), sender.leases(0)
    for number in range(2, 20):
        sender.try_send(picture(number))
    seen = int(view.min()), int(view.max())
    del view
    after = sender.reap()

    assert during == ([], 1)
    assert seen == (1, 1)
    assert after == [0]


async def test_nothing_is_heard_any_more_of_a_sender_that_is_gone(ends: Ends) -> None:
    sender, woken = ends.sender(slots=4), list[int]()
    receiver = ends.join(sender)
    sender.try_send(b"x" * 100)
    receiver.watch(asyncio.get_running_loop(), lambda: woken.append(1))

    sender.close(0)
    received = taken(receiver)
    for _ in range(20):
        await asyncio.sleep(0)
    receiver.unwatch()

    assert received == [b"x" * 100]
    assert receiver.closed
    # The wire's end and the bell's end, each once or twice.
    assert len(woken) <= 4


# -- sleeping


def test_a_sender_that_waits_is_woken_by_room(ends: Ends) -> None:
    sender = ends.sender(slots=1)
    receiver = ends.join(sender)
    sender.try_send(0)
    thread = threading.Thread(target=receiver.try_take)

    asleep = sender.arm()
    thread.start()
    while not sender.try_send(1):
        sender.wait(None)
    thread.join()

    assert asleep
    assert taken(receiver) == [1]


def test_a_sender_that_waits_is_woken_by_a_hangup(ends: Ends) -> None:
    sender = ends.sender(slots=1)
    receiver = ends.join(sender)
    sender.try_send(0)
    thread = threading.Thread(target=receiver.close)

    thread.start()
    while not sender.reap():
        sender.wait(None)
    thread.join()

    assert sender.try_send(1)


async def test_a_sender_on_a_loop_is_called_back_when_there_is_room(ends: Ends) -> None:
    sender = ends.sender(slots=1)
    receiver = ends.join(sender)
    sender.try_send(0)
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()

    sender.watch(loop, woken.set)
    asleep = sender.arm()
    receiver.try_take()
    await woken.wait()
    sender.unwatch(loop)

    assert asleep
    assert sender.try_send(1)


async def test_an_idle_sender_on_a_loop_lets_go_of_what_comes_back(ends: Ends) -> None:
    pool = SharedPool()
    sender = ends.sender(pool=pool, references=True)
    receiver = ends.join(sender)
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    sender.watch(loop, woken.set)

    sender.try_send(VideoFrame((pool.allocate((200, 200), np.uint8),), "gray8"))
    frame = receiver.try_take()
    held = sender.lent, pool.statistics().lent
    del frame
    while sender.lent:
        await woken.wait()
        woken.clear()

    sender.unwatch(loop)
    assert held == (1, 40_000)
    assert pool.statistics().lent == 0


# -- the end


def test_what_was_sent_before_the_end_can_still_be_taken(ends: Ends) -> None:
    sender = ends.sender()
    receiver = ends.join(sender)
    values = ["a", "b" * 5000, "c"]
    for value in values:
        sender.try_send(value)

    sender.close()

    assert taken(receiver) == values
    assert receiver.closed
    assert receiver.try_take() is EMPTY


def test_closing_waits_for_what_was_lent(ends: Ends) -> None:
    pool = SharedPool()
    sender = ends.sender(pool=pool, references=True)
    receiver = ends.join(sender)
    sender.try_send(picture(5))
    frame = [receiver.try_take()]
    closing = threading.Thread(target=sender.close, args=(60.0,))

    closing.start()
    seen = shows(frame[0])
    frame.clear()
    closing.join()

    assert seen == 5
    assert pool.statistics().lent == 0


def test_closing_waits_no_longer_than_it_may(ends: Ends) -> None:
    pool = SharedPool()
    sender = ends.sender(pool=pool, references=True)
    receiver = ends.join(sender)
    sender.try_send(picture(5))
    frame = receiver.try_take()

    sender.close(linger=0.01)

    assert shows(frame) == 5


def test_nothing_is_left_of_links_that_were_closed(ends: Ends) -> None:
    def cycle() -> None:
        sender = ends.sender(references=True)
        receivers = [ends.join(sender) for _ in range(3)]
        for number in range(4):
            sender.try_send(picture(number, 40 << number))
        received = [taken(receiver) for receiver in receivers]
        sender.close()
        assert [len(each) for each in received] == [4, 4, 4]
        for receiver in receivers:
            receiver.close()

    cycle()
    before = open_fds()
    for _ in range(10):
        cycle()

    assert open_fds() == before
