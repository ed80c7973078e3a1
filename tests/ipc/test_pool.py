from __future__ import annotations

import gc
import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamflow.frames import VideoFrame
from streamflow.frames.memory import lent
from streamflow.ipc.pool import KEPT, Pool, PoolStatistics

Array = npt.NDArray[Any]


def address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


@given(
    shape=st.lists(st.integers(0, 6), max_size=4).map(tuple),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32, np.float64, np.bool_]),
)
def test_an_array_has_the_shape_and_type_that_was_asked_for(
    shape: tuple[int, ...], dtype: Any
) -> None:
    pool = Pool()

    array = pool.allocate(shape, dtype)

    assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert lent(array)
    assert pool.statistics().lent == math.prod(shape) * np.dtype(dtype).itemsize


def test_memory_comes_back_when_the_array_dies_and_is_lent_again() -> None:
    pool = Pool()
    array = pool.allocate((100,))
    where = address(array)

    del array
    again = pool.allocate((50, 2))

    assert address(again) == where
    assert pool.statistics() == PoolStatistics(lent=100, peak=100)


def test_a_slice_keeps_the_memory_lent() -> None:
    pool = Pool()
    part = pool.allocate((100,))[10:20].view(np.int8)

    assert pool.statistics().lent == 100
    assert address(pool.allocate((100,))) != address(part) - 10


def test_a_frame_keeps_its_memory_lent() -> None:
    pool = Pool()
    frame = VideoFrame((pool.allocate((2, 4)),), "gray8")
    gc.collect()

    before = pool.statistics().lent
    del frame

    assert (before, pool.statistics().lent) == (8, 0)


def test_what_was_lent_last_is_lent_first() -> None:
    pool = Pool()
    first, second = pool.allocate((100,)), pool.allocate((100,))
    newest = address(second)
    del first
    del second

    assert address(pool.allocate((100,))) == newest


def test_no_more_blocks_of_a_size_are_kept_than_are_likely_to_be_used() -> None:
    pool = Pool()
    arrays = [pool.allocate((100,)) for _ in range(3 * KEPT)]

    arrays.clear()

    assert len(pool._free[100]) == KEPT


def test_an_array_without_items_is_lent_too() -> None:
    pool = Pool()

    assert pool.allocate((0, 5)).shape == (0, 5)
    assert pool.statistics() == PoolStatistics(lent=0, peak=0)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2,), object, "frame memory holds numbers, not object"),
        ((2, -1), np.uint8, r"shape must be 0 or more in each dimension, not \(2, -1\)"),
    ],
)
def test_what_frames_cannot_hold_is_refused(
    shape: tuple[int, ...], dtype: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Pool().allocate(shape, dtype)


def test_memory_that_dies_on_other_threads_is_counted_once() -> None:
    pool = Pool()

    def use() -> None:
        for size in range(500):
            array = pool.allocate((size % 7 + 1,))
            array[:] = 1

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert pool.statistics().lent == 0


class PoolMachine(RuleBasedStateMachine):
    """Lends and takes back in any order: no two arrays that live share a byte."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool()
        self.arrays: list[Array] = []
        self.number = 0

    @rule(size=st.integers(1, 4), part=st.booleans())
    def lend(self, size: int, part: bool) -> None:
        array = self.pool.allocate((size * 8,))
        self.number = (self.number + 1) % 256
        array[:] = self.number
        self.arrays.append(array[4:] if part else array)

    @precondition(lambda self: self.arrays)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        del self.arrays[data.draw(st.integers(0, len(self.arrays) - 1))]

    @invariant()
    def nobody_wrote_into_anothers_memory(self) -> None:
        assert all((array == array[0]).all() for array in self.arrays)

    @invariant()
    def what_is_lent_is_what_is_held(self) -> None:
        held = sum(len(array) + (4 if len(array) % 8 else 0) for array in self.arrays)
        assert self.pool.statistics().lent == held


TestPoolMachine: Any = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
