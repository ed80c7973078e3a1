"""Children: a worker is known to have died, and how."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamflow.scheduler.placement import new_event_loop
from streamflow.scheduler.spawn import Starter
from tests.support.spawning import (
    is_gone,
    on_posix,
    started,
)

pytestmark = on_posix


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("exit_with_3", "exited with code 3"),
        ("exit_with_words", "exited with code 1"),
        ("fail", "exited with code 1"),
        ("crash", "segmentation fault"),
        ("no_such_function", "exited with code 1"),
    ],
)
def test_a_death_is_told_in_words(each: Starter, entry: str, words: str) -> None:
    with started(each, entry) as worker:
        assert str(worker.wait()) == words


def test_a_killed_worker_is_known_to_have_been_killed(each: Starter) -> None:
    with started(each, "echo") as worker:
        os.kill(worker.pid, signal.SIGKILL)

        death = worker.wait()

        assert death is not None
        assert (death.signal, str(death)) == (signal.SIGKILL, "killed by SIGKILL")
        assert worker.wait() is death
        assert is_gone(worker.pid)


def test_a_worker_that_looks_up_no_more_can_be_killed(starter: Starter) -> None:
    with started(starter, "hang") as worker:
        assert worker.control.recv(1) == b"."
        worker.control.close()
        worker.kill()

        assert str(worker.wait()) == "killed by SIGKILL"


def test_closing_kills_what_is_alive_and_may_be_repeated(each: Starter) -> None:
    worker = started(each, "hang")

    worker.close()
    worker.close()
    worker.kill()

    assert str(worker.wait()) == "killed by SIGKILL"
    assert worker.fileno() == -1
    assert is_gone(worker.pid)


def test_several_threads_may_wait_for_one_worker(starter: Starter) -> None:
    with started(starter, "echo") as worker, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(worker.wait) for _ in range(4)]
        worker.kill()

        assert {str(future.result()) for future in waiting} == {"killed by SIGKILL"}


@pytest.mark.parametrize("make_loop", [new_event_loop, asyncio.new_event_loop])
def test_an_event_loop_sees_a_death(starter: Starter, make_loop: Any) -> None:
    async def watch() -> str:
        loop, seen = asyncio.get_running_loop(), asyncio.Event()
        with started(starter, "echo") as worker:
            loop.add_reader(worker.fileno(), seen.set)
            worker.kill()
            await seen.wait()
            loop.remove_reader(worker.fileno())
            return str(worker.wait())

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(watch()) == "killed by SIGKILL"


def test_what_a_node_prints_is_not_swallowed_nor_lost_when_it_is_killed(
    each: Starter, capfd: pytest.CaptureFixture[str]
) -> None:
    with started(each, "print_and_hang") as worker:
        assert worker.control.recv(1) == b"."

    assert capfd.readouterr().out == "printed by a node\n"


def test_what_a_worker_dies_of_goes_to_stderr(
    starter: Starter, capfd: pytest.CaptureFixture[str]
) -> None:
    with started(starter, "fail") as worker:
        worker.wait()

    assert capfd.readouterr().err.endswith("ValueError: out of cheese\n")
