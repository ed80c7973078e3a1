"""Channels: programs that know nothing of each other but a path share values."""

from __future__ import annotations

import os
from typing import Any

import pytest

import streamflow.ipc
from streamflow.frames import VideoFrame
from streamflow.ipc import Reader, Writer
from tests.support.ends import picture, shows

pytestmark = pytest.mark.usefixtures("backend_in_use")


def test_the_backend_in_use_has_a_name(backend_in_use: str) -> None:
    assert streamflow.ipc.backend() == backend_in_use


def test_what_is_written_is_read(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        for value in (1, "two", b"three", {"four": 4}, picture(5)):
            writer.send(value)
        taken = [reader.take() for _ in range(5)]

    assert taken[:4] == [1, "two", b"three", {"four": 4}]
    assert shows(taken[4]) == 5


def test_iteration_ends_when_the_writer_closes(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.send_batch(range(5))
        writer.close()

        assert list(reader) == [0, 1, 2, 3, 4]
        assert list(reader) == []


def test_a_batch_is_taken_together(path: str) -> None:
    with Writer(path, slots=100) as writer, Reader(path) as reader:
        writer.send_batch(list(range(100)))

        taken = [reader.take_batch(30), reader.take_batch(), reader.take_batch(50)]

        assert [len(batch) for batch in taken] == [30, 64, 6]
        assert [number for batch in taken for number in batch] == list(range(100))
        with pytest.raises(ValueError, match="most must be 1 or more, not 0"):
            reader.take_batch(0)


def test_a_late_reader_begins_with_the_next_item(path: str) -> None:
    with Writer(path) as writer, Reader(path) as early:
        writer.send("first")
        with Reader(path) as late:
            writer.send("second")
            writer.close()

            assert list(early) == ["first", "second"]
            assert list(late) == ["second"]


def test_without_readers_items_go_nowhere(path: str) -> None:
    with Writer(path) as writer:
        for number in range(100):
            writer.send(number)
        writer.send_batch([1, 2, 3])

        assert writer.statistics() == (0, 103, 0, ())


def test_each_reader_has_its_own_policy_and_its_own_account(path: str) -> None:
    with (
        Writer(path) as writer,
        Reader(path, depth=20) as all_of_them,
        Reader(path, "drop_oldest", depth=3) as some,
        Reader(path, "latest") as one,
    ):
        writer.send_batch(list(range(10)))
        taken = all_of_them.take(), some.take(), one.take()
        statistics = writer.statistics()

        assert taken == (0, 7, 9)
        assert (all_of_them.lost, some.lost, one.lost) == (0, 7, 9)
        assert statistics.sent == 10
        process = os.getpid()
        assert statistics.readers == (
            # It has taken a window full.
            (process, "block", 0, 10, 0, 0),
            (process, "drop_oldest", 2, 1, 7, 0),
            (process, "latest", 0, 1, 9, 0),
        )


def test_frames_that_are_held_show_in_the_accounts(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.send(picture(1))
        frame = reader.take()
        held = reader.leases, writer.statistics().readers[0].leases
        del frame

        assert held == (1, 1)
        assert (reader.leases, writer.statistics().readers[0].leases) == (0, 0)
        assert writer.statistics().copied == picture(1).nbytes


def test_who_keeps_every_frame_is_warned_once_and_gets_copies(path: str) -> None:
    with Writer(path, leases=3) as writer, Reader(path) as reader:
        kept: list[Any] = []

        def keep(number: int) -> None:
            writer.send(picture(number))
            kept.append(reader.take())

        keep(0)
        keep(1)
        with pytest.warns(RuntimeWarning, match="2 items from .* are held"):
            keep(2)
        for number in range(3, 8):
            keep(number)

        assert [shows(frame) for frame in kept] == list(range(8))


def test_what_was_read_is_sent_on_without_a_copy(path: str) -> None:
    with (
        Writer(path) as first,
        Reader(path) as middle,
        Writer(path + "2") as second,
        Reader(path + "2") as last,
    ):
        first.send(picture(3))
        second.send(middle.take().replace(pts=7))
        frame = last.take()

        assert (shows(frame), frame.pts) == (3, 7)
        assert second.statistics().copied == 0


def test_a_frame_made_in_the_writers_memory_is_not_copied(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        seen: list[int] = []
        for number in range(20):
            pixels = writer.allocate((300, 400))
            pixels[:] = number
            writer.send(VideoFrame((pixels,), "gray8"))
            del pixels
            seen.append(shows(reader.take()))

        assert seen == list(range(20))
        assert writer.statistics().copied == 0
        assert writer._pool.arenas == 1


def test_a_frame_outlives_reader_and_writer(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.send(picture(3))
        frame = reader.take()

    assert shows(frame) == 3
