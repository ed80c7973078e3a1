"""Retry and CircuitBreaker: what they hold, and what they refuse to hold."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamflow as sf
from streamflow.errors import GraphError


@given(
    backoff=st.floats(0, 1e300),
    factor=st.floats(1, 1e300),
    jitter=st.floats(0, 1),
    most=st.floats(0, 1e300),
    retries=st.integers(0, 10_000),
    chance=st.floats(0, 1),
)
def test_a_pause_is_never_longer_than_its_bound_but_for_jitter(
    backoff: float, factor: float, jitter: float, most: float, retries: int, chance: float
) -> None:
    retry = sf.Retry(backoff=backoff, factor=factor, jitter=jitter, max_backoff=most)

    pause = retry.pause(retries, chance)

    assert 0 <= pause <= most * (1 + jitter) * (1 + 1e-9)


def test_pauses_grow_by_their_factor() -> None:
    retry = sf.Retry(backoff=0.5, factor=3.0, jitter=0.0)

    assert [retry.pause(n) for n in range(3)] == [0.5, 1.5, 4.5]


def test_jitter_reaches_as_far_up_as_down() -> None:
    retry = sf.Retry(backoff=10.0, jitter=0.5)

    assert [retry.pause(0, chance) for chance in (0.0, 0.5, 1.0)] == [5.0, 10.0, 15.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_retries": 0}, "retry.max_retries must be 1 or more, not 0"),
        ({"backoff": -1}, "retry.backoff must be 0 or more, not -1"),
        ({"backoff": math.nan}, "retry.backoff must be 0 or more, not nan"),
        ({"factor": 0.5}, "retry.factor must be 1 or more, not 0.5"),
        ({"jitter": 1.5}, "retry.jitter must be from 0 to 1, not 1.5"),
        ({"max_backoff": -0.1}, "retry.max_backoff must be 0 or more, not -0.1"),
        ({"on": ()}, "retry.on must be a tuple of exception types"),
        ({"on": (OSError, KeyboardInterrupt)}, "retry.on must be a tuple of exception types"),
        ({"on": ("OSError",)}, "retry.on must be a tuple of exception types"),
    ],
)
def test_a_retry_that_cannot_be_says_why(options: dict[str, Any], words: str) -> None:
    with pytest.raises(GraphError, match=words):
        sf.Retry(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_failures": 0}, "breaker.max_failures must be 1 or more, not 0"),
        ({"reset_after": -1}, "breaker.reset_after must be 0 or more, not -1"),
    ],
)
def test_a_breaker_that_cannot_be_says_why(options: dict[str, Any], words: str) -> None:
    with pytest.raises(GraphError, match=words):
        sf.CircuitBreaker(**options)


def test_both_travel_to_other_processes() -> None:
    both = sf.Retry(on=(ConnectionError, TimeoutError)), sf.CircuitBreaker(3, 1.0)

    assert pickle.loads(pickle.dumps(both)) == both  # noqa: S301 - ours
