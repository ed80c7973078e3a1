"""Every behaviour of the engine, over every placement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streamflow as sf
from streamflow.graph import PlacementName
from tests.support.trail import Trail

PLACEMENTS: tuple[PlacementName, ...] = ("inline", "thread", "process")

Add = Callable[..., Any]


@pytest.fixture(params=PLACEMENTS)
def on(request: pytest.FixtureRequest) -> PlacementName:
    """Where the node under test runs."""
    placement: PlacementName = request.param
    return placement


@pytest.fixture
def pipeline() -> sf.Pipeline:
    """An empty pipeline."""
    return sf.Pipeline("conformance")


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    """Where nodes note what they do, in whichever process they live."""
    return Trail(tmp_path / "trail")
