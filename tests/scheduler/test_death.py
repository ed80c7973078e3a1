"""Deaths: each way to end has its words."""

from __future__ import annotations

import signal
import sys

import pytest

from streamflow.scheduler.death import OUT_OF_MEMORY, Death

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals need POSIX")


@pytest.mark.parametrize(
    ("death", "words"),
    [
        (Death(0), "exited with code 0"),
        (Death(3), "exited with code 3"),
        (Death(None), "ended unseen: the process that starts workers was killed"),
        (Death(-signal.SIGKILL), "killed by SIGKILL"),
        (Death(-signal.SIGTERM), "killed by SIGTERM"),
        (Death(-signal.SIGSEGV), "segmentation fault"),
        (Death(-signal.SIGABRT), "aborted"),
        (Death(-200), "killed by signal 200"),
        (Death(OUT_OF_MEMORY), "out of memory"),
        (Death(OUT_OF_MEMORY, 2**31), "out of memory under its limit of 2.0 GiB"),
        (Death(-signal.SIGKILL, 2**31, 2**30), "killed by SIGKILL"),
        (
            Death(-signal.SIGSEGV, 2**31, 2**31),
            "out of memory under its limit of 2.0 GiB (segmentation fault)",
        ),
        (Death(3, 2**31, 2**31), "exited with code 3"),
    ],
)
def test_a_death_is_told_in_words(death: Death, words: str) -> None:
    assert str(death) == words


def test_a_signal_is_told_from_an_exit_code() -> None:
    assert Death(-signal.SIGKILL).signal == signal.SIGKILL
    assert Death(3).signal is None
    assert Death(None).signal is None
