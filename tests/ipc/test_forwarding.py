"""Forwarding: what lies in shared memory goes on as a reference, however often it is sent on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import pytest

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.ipc import memory as memories
from streamflow.ipc.sender import Sender
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Wire
from tests.support.ends import Ends, line, picture, program, shows, tell

MIDDLE = """
receiver = Receiver(wire(1), trusted=True)
sender = Sender(slots=4, references=True)
sender.connect(wire(2))
say("ready")
while (frame := take(receiver)) is not EMPTY:
    if frame.pts % 3 == 1:
        frame = frame.replace(pts=frame.pts + 1000, metadata={"by": "B"})
    elif frame.pts % 3 == 2:
        frame = VideoFrame((frame.planes[0][10:110, 20:100],), "rgb24", pts=frame.pts)
    send(sender, frame)
    del frame
sender.close(60.0)
say(sender.copied, receiver.copied, sender.lent, receiver.leases)
receiver.close()
"""

LAST = """
receiver = Receiver(wire(1), trusted=True, name="B")
held = []
say("ready")
try:
    while (frame := take(receiver)) is not EMPTY:
        pixels = frame.planes[0]
        number = int(pixels[0, 0, 0])
        assert (pixels == number).all()
        say(number, *pixels.shape, frame.pts, frame.metadata.get("by", "A"), receiver.copied)
        if len(sys.argv) > 2:
            held.append(frame)
        del frame, pixels
except Exception as error:
    say(type(error).__name__, error)
    sys.stdin.readline()
    say(*[int(frame.planes[0].max()) for frame in held])
receiver.close()
say("done")
"""


@contextmanager
def chain(
    sender: Sender, *, hold: bool = False
) -> Generator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """Two processes: one that sends on what this one sends, and one that receives that."""
    first, second = Wire.pair()
    third, fourth = Wire.pair()
    hands = [second.fileno(), third.fileno()], [fourth.fileno()]
    with (
        program(MIDDLE, *hands[0], fds=hands[0]) as middle,
        program(LAST, *hands[1], *(["hold"] if hold else []), fds=hands[1]) as last,
    ):
        for wire in (second, third, fourth):
            wire.close()
        sender.connect(first)
        assert line(middle) == "ready"
        assert line(last) == "ready"
        yield middle, last


def send(sender: Sender, frame: VideoFrame) -> None:
    while not sender.try_send(frame):
        sender.wait(None)


def told(number: int) -> str:
    """What the last process says of a frame: unchanged, in a new wrapping, or cropped."""
    shape, pts, by = "180 320 3", number, "A"
    if number % 3 == 1:
        pts, by = number + 1000, "B"
    elif number % 3 == 2:
        shape = "100 80 3"
    return f"{number} {shape} {pts} {by} 0"


@pytest.mark.parametrize("where", ["slots", "pool"])
def test_a_frame_crosses_three_processes_and_the_middle_one_copies_nothing(
    ends: Ends, where: str
) -> None:
    pool = SharedPool() if where == "pool" else None
    sender = ends.sender(leases=32, pool=pool, references=pool is not None)

    with chain(sender) as (middle, last):
        for number in range(60):
            send(sender, picture(number))
        sender.finish()
        seen = [line(last) for _ in range(61)]
        account = line(middle)
        while sender.receivers:
            sender.wait(None)
            sender.reap()

    assert seen == [*(told(number) for number in range(60)), "done"]
    assert account == "0 0 0 0"
    assert sender.lent == 0
    assert sender.copied == (60 * picture(0).nbytes if where == "slots" else 0)


def test_when_the_middle_process_is_killed_the_last_one_is_told_and_keeps_what_it_has(
    ends: Ends,
) -> None:
    sender = ends.sender(leases=32)

    with chain(sender, hold=True) as (middle, last):
        for number in range(5):
            send(sender, picture(number))
        seen = [line(last) for _ in range(5)]
        os.kill(middle.pid, signal.SIGKILL)
        lost = line(last)
        tell(last)
        held = line(last)
        while not sender.reap():
            sender.wait(None)

        assert [words.split()[0] for words in seen] == list("01234")
        assert lost == "PeerLost B is lost: it hung up without closing; what it had sent was taken"
        assert held == "0 1 2 3 4"
        assert line(last) == "done"
        assert sender.receivers == {}


def test_the_whole_chain_of_leases_is_released_in_the_end(ends: Ends) -> None:
    first, second = ends.sender(), ends.sender(references=True)
    middle, last = ends.join(first), ends.join(second)
    first.try_send(picture(1))

    second.try_send(middle.try_take())
    frame = last.try_take()
    during = middle.leases, second.lent, last.leases, shows(frame)
    del frame
    second.drain()

    assert during == (1, 1, 1, 1)
    assert (middle.leases, second.lent, last.leases) == (0, 0, 0)


def test_what_is_sent_on_survives_the_end_of_the_first_sender(ends: Ends) -> None:
    first, second = ends.sender(), ends.sender(references=True)
    middle, last = ends.join(first), ends.join(second)
    first.try_send(picture(7))
    second.try_send(middle.try_take())

    first.close()
    middle.close()
    frame = last.try_take()

    assert shows(frame) == 7
    assert second.copied == 0


def test_a_frame_that_comes_back_lies_where_it_was_written(ends: Ends) -> None:
    pool = SharedPool()
    there, back = (ends.sender(pool=pool, references=True) for _ in range(2))
    away, home = ends.join(there), ends.join(back)
    pixels = pool.allocate((100, 300), np.uint8)
    pixels[:] = 5

    there.try_send(VideoFrame((pixels,), "gray8"))
    back.try_send(away.try_take())
    frame = home.try_take()
    pixels[3, 4] = 6

    assert frame.planes[0][3, 4] == 6
    assert memories.find(frame.planes[0]) == memories.find(pixels)


def test_sound_is_sent_on_as_a_reference_too(ends: Ends) -> None:
    first, second = ends.sender(), ends.sender(references=True)
    middle, last = ends.join(first), ends.join(second)
    samples = np.arange(48_000, dtype=np.float32).reshape(2, 24_000)
    first.try_send(AudioFrame(samples, layout="stereo", rate=48_000, pts=0))

    second.try_send(middle.try_take())
    frame = last.try_take()

    assert (frame.samples == samples).all()
    assert second.copied == 0


def test_many_memories_come_and_go_and_few_are_known(ends: Ends) -> None:
    sender = ends.sender(references=True)
    near, far = ends.wires()
    code = """
receiver = Receiver(wire(), trusted=True)
while (frame := take(receiver)) is not EMPTY:
    say(int(frame.planes[0].max()), len(receiver._lane._memories) < 5)
    del frame
"""
    with program(code, far.fileno(), fds=[far.fileno()]) as child:
        far.close()
        sender.connect(near)
        for number in range(30):
            pool = SharedPool()
            pixels = pool.allocate((200, 200), np.uint8)
            pixels[:] = number
            sender.try_send(VideoFrame((pixels,), "gray8"))
            del pixels, pool

            assert line(child) == f"{number} True"
            while sender.lent:
                sender.drain()
