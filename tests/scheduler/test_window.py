from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.scheduler import window as module
from streamflow.scheduler.window import LARGEST, TURN_NS, Gate, Window


class Wall:
    """Stands in for the machine's clock, in nanoseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    made = Wall()
    monkeypatch.setattr(module, "perf_counter_ns", made)
    return made


def turn(window: Window, wall: Wall, took: int) -> bool:
    wall.now += took
    return window.turn()


def test_a_window_grows_while_items_are_quick(wall: Wall) -> None:
    window = Window()

    sizes: list[int] = []
    for _ in range(6):
        turn(window, wall, 1_000)
        sizes.append(window.size)

    assert sizes == [4, 16, 64, 64, 64, 64]


def test_a_window_that_would_take_too_long_grows_less(wall: Wall) -> None:
    window = Window()

    turn(window, wall, TURN_NS // 4)

    assert window.size == 2


def test_a_window_shrinks_while_they_are_slow_and_never_to_nothing(wall: Wall) -> None:
    window = Window()
    window.size = 8

    sizes: list[int] = []
    for _ in range(5):
        turn(window, wall, 2 * TURN_NS)
        sizes.append(window.size)

    assert sizes == [4, 2, 1, 1, 1]


def test_a_window_that_is_right_stays(wall: Wall) -> None:
    window = Window()
    window.size = 8

    turn(window, wall, TURN_NS * 3 // 4)

    assert window.size == 8


def test_the_loop_is_offered_about_once_a_millisecond(wall: Wall) -> None:
    window = Window()

    offered = [turn(window, wall, TURN_NS // 4) for _ in range(8)]

    assert offered == [False, False, False, True] * 2


def test_time_asleep_is_nobodys(wall: Wall) -> None:
    window = Window()
    wall.now += 100 * TURN_NS

    window.rest()

    assert not turn(window, wall, TURN_NS // 4)
    assert window.size == 2


def test_time_that_was_awaited_counts_as_the_segments_own_but_not_for_its_size(wall: Wall) -> None:
    window = Window()
    wall.now += TURN_NS

    window.awaited()

    assert turn(window, wall, TURN_NS // 4)
    assert window.size == 2


def test_turns_are_counted(wall: Wall) -> None:
    window = Window()

    for _ in range(5):
        turn(window, wall, 10)

    assert window.turns == 5


@given(st.lists(st.integers(0, 5 * TURN_NS), max_size=50))
def test_a_window_stays_within_its_bounds(times: list[int]) -> None:
    wall = Wall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "perf_counter_ns", wall)
        window = Window()
        for took in times:
            turn(window, wall, took)
            assert 1 <= window.size <= LARGEST


def test_a_gate_is_open_at_first() -> None:
    assert not Gate().closed
