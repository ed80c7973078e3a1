"""Programs that are killed at random points of their work, and go on as if they had not been."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.killing import finish, survive
from tests.support.survivor import SHAPES


def test_a_program_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = finish("inline", tmp_path / "whole")

    output, killed = survive("inline", tmp_path, kills=3, whole=len(whole), seed=1)

    assert output == whole
    assert killed == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_change_nothing(tmp_path: Path) -> None:
    kills = 0
    for number, shape in enumerate(SHAPES):
        folder = tmp_path / str(number)
        (folder / "whole").mkdir(parents=True)
        whole = finish(shape, folder / "whole")

        output, killed = survive(shape, folder, kills=8, whole=len(whole), seed=number)

        same = sorted if shape == "interleaved threads" else list
        assert same(output.splitlines()) == same(whole.splitlines()), shape
        kills += killed
    assert kills >= 100
