"""Channels between processes, and the deaths of either side."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from streamflow.errors import HandshakeError, PeerLost
from streamflow.ipc import Reader, Writer
from tests.support.ends import line, open_fds, picture, program, shows, tell

pytestmark = pytest.mark.usefixtures("backend_in_use")


READER = """
reader = Reader(sys.argv[1], sys.argv[2], timeout=60)
say("joined")
for value in reader:
    say(value if isinstance(value, int) else int(value.planes[0].max()))
say("end", reader.lost)
"""

WRITER = """
writer = Writer(sys.argv[1], slots=4)
writer.wait_for_readers(1)
number = 0
while True:
    writer.send(VideoFrame.from_ndarray(np.full((100, 200), number % 251, np.uint8), "gray8"))
    number += 1
"""


def test_programs_share_frames(path: str) -> None:
    with (
        Writer(path) as writer,
        program(READER, path, "block") as first,
        program(READER, path, "block") as second,
    ):
        writer.wait_for_readers(2)
        for number in range(20):
            writer.send(picture(number))
        processes = {each.process for each in writer.statistics().readers}
        writer.close()
        told = [[line(child) for _ in range(22)] for child in (first, second)]

    assert processes == {first.pid, second.pid}
    assert told == [["joined", *map(str, range(20)), "end 0"]] * 2


def test_a_writer_that_was_killed_is_lost_after_the_last_frame(path: str) -> None:
    with program(WRITER, path) as child, Reader(path, timeout=60) as reader:
        seen = [int(reader.take().planes[0].max()) for _ in range(10)]
        held = reader.take()

        child.kill()
        child.wait()
        with pytest.raises(PeerLost, match=f"the writer at {path} is lost"):
            seen.extend(int(frame.planes[0].max()) for frame in reader)

        assert seen[:10] == list(range(10))
        assert seen[10:] == list(range(11, len(seen) + 1))
        assert int(held.planes[0].max()) == 10


def test_a_writer_takes_the_place_of_one_that_was_killed(path: str) -> None:
    with program(WRITER, path) as child:
        Reader(path, timeout=60).close()
        child.kill()
        child.wait()
    left = Path(path).exists()

    with Writer(path) as writer, Reader(path) as reader:
        writer.send("back")

        assert reader.take() == "back"
    assert left


def test_a_reader_that_was_killed_holds_nobody(path: str) -> None:
    code = """
reader = Reader(sys.argv[1])
held = [reader.take() for _ in range(4)]
say("holding")
sys.stdin.readline()
"""
    with Writer(path, slots=4) as writer, program(code, path) as child:
        writer.wait_for_readers(1)
        for number in range(4):
            writer.send(picture(number))
        assert line(child) == "holding"
        while writer.try_send(picture(9)):
            pass

        os.kill(child.pid, signal.SIGKILL)
        writer.send(picture(9))
        while writer.readers:
            pass
        writer.send(picture(9))

        assert writer.statistics().unheard >= 1


def kill_writer(path: str, count: int) -> None:
    """Kill a writer after some frames; those that were taken are whole and in order."""
    seen: list[int] = []

    def look(reader: Reader) -> None:
        seen.extend(shows(frame) for frame in reader)

    with program(WRITER, path) as child, Reader(path, timeout=60) as reader:
        seen.extend(shows(reader.take()) for _ in range(count))
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(PeerLost):
            look(reader)
    Path(path).unlink()
    assert seen == [number % 251 for number in range(len(seen))]


def kill_reader(path: str, count: int) -> None:
    """Kill a reader after some frames; it holds the writer no more."""
    with Writer(path, slots=3) as writer, program(READER, path, "block") as child:
        writer.wait_for_readers(1)
        for number in range(count):
            writer.send(picture(number, 50, 100))
        os.kill(child.pid, signal.SIGKILL)
        while writer.readers:
            writer.try_send(picture(0, 50, 100))
        writer.send("nobody hears")
        assert writer.statistics().unheard >= 1


def test_a_kill_at_any_moment_leaves_the_other_side_whole(path: str) -> None:
    before = open_fds()

    for kill in (kill_writer, kill_reader):
        kill(path, 3)

    assert open_fds() == before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_seventy_kills_on_each_ring_at_any_moment_leave_the_other_side_whole(path: str) -> None:
    before = open_fds()

    for number in range(35):
        kill_writer(path, number % 9)
        kill_reader(path, number % 9)

    assert open_fds() == before


def kill_latecomer(path: str, writer: Writer) -> None:
    with program(READER, path, "latest") as child:
        writer.wait_for_readers(1)
        child.kill()
        while writer.readers:
            pass


def test_a_reader_that_was_killed_leaves_nothing_behind(path: str) -> None:
    with Writer(path) as writer:
        before = open_fds()
        kill_latecomer(path, writer)

        assert open_fds() == before


def test_programs_are_told_apart_by_nothing_but_the_path(path: str) -> None:
    code = """
with Reader(sys.argv[1]) as reader, Writer(sys.argv[2]) as writer:
    say("ready")
    writer.wait_for_readers(1)
    for frame in reader:
        writer.send(frame)
    say(writer.statistics().copied)
    sys.stdin.readline()
"""
    with Writer(path) as writer, program(code, path, path + "2") as child:
        assert line(child) == "ready"
        with Reader(path + "2") as reader:
            seen: list[int] = []
            for number in range(30):
                writer.send(picture(number))
                seen.append(shows(reader.take()))
            writer.close()
            copied = line(child)
            tell(child)

    assert seen == list(range(30))
    assert copied == "0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_of_the_writer_does_not_hide_its_death(path: str) -> None:
    code = """
import os, warnings
writer = Writer(sys.argv[1])
writer.wait_for_readers(1)
writer.send("before")
warnings.simplefilter("ignore")
if os.fork() == 0:
    say("forked")
    sys.stdin.readline()
    os._exit(0)
os.wait()
"""
    with program(code, path) as child, Reader(path, timeout=60) as reader:
        assert line(child) == "forked"
        child.kill()
        child.wait()

        assert reader.take() == "before"
        with pytest.raises(PeerLost):
            reader.take()
        with pytest.raises(HandshakeError, match="no writer"):
            Reader(path)
        tell(child)
