from __future__ import annotations

import gc
import math
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamflow import copies
from streamflow.errors import IpcError
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.memory import lent
from streamflow.ipc import segment, shared
from streamflow.ipc.memory import find
from streamflow.ipc.pool import PoolStatistics
from streamflow.ipc.shared import MOST_ARENAS, PAGE, PRIVATE, SharedPool
from tests.support.crossing import address, arrays, picture, pooled, same_frames
from tests.support.rings import descriptors, named

LARGE = 1 << 20


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each copy that is counted."""
    counts: list[int] = []
    monkeypatch.setattr(copies, "count", counts.append)
    return counts


@settings(max_examples=40)
@given(
    shape=st.lists(st.integers(0, 30), max_size=3).map(tuple),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32, np.float64, np.bool_]),
)
def test_an_array_has_the_shape_and_type_that_was_asked_for(
    shape: tuple[int, ...], dtype: Any
) -> None:
    pool = SharedPool()

    array = pool.allocate(shape, dtype)

    assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert lent(array)
    assert pool.statistics().lent == math.prod(shape) * np.dtype(dtype).itemsize


@pytest.mark.parametrize("nbytes", [PRIVATE, PAGE, PAGE + 1, 3 * LARGE + 5, 100 * LARGE])
def test_what_a_frame_needs_is_lent_in_shared_memory(nbytes: int) -> None:
    pool = SharedPool()

    array = pool.allocate((nbytes,))
    array[-1] = 1

    assert find(array) is not None
    assert address(array) % PAGE == 0


def test_what_is_tiny_is_lent_in_private_memory() -> None:
    array = SharedPool().allocate((PRIVATE - 1,))

    assert find(array) is None
    assert lent(array)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((9999,), object, "frame memory holds numbers, not object"),
        ((2, -1), np.uint8, r"shape must be 0 or more in each dimension, not \(2, -1\)"),
    ],
)
def test_what_frames_cannot_hold_is_refused(
    shape: tuple[int, ...], dtype: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SharedPool().allocate(shape, dtype)


def test_memory_comes_back_with_the_last_view_and_is_lent_again_first() -> None:
    pool = SharedPool()
    first, second = pool.allocate((LARGE,)), pool.allocate((LARGE,))
    part, where = second[10:20], address(second)
    del first, second

    busy = pool.statistics().lent
    del part

    assert busy == LARGE
    assert address(pool.allocate((LARGE - 7,))) == where
    assert pool.statistics() == PoolStatistics(lent=0, peak=2 * LARGE)


def test_blocks_of_one_size_share_an_arena() -> None:
    pool = SharedPool()

    held = [pool.allocate((LARGE,)) for _ in range(shared.BLOCKS)]

    assert pool.arenas == 1
    held.append(pool.allocate((LARGE,)))
    assert pool.arenas == 2


def test_one_unused_arena_stays_for_the_next_burst_and_no_more() -> None:
    pool = SharedPool()
    held = [pool.allocate((LARGE,)) for _ in range(5 * shared.BLOCKS)]
    most = pool.arenas

    held.clear()

    assert most == 5
    assert pool.arenas == 1


def test_an_arena_that_is_dropped_is_unmapped_and_closed() -> None:
    pool, before = SharedPool(), descriptors()
    array = pool.allocate((LARGE,))
    found = find(array)
    assert found is not None

    del array
    pool.close()
    gc.collect()

    assert not found[0].alive
    assert descriptors() == before


def test_sizes_that_come_and_go_do_not_use_up_descriptors() -> None:
    pool, before = SharedPool(), len(descriptors())

    for size in range(1, 300):
        assert find(pool.allocate((size * PAGE,))) is not None

    assert pool.arenas == MOST_ARENAS
    assert len(descriptors()) <= before + 2 * MOST_ARENAS


def test_memory_is_private_when_every_arena_is_in_use() -> None:
    pool = SharedPool()
    held = [pool.allocate((size * PAGE,)) for size in range(1, MOST_ARENAS + 1)]

    more = pool.allocate((LARGE + 1,))

    assert all(find(array) for array in held)
    assert find(more) is None
    assert lent(more)
    assert pool.statistics().lent == sum(array.nbytes for array in held) + more.nbytes


def test_memory_is_private_when_the_system_gives_no_segment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(size: int, *, guarded: bool) -> None:
        raise IpcError("cannot create")

    monkeypatch.setattr(segment, "create", refuse)

    assert find(SharedPool().allocate((LARGE,))) is None


def test_what_is_lent_outlives_a_closed_pool() -> None:
    pool = SharedPool()
    array = pool.allocate((LARGE,))
    array[:] = 7

    pool.close()

    assert pool.arenas == 0
    assert (array == 7).all()
    assert find(array) is not None
    assert find(pool.allocate((LARGE,))) is None
    del array
    assert pool.statistics().lent == 0


def test_nothing_of_a_pool_has_a_name() -> None:
    before = named()
    _array = SharedPool().allocate((LARGE,))

    assert named() == before


def test_memory_that_dies_on_other_threads_is_counted_once() -> None:
    pool = SharedPool()

    def use() -> None:
        for size in range(300):
            array = pool.allocate((size % 7 * PAGE + PAGE,))
            array[:] = 1

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert pool.statistics().lent == 0


# -- sharing


def sound(count: int = 20_000) -> AudioFrame:
    samples = np.arange(2 * count, dtype=np.float32).reshape(2, count)
    return AudioFrame(samples, layout="stereo", pts=3, metadata={"take": 1})


@pytest.mark.parametrize("frame", [picture(), picture(7, 5, "rgb24"), sound()], ids=str)
def test_a_shared_frame_is_the_same_frame_elsewhere(frame: Any, counted: list[int]) -> None:
    pool = SharedPool()

    made = pool.share(frame.replace(pts=9))

    assert same_frames(made, frame.replace(pts=9))
    assert all(find(array) for array in arrays(made)) == (frame.nbytes >= PRIVATE)
    assert counted in ([frame.nbytes], [])


def test_a_frame_that_is_shared_already_is_itself(counted: list[int]) -> None:
    pool = SharedPool()
    frame = pooled(pool, picture(64, 64))

    assert pool.share(frame) is frame
    assert counted == []


def test_a_frame_that_is_shared_in_part_is_copied_as_a_whole(counted: list[int]) -> None:
    pool = SharedPool()
    luma, *chroma = picture(64, 64).planes
    memory = pool.allocate(luma.shape)
    memory[...] = luma
    frame = VideoFrame((memory, *chroma))

    made = pool.share(frame)

    assert same_frames(made, frame)
    assert counted == [frame.nbytes]


def test_a_fan_out_copies_a_frame_once(counted: list[int]) -> None:
    pool = SharedPool()
    frame = picture(640, 360)

    made = [pool.share(frame), pool.share(frame), pool.share(frame.replace(pts=5))]

    assert counted == [frame.nbytes]
    assert len({address(copy.planes[0]) for copy in made}) == 1
    assert [copy.pts for copy in made] == [None, None, 5]


def test_other_planes_beside_the_same_first_one_are_another_frame(counted: list[int]) -> None:
    pool = SharedPool()
    frame = picture(64, 64)
    other = frame.with_planes((frame.planes[0], *picture(64, 64, seed=9).planes[1:]))

    pool.share(frame)

    assert same_frames(pool.share(other), other)
    assert counted == [frame.nbytes] * 2


def test_memory_that_may_still_be_written_is_copied_each_time(counted: list[int]) -> None:
    pool = SharedPool()
    frame = picture(64, 64).writable()
    counted.clear()
    first = pool.share(frame)

    frame.planes[0][:] = 1
    second = pool.share(frame)

    assert len(counted) == 2
    assert (second.planes[0] == 1).all()
    assert not (first.planes[0] == 1).all()


def test_a_shared_copy_is_forgotten_with_its_frame() -> None:
    pool = SharedPool()
    frame = picture(640, 360)
    pool.share(frame)
    remembered = pool.statistics().lent

    del frame

    assert remembered > 0
    assert pool.statistics().lent == 0


def test_no_more_copies_are_remembered_than_are_likely_to_be_wanted() -> None:
    pool = SharedPool()
    frames = [picture(64, 64, seed=seed) for seed in range(3 * shared.REMEMBERED)]

    for frame in frames:
        pool.share(frame)

    assert len(pool._copies) == shared.REMEMBERED


def test_a_frame_is_itself_where_no_shared_memory_is_left(counted: list[int]) -> None:
    pool = SharedPool()
    pool.close()
    frame = picture(640, 360)

    assert pool.share(frame) is frame
    assert counted == []


def test_two_threads_that_share_a_frame_copy_it_once(counted: list[int]) -> None:
    pool, frame = SharedPool(), picture(640, 360)
    barrier = threading.Barrier(4)

    def share() -> None:
        barrier.wait()
        pool.share(frame)

    threads = [threading.Thread(target=share) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counted == [frame.nbytes]


class SharedPoolMachine(RuleBasedStateMachine):
    """Lends and takes back in any order: no two arrays that live share a byte."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = SharedPool()
        self.held: list[tuple[Any, int, int]] = []
        self.number = 0

    @rule(pages=st.sampled_from([1, 2, 16, 4096]), part=st.booleans())
    def lend(self, pages: int, part: bool) -> None:
        array = self.pool.allocate((pages * PAGE,))
        self.number = (self.number + 1) % 256
        # The ends say enough: whole blocks, or none, are given out.
        array[:8] = array[-8:] = self.number
        self.held.append((array[-8:] if part else array, array.nbytes, self.number))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        del self.held[data.draw(st.integers(0, len(self.held) - 1))]

    @precondition(lambda self: self.held)
    @rule()
    def give_all_back(self) -> None:
        self.held.clear()

    @invariant()
    def nobody_wrote_into_anothers_memory(self) -> None:
        for array, _, number in self.held:
            assert (array[:8] == number).all()
            assert (array[-8:] == number).all()

    @invariant()
    def what_is_lent_is_what_is_held(self) -> None:
        assert self.pool.statistics().lent == sum(nbytes for _, nbytes, _ in self.held)

    @invariant()
    def arenas_are_few(self) -> None:
        assert self.pool.arenas <= 4 + len(self.held)

    def teardown(self) -> None:
        self.pool.close()


TestSharedPoolMachine: Any = SharedPoolMachine.TestCase
TestSharedPoolMachine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
