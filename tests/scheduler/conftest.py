"""Starters of workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamflow.scheduler import spawn
from streamflow.scheduler.spawn import Starter
from tests.support.spawning import forks_only


@pytest.fixture(scope="module")
def kept_starter() -> Iterator[Starter]:
    """A starter that forks, and keeps its template."""
    made = Starter(forks=True)
    yield made
    made.close()


@pytest.fixture
def starter(kept_starter: Starter) -> Starter:
    """The starter that forks, where there is one."""
    return kept_starter if spawn.FORKS else Starter(forks=False)


@pytest.fixture(
    params=[pytest.param(True, id="forked", marks=forks_only), pytest.param(False, id="single")]
)
def each(request: pytest.FixtureRequest, kept_starter: Starter) -> Starter:
    """A starter that forks, and one that makes interpreters."""
    return kept_starter if request.param else Starter(forks=False)
