from __future__ import annotations

import gc
import os
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import HandshakeError, IpcError
from streamflow.ipc import memory as memories
from streamflow.ipc import segment as segments
from streamflow.ipc.memory import Memory, attach, find, of
from streamflow.ipc.segment import Segment

PAGE = 4096


def made(size: int = PAGE) -> tuple[Segment, Memory]:
    segment = segments.create(size, guarded=True)
    return segment, of(segment)


def view(segment: Segment) -> Any:
    return np.frombuffer(segment.map, np.uint8)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_an_array_is_found_in_the_memory_that_it_lies_in() -> None:
    segment, memory = made()
    array = view(segment)

    assert find(array) == (memory, 0)
    assert find(array[100:200:3]) == (memory, 100)
    assert find(array[::-1]) == (memory, PAGE - 1)
    assert find(array[8:].view(np.float64)) == (memory, 8)


def test_an_array_of_private_memory_is_found_nowhere() -> None:
    _segment, _memory = made()

    assert find(np.zeros(10)) is None


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), data=st.data())
def test_of_many_memories_the_right_one_is_found(sizes: list[int], data: st.DataObject) -> None:
    pairs = [made(size * PAGE) for size in sizes]

    for segment, memory in pairs:
        offset = data.draw(st.integers(0, memory.size - 1))
        assert find(view(segment)[offset:]) == (memory, offset)


def test_a_segment_is_one_memory_however_often_it_is_entered() -> None:
    segment, memory = made()

    assert of(segment) is memory


def test_a_memory_says_what_it_is() -> None:
    segment, memory = made(3 * PAGE)

    assert (memory.size, memory.start, memory.end) == (
        3 * PAGE,
        segment.address,
        segment.address + 3 * PAGE,
    )
    assert len(memory.id) == memories.ID_BYTES
    assert memory.writable
    assert memory.alive
    assert os.path.sameopenfile(memory.fd, segment.fd)


def test_a_memory_outlives_the_segment_while_something_lies_in_it() -> None:
    segment, memory = made()
    array = view(segment)[10:]

    segment.close()
    del segment

    assert find(array) == (memory, 10)
    assert is_open(memory.fd)


def test_a_memory_is_forgotten_with_the_last_view_of_it() -> None:
    segment, memory = made()
    array, fd = view(segment), memory.fd
    segment.close()
    del segment

    del array
    gc.collect()

    assert not memory.alive
    assert memory.fd == -1
    assert not is_open(fd)
    with pytest.raises(IpcError, match="not mapped any more"):
        memory.array(0, 1)


def test_the_addresses_of_a_dead_memory_are_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    segment, memory = made()
    stranger = np.zeros(8)
    memory.start, memory.end = memories.address(stranger), memories.address(stranger) + 64
    monkeypatch.setattr(memories._directory, "snapshot", ([memory.start], [memory]))
    alive = find(stranger)

    segment.close()
    del segment
    gc.collect()

    assert alive == (memory, 0)
    assert find(stranger) is None


def test_a_memory_whose_segment_was_closed_unseen_is_forgotten() -> None:
    segment, memory = made()

    segment.close()

    assert not memory.alive


def test_the_dead_are_swept_out_when_the_next_one_comes() -> None:
    for _ in range(20):
        made()
    gc.collect()

    _segment, _memory = made()

    assert all(memory.alive for memory in memories._directory.snapshot[1])


def test_memory_of_another_is_attached_for_reading() -> None:
    segment, memory = made()
    view(segment)[:4] = [1, 2, 3, 4]

    other = attach(os.dup(segment.fd), b"another name of!")
    array = other.array(1, 3)

    assert other is not memory
    assert array.tolist() == [2, 3, 4]
    assert not other.writable
    assert not array.flags.writeable
    assert find(array) == (other, 1)
    other.close()


def test_attached_memory_stays_mapped_until_it_is_closed() -> None:
    segment, memory = made()
    other = attach(os.dup(segment.fd), b"another name of!")

    other.close()
    gc.collect()

    assert not other.alive
    assert memory.alive
    assert segment.map


def test_attached_memory_stays_mapped_while_something_looks_at_it() -> None:
    segment, _memory = made()
    other = attach(os.dup(segment.fd), b"another name of!")
    array = other.array(0, 8)

    other.close()

    assert other.alive
    assert find(array[4:]) == (other, 4)


def test_what_is_known_by_its_name_is_not_mapped_twice() -> None:
    segment, memory = made()
    fd = os.dup(segment.fd)

    same = attach(fd, memory.id)
    again = attach(os.dup(segment.fd), memory.id)
    again.close()

    assert same is again is memory
    assert not is_open(fd)
    assert memory.alive
    memory.close()


def test_a_name_alone_does_not_make_another_memory_ours() -> None:
    (_one, mine), (other, _its) = made(), made()

    attached = attach(os.dup(other.fd), mine.id)

    assert attached is not mine
    attached.close()


def test_memory_that_could_shrink_is_not_attached() -> None:
    fd = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, PAGE)

    with pytest.raises(HandshakeError, match="sealed"):
        attach(fd, bytes(16))

    assert not is_open(fd)


@pytest.mark.parametrize(("offset", "length"), [(-1, 2), (0, PAGE + 1), (PAGE, 1), (5, -1)])
def test_no_array_is_made_beyond_the_memory(offset: int, length: int) -> None:
    _segment, memory = made()

    with pytest.raises(ValueError, match="not within shared memory of 4096"):
        memory.array(offset, length)


def test_finding_goes_on_while_other_threads_come_and_go() -> None:
    segment, memory = made()
    array, missed = view(segment), list[int]()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            if find(array) != (memory, 0):
                missed.append(1)

    def come_and_go() -> None:
        for _ in range(200):
            made()

    looker = threading.Thread(target=look)
    others = [threading.Thread(target=come_and_go) for _ in range(3)]
    looker.start()
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    done.set()
    looker.join()

    assert not missed


def test_the_short_way_to_an_address_is_the_official_one() -> None:
    for array in (np.zeros(4), np.zeros((3, 4))[1:, ::-1], np.zeros(9, np.int16)[::-2]):
        assert memories.address(array) == memories._slow_address(array)
