"""Starting workers: they are as the program is, and there in milliseconds."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from streamflow.errors import PeerLost
from streamflow.scheduler import spawn
from streamflow.scheduler.child import Worker
from streamflow.scheduler.placement import new_event_loop
from streamflow.scheduler.spawn import Starter
from tests.support.spawning import (
    forks_only,
    on_linux,
    on_posix,
    started,
    told,
)

pytestmark = on_posix


def test_a_worker_runs_its_entry_and_talks_over_its_socket(each: Starter) -> None:
    with started(each, "echo") as worker:
        worker.control.sendall(b"hello")

        assert worker.control.recv(100) == b"hello"
        assert worker.alive
        assert worker.pid != os.getpid()


def test_a_worker_gets_the_descriptors_that_it_is_handed(each: Starter) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe")

    with started(each, "read_handed", fds=[reading]) as worker:
        received = worker.control.recv(100)

    os.close(reading)
    os.close(writing)
    assert received == b"through a pipe"


def test_more_descriptors_than_a_message_carries_are_refused(starter: Starter) -> None:
    with pytest.raises(ValueError, match="fds must be 249 or fewer, not 250"):
        started(starter, "echo", fds=[0] * 250)


def test_a_worker_ends_when_its_socket_is_closed(starter: Starter) -> None:
    with started(starter, "echo") as worker:
        worker.control.close()

        death = worker.wait()

        assert death is not None
        assert death.code == 0
        assert not worker.alive


def test_a_worker_has_the_programs_path_folder_and_environment(
    each: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(each, "echo"):
        pass  # so that a template is there before anything changes
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAMFLOW_TEST", "as it is now")
    monkeypatch.syspath_prepend("/a folder of the program")

    with started(each, "report") as worker:
        seen = told(worker)

    assert seen["path"] == sys.path
    assert seen["folder"] == str(tmp_path)
    assert seen["environ"] == dict(os.environ)


def test_a_worker_imports_nothing_of_the_programs_main_module(starter: Starter) -> None:
    with started(starter, "report") as worker:
        assert told(worker)["main"] == []


def test_a_worker_ignores_what_a_terminal_sends_and_nothing_else(each: Starter) -> None:
    with started(each, "report") as worker:
        seen = told(worker)
        worker.kill(signal.SIGINT)
        worker.control.sendall(b"still there")

        assert worker.control.recv(100) == b"still there"
        worker.kill(signal.SIGTERM)
        assert str(worker.wait()) == "killed by SIGTERM"

    assert seen["ignored"] == ["SIGHUP", "SIGINT"]
    assert seen["blocked"] == 0


def test_a_module_that_the_program_finds_is_found_by_its_workers(
    starter: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("def go(control, fds):\n    control.sendall(b'mine')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with starter.start("worker", entry="mine:go", preload=["no.such.module"]) as worker:
        assert worker.control.recv(100) == b"mine"


def test_what_a_worker_registers_is_called_at_its_exit(starter: Starter) -> None:
    reading, writing = os.pipe()

    with started(starter, "at_exit", fds=[writing]) as worker:
        worker.wait()

    assert os.read(reading, 100) == b"at exit"
    os.close(reading)
    os.close(writing)


def test_a_program_in_a_folder_that_was_removed_still_starts_workers(
    each: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    with started(each, "echo") as worker:
        worker.control.sendall(b".")

        assert worker.control.recv(1) == b"."


@forks_only
def test_forked_workers_do_not_draw_the_same_random_numbers(starter: Starter) -> None:
    drawn: list[list[float]] = []

    for _ in range(2):
        with started(starter, "report", preload=["numpy.random"]) as worker:
            drawn.append(told(worker)["random"])

    assert set(drawn[0]).isdisjoint(drawn[1])


@on_linux
@forks_only
def test_a_forked_worker_inherits_no_descriptor_of_the_template_or_its_siblings(
    starter: Starter,
) -> None:
    with started(starter, "report") as first, started(starter, "report") as second:
        assert told(first)["open"] == told(second)["open"] <= 5


def test_workers_start_from_any_thread_at_once(starter: Starter) -> None:
    with ThreadPoolExecutor(8) as pool:
        workers = list(pool.map(partial(started, starter), ["echo"] * 8))

    for worker in workers:
        with worker:
            worker.control.sendall(b".")
            assert worker.control.recv(1) == b"."
    assert len({worker.pid for worker in workers}) == 8


def test_an_interpreter_that_cannot_be_run_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(PeerLost, match=r"'worker' is lost: it could not be started: .*No such"):
        started(Starter(), "echo")


def test_a_path_without_streamflow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    starter = Starter()
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(PeerLost, match="it could not be started"):
        started(starter, "echo")
    starter.close()


def test_workers_start_inside_a_running_loop(starter: Starter) -> None:
    async def go() -> bytes:
        with await asyncio.to_thread(started, starter, "echo") as worker:
            worker.control.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(worker.control, b"over the loop")
            return await loop.sock_recv(worker.control, 100)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(go()) == b"over the loop"


@pytest.mark.parametrize("ready", [False, True])
def test_a_start_that_is_cancelled_leaves_no_worker(starter: Starter, ready: bool) -> None:
    may_start, has_started = threading.Event(), threading.Event()
    made: list[Worker] = []

    def make() -> Worker:
        may_start.wait(10)
        made.append(started(starter, "echo"))
        has_started.set()
        return made[0]

    async def main() -> None:
        task = asyncio.ensure_future(spawn.started(make))
        await asyncio.sleep(0)
        if ready:  # the loop has not heard of it yet
            may_start.set()
            has_started.wait(30)
        task.cancel()
        may_start.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())  # which waits for its threads

    assert not made[0].alive
