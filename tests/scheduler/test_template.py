"""The template: nothing outlives the program, and nothing dies before its time."""

from __future__ import annotations

import os
import signal

import pytest

from streamflow.errors import PeerLost
from streamflow.scheduler import spawn
from streamflow.scheduler.spawn import Starter
from streamflow.testing.leaks import descriptors
from tests.support.spawning import (
    forks_only,
    is_gone,
    on_linux,
    on_posix,
    pids_from,
    run,
    started,
    state_of,
    wait_until_gone,
)

pytestmark = on_posix


@pytest.mark.slow
def test_a_hundred_workers_leave_no_descriptor_and_no_process(starter: Starter) -> None:
    with started(starter, "echo"):
        pass
    before = descriptors()

    pids = [_pid_of_one(starter) for _ in range(100)]

    assert descriptors() == before
    assert all(map(is_gone, pids))


def _pid_of_one(starter: Starter) -> int:
    with started(starter, "echo") as worker:
        worker.control.close()
        assert str(worker.wait()) == "exited with code 0"
        return worker.pid


def test_a_worker_that_nobody_holds_any_more_ends(starter: Starter) -> None:
    worker = started(starter, "echo")
    pid = worker.pid

    del worker

    wait_until_gone(pid)


@forks_only
def test_a_killed_template_takes_its_workers_along_and_the_next_start_makes_another() -> None:
    starter = Starter(forks=True)
    with started(starter, "hang") as worker:
        kept = starter.kept()
        assert kept is not None
        os.kill(kept.pid, signal.SIGKILL)

        assert str(worker.wait()) == "ended unseen: the process that starts workers was killed"
    with started(starter, "echo") as another:
        another.control.sendall(b".")
        assert another.control.recv(1) == b"."
    starter.close()


@forks_only
def test_the_template_holds_nothing_open_that_a_reader_waits_for() -> None:
    reading, writing = os.pipe()
    before = os.dup(1)
    os.dup2(writing, 1)
    os.close(writing)
    starter = Starter(forks=True)
    try:
        with started(starter, "print_and_hang") as worker:
            assert worker.control.recv(1) == b"."
    finally:
        os.dup2(before, 1)
        os.close(before)

    with os.fdopen(reading) as file:
        assert file.read() == "printed by a node\n"
    starter.close()


@forks_only
def test_a_template_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    starter = Starter(forks=True)
    starter.warm()
    kept = starter.kept()
    assert kept is not None
    os.kill(kept.pid, signal.SIGSTOP)
    monkeypatch.setattr(spawn, "PATIENCE", 0.1)

    with pytest.raises(
        PeerLost, match=r"process 'worker' is lost: it has not started within 0\.1 s"
    ):
        started(starter, "echo")

    os.kill(kept.pid, signal.SIGKILL)
    starter.close()


@forks_only
def test_a_signal_to_the_whole_group_leaves_the_template_to_the_program(starter: Starter) -> None:
    with started(starter, "echo") as worker:
        kept = starter.kept()
        assert kept is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(kept.pid, number)
        worker.control.sendall(b".")

        assert worker.control.recv(1) == b"."
        assert starter.kept() == kept


def test_a_program_that_is_killed_leaves_nothing_behind() -> None:
    with run("""
workers = [start("worker", entry=f"{W}:{name}") for name in ("echo", "hang")]
template = kept()
print(*(worker.pid for worker in workers), *([template.pid] if template else []), flush=True)
threading.Event().wait()
""") as program:
        pids = pids_from(program)
        assert len(pids) >= 2

        program.kill()

        wait_until_gone(*pids)


@forks_only
@pytest.mark.slow
def test_a_killed_program_leaves_nothing_though_a_fork_of_it_lives() -> None:
    with run("""
worker = start("worker", entry=f"{W}:echo")
reading, writing = os.pipe()
fork = os.fork()
if fork == 0:
    threading.Event().wait()
print(fork, worker.pid, kept().pid, flush=True)
threading.Event().wait()
""") as program:
        fork, *pids = pids_from(program)

        program.kill()

        wait_until_gone(*pids)
        os.kill(fork, signal.SIGKILL)


def test_a_program_that_exits_ends_its_workers_first() -> None:
    with run("""
workers = [start("worker", entry=f"{W}:{name}") for name in ("echo", "echo")]
print(*(worker.pid for worker in workers), flush=True)
""") as program:
        pids = pids_from(program)

        program.wait()

        assert all(state_of(pid) in {"", "Z"} for pid in pids)
        assert program.returncode == 0


@forks_only
@pytest.mark.slow
def test_a_fork_of_the_program_has_a_template_of_its_own() -> None:
    with run("""
worker = start("worker", entry=f"{W}:echo")
fork = os.fork()
with start("worker", entry=f"{W}:echo") as other:
    other.control.sendall(b".")
    assert other.control.recv(1) == b"."
template = kept().pid
if fork == 0:
    print(template, flush=True)
    sys.exit()
os.waitpid(fork, 0)
worker.control.sendall(b".")
assert worker.control.recv(1) == b"."
print(template, flush=True)
""") as program:
        first, second = pids_from(program), pids_from(program)

        program.wait()

        assert program.returncode == 0
        assert first != second


def test_ctrl_c_reaches_the_program_alone_which_ends_its_workers_in_order() -> None:
    with run(
        """
with start("worker", entry=f"{W}:echo") as worker:
    try:
        print(worker.pid, flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        worker.control.sendall(b"last words")
        print(worker.control.recv(100).decode(), flush=True)
        worker.control.close()
        print(worker.wait(), flush=True)
""",
        own_group=True,
    ) as program:
        pids = pids_from(program)

        os.killpg(program.pid, signal.SIGINT)

        output, errors = program.communicate()
        assert output.decode() == "last words\nexited with code 0\n", errors.decode()
        wait_until_gone(*pids)


def test_a_program_without_stdout_starts_workers_too() -> None:
    with run("""
os.close(1)
with start("worker", entry=f"{W}:print_and_hang") as worker:
    assert worker.control.recv(1) == b"."
""") as program:
        output, errors = program.communicate()

        assert (output, program.returncode) == (b"", 0), errors.decode()


@on_linux
@forks_only
def test_a_template_without_room_for_descriptors_says_no_and_goes_on() -> None:
    with run("""
import resource
warm()
resource.prlimit(kept().pid, resource.RLIMIT_NOFILE, (24, 24))
try:
    start("worker", entry=f"{W}:echo", fds=[0] * 40)
except Exception as error:
    print(error, flush=True)
with start("worker", entry=f"{W}:echo") as worker:
    worker.control.sendall(b"still there")
    print(worker.control.recv(100).decode(), flush=True)
""") as program:
        output, errors = program.communicate()

        refused, *rest = output.decode().splitlines()
        assert refused == (
            "process 'worker' is lost: it could not be started: "
            "there is no room for its file descriptors"
        ), errors.decode()
        assert rest == ["still there"]
