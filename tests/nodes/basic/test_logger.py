from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from streamflow.nodes import Logger
from streamflow.nodes.basic.logger import LEVELS
from tests.nodes.drive import audio, drive

NAME = "streamflow.node.Logger"


class Secret:
    """Whoever looks at it is caught."""

    def __repr__(self) -> str:
        raise AssertionError("somebody looked")


class Long:
    def __repr__(self) -> str:
        return "x" * 1_000


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == NAME]


def test_items_are_written_and_leave_as_they_came(caplog: pytest.LogCaptureFixture) -> None:
    items = ["a", {"b": [1, 2]}]

    with caplog.at_level("INFO", NAME):
        emitted = drive(Logger(message="got"), items)

    assert all(one is other for one, other in zip(emitted, items, strict=True))
    assert lines(caplog) == ["got 'a'", "got {'b': [1, 2]}"]


@pytest.mark.parametrize("level", list(LEVELS))
def test_each_level_is_the_level_of_the_lines(level: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(1, NAME):
        drive(Logger(level), [1])

    assert [record.levelname.lower() for record in caplog.records] == [level]


def test_where_nobody_listens_items_are_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, NAME):
        drive(Logger("info"), [Secret()])

    assert lines(caplog) == []


def test_one_item_in_so_many_is_written(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", NAME):
        drive(Logger(every=3), range(7))

    assert lines(caplog) == ["0", "3", "6"]


def test_it_counts_on_from_its_state(caplog: pytest.LogCaptureFixture) -> None:
    node = Logger(every=3)

    with caplog.at_level("INFO", NAME):
        drive(node, range(2))
        state = node.get_state()
        drive(Resumed(state, every=3), range(2, 5))

    assert state == 2
    assert lines(caplog) == ["0", "3"]


class Resumed(Logger):
    def __init__(self, state: int, **params: Any) -> None:
        super().__init__(**params)
        self.state = state

    def initialize(self, ctx: Any) -> None:
        super().initialize(ctx)
        self._logger = logging.getLogger(NAME)
        self.set_state(self.state)


@pytest.mark.parametrize(
    "item", ["a" * 10**6, list(range(10**5)), {n: n for n in range(10**5)}, 10**3_000, Long()]
)
def test_a_long_item_is_shortened(item: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", NAME):
        drive(Logger(limit=40), [item])

    (line,) = lines(caplog)
    assert len(line) <= 41


def test_frames_and_arrays_are_shown_by_their_shape_not_their_samples(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", NAME):
        drive(Logger(), [audio(np.zeros(480))])

    assert lines(caplog) == ["<AudioFrame 480 samples 48000 Hz fltp mono pts=0>"]


def test_a_message_is_no_format_and_an_item_no_second_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", NAME):
        drive(Logger(message="{0.__class__} %s %(name)s"), ["a\nb"])

    assert lines(caplog) == [r"{0.__class__} %s %(name)s 'a\nb'"]


def test_an_item_whose_repr_fails_is_passed_on_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", NAME):
        emitted = drive(Logger(), [Secret()])

    assert isinstance(emitted[0], Secret)
    assert lines(caplog)[0].startswith("<Secret instance at ")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"level": "loud"}, "level must be one of debug, info, .*, not 'loud'"),
        ({"limit": 0}, "limit must be a whole number of 1 or more, not 0"),
        ({"every": 0.5}, "every must be a whole number of 1 or more, not 0.5"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Logger(**params)
