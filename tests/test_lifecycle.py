from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.errors import StateError
from streamflow.lifecycle import FOLLOWING, Lifecycle, State

FINAL = {State.COMPLETED, State.FAILED, State.CANCELLED}


@given(st.lists(st.sampled_from(State), max_size=12))
def test_a_state_is_reached_only_from_one_before_it(moves: list[State]) -> None:
    life = Lifecycle("demo")

    for wanted in moves:
        before = life.state
        try:
            life.move(wanted)
        except StateError:
            assert wanted not in FOLLOWING[before]
            assert life.state is before
        else:
            assert wanted in FOLLOWING[before]
            assert life.state is wanted


def test_nothing_follows_a_final_state_and_something_every_other() -> None:
    assert {state for state in State if state.final} == FINAL


@pytest.mark.parametrize("state", [state for state in State if not state.final])
def test_every_state_may_be_cancelled(state: State) -> None:
    assert State.CANCELLED in FOLLOWING[state]


def test_a_state_is_its_word() -> None:
    assert f"{State.RUNNING}" == "running"
    assert State("paused") is State.PAUSED


def test_a_move_that_cannot_be_names_both_states() -> None:
    with pytest.raises(StateError, match="execution 'demo' cannot go from pending to paused"):
        Lifecycle("demo").move(State.PAUSED)


def test_an_action_in_the_wrong_state_says_what_was_needed() -> None:
    life = Lifecycle("demo")

    with pytest.raises(StateError) as caught:
        life.need(State.RUNNING, State.PAUSED, to="inject into a.in")

    assert str(caught.value) == (
        "cannot inject into a.in: execution 'demo' is pending, not running or paused"
    )


def test_an_action_in_a_state_that_allows_it_passes() -> None:
    life = Lifecycle("demo")

    life.need(State.PENDING, to="start")

    assert life.state is State.PENDING
