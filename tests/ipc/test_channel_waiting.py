"""Channels: who waits for whom, how long, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from streamflow.errors import HandshakeError, IpcError, LinkClosed, WouldBlock
from streamflow.ipc import Reader, Writer
from tests.support.ends import picture, shows

pytestmark = pytest.mark.usefixtures("backend_in_use")


def test_a_writer_waits_as_long_as_it_may(path: str) -> None:
    with Writer(path, slots=2) as writer, Reader(path):
        writer.send_batch([1, 2])

        assert not writer.try_send(3)
        with pytest.raises(TimeoutError, match=f"a reader of {path} has not taken"):
            writer.send(3, timeout=0.01)
        with pytest.raises(WouldBlock):
            writer.send(3, timeout=0)
        with pytest.raises(TimeoutError):
            writer.send_batch([3, 4], timeout=0.01)


def test_a_reader_waits_as_long_as_it_may(path: str) -> None:
    with Writer(path), Reader(path) as reader:
        with pytest.raises(TimeoutError, match=f"nothing has come from the writer at {path}"):
            reader.take(timeout=0.01)
        with pytest.raises(WouldBlock):
            reader.take(timeout=0)
        with pytest.raises(TimeoutError):
            reader.take_batch(timeout=0.01)


def test_a_reader_at_the_end_says_so(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.close()

        with pytest.raises(EOFError, match="has closed"):
            reader.take()
        with pytest.raises(EOFError, match="has closed"):
            reader.take_batch()


def test_writer_and_reader_wait_for_each_other(path: str) -> None:
    taken: list[int] = []
    with Writer(path, slots=3) as writer, Reader(path) as reader:
        thread = threading.Thread(target=lambda: taken.extend(reader))
        thread.start()
        for number in range(500):
            writer.send(number)
        writer.send_batch(list(range(500, 1000)))
        writer.close()
        thread.join()

    assert taken == list(range(1000))


def test_several_threads_may_send(path: str) -> None:
    with Writer(path, slots=5) as writer, Reader(path) as reader:

        def send(name: str) -> None:
            for number in range(200):
                writer.send((name, number))

        threads = [threading.Thread(target=send, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        taken = [reader.take() for _ in range(600)]
        for thread in threads:
            thread.join()

    for name in "abc":
        assert [number for other, number in taken if other == name] == list(range(200))


def test_a_writer_waits_for_its_readers(path: str) -> None:
    with Writer(path) as writer:
        with pytest.raises(TimeoutError, match=f"0 readers came to {path}, not 2"):
            writer.wait_for_readers(2, timeout=0.01)
        readers: list[Reader] = []
        threads = [
            threading.Thread(target=lambda: readers.append(Reader(path, timeout=60)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()

        writer.wait_for_readers(2)

        assert writer.readers == 2
        for thread in threads:
            thread.join()
        for reader in readers:
            reader.close()
        assert writer.readers == 0


def test_a_reader_may_be_there_before_the_writer(path: str) -> None:
    taken: list[int] = []

    def read() -> None:
        with Reader(path, timeout=60) as reader:
            taken.extend(reader)

    thread = threading.Thread(target=read)
    thread.start()
    with Writer(path) as writer:
        writer.wait_for_readers()
        writer.send(1)
    thread.join()

    assert taken == [1]


def test_a_reader_without_a_writer_fails(path: str) -> None:
    with pytest.raises(HandshakeError, match=f"no writer is at {path}"):
        Reader(path)


def test_parameters_out_of_their_range_are_named(path: str) -> None:
    with pytest.raises(ValueError, match=r"policy must be one of block, .*, not 'newest'"):
        Reader(path, cast("Any", "newest"))
    with pytest.raises(ValueError, match="depth must be 1 or more, not 0"):
        Reader(path, depth=0)


def test_a_depth_beyond_all_bounds_is_refused_and_the_writer_goes_on(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        with pytest.raises(HandshakeError, match="slots would be needed"):
            Reader(path, depth=1 << 30)
        writer.send(1)

        assert reader.take() == 1


def test_two_writers_at_one_path_are_one_too_many(path: str) -> None:
    with Writer(path), pytest.raises(IpcError, match="in use by process"):
        Writer(path)


def test_a_writer_that_was_closed_is_closed(path: str) -> None:
    writer = Writer(path)
    writer.close()
    writer.close()

    for call in (
        lambda: writer.try_send(1),
        lambda: writer.send(1),
        lambda: writer.send_batch([1]),
        lambda: writer.wait_for_readers(0),
    ):
        with pytest.raises(LinkClosed, match=f"the writer at {path} has been closed"):
            call()


def test_a_reader_need_not_trust_the_writer(path: str) -> None:
    with Writer(path) as writer, Reader(path, trusted=False) as reader:
        writer.send(picture(1))
        writer.send(threading.Thread)

        assert shows(reader.take()) == 1
        with pytest.raises(IpcError, match="untrusted"):
            reader.take()


def test_whoever_waits_when_the_writer_closes_is_told(path: str) -> None:
    told: list[str] = []

    def wait(call: Callable[[], None]) -> None:
        try:
            call()
        except LinkClosed as error:
            told.append(str(error))

    with Writer(path, slots=1) as writer, Reader(path):
        writer.send(1)
        calls: list[Callable[[], None]] = [
            lambda: writer.send(2),
            lambda: writer.send_batch([2, 3]),
            lambda: writer.wait_for_readers(2),
        ]
        threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        writer.close()
        for thread in threads:
            thread.join()

    assert told == [f"the writer at {path} has been closed"] * 3
