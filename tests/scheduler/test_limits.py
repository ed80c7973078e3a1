"""Limits: what a worker may not have, it does not get."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from streamflow.errors import GraphError
from streamflow.process import Process
from streamflow.scheduler import limits
from streamflow.scheduler.spawn import Starter
from tests.support.spawning import (
    forks_only,
    on_linux,
    on_posix,
    started,
    told,
)

pytestmark = on_posix


@on_linux
def test_allocating_more_than_the_limit_is_a_memory_error(starter: Starter) -> None:
    with started(starter, "try_to_allocate", options=Process(memory="64MiB")) as worker:
        ends = told(worker)

    assert set(ends.values()) == {"MemoryError"}, ends


@on_linux
def test_a_worker_that_runs_out_of_memory_says_so(
    each: Starter, capfd: pytest.CaptureFixture[str]
) -> None:
    with started(each, "fill_memory", options=Process(memory="64MiB")) as worker:
        death = worker.wait()

    assert str(death) == "out of memory under its limit of 64.0 MiB"
    assert "MemoryError" in capfd.readouterr().err


@on_linux
@forks_only
def test_a_crash_near_the_limit_is_told_as_what_it_comes_of(starter: Starter) -> None:
    with started(starter, "fill_memory_in_c", options=Process(memory="64MiB")) as worker:
        death = worker.wait()

    assert str(death) == "out of memory under its limit of 64.0 MiB (segmentation fault)"


@on_linux
def test_memory_that_processes_share_does_not_count_as_theirs(starter: Starter) -> None:
    shared = os.memfd_create("shared")
    os.ftruncate(shared, 2**27)

    with started(starter, "map_shared", fds=[shared], options=Process(memory="64MiB")) as worker:
        assert worker.control.recv(100) == b"mapped"
    os.close(shared)


@on_linux
def test_a_worker_runs_on_its_cores_and_as_nice_as_it_is_told(starter: Starter) -> None:
    core = min(os.sched_getaffinity(0))

    with started(starter, "report", options=Process(cpu=core, nice=3)) as worker:
        seen = told(worker)

    assert seen["cores"] == [core]
    assert seen["nice"] == os.nice(0) + 3


@on_linux
def test_a_core_that_is_not_there_is_named_when_the_worker_starts(each: Starter) -> None:
    with pytest.raises(GraphError, match=r"cpu=\[4096\]: there is no core 4096 to run on, but 0"):
        started(each, "echo", options=Process(cpu=4096))


def test_a_niceness_that_is_refused_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(by: int) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refuse)

    with pytest.raises(GraphError, match="nice=-5 is refused: Operation not permitted"):
        limits.apply(Process(nice=-5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Process(cpu=0), r"cpu=\[0\]: processes can be bound to cores on Linux only"),
        (Process(memory="1GiB"), "memory: limits are kept on Linux only"),
    ],
)
def test_what_a_system_does_not_have_is_no_limit_that_is_silently_left_out(
    options: Process, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(GraphError, match=words):
        limits.apply(options)


@on_linux
@pytest.mark.parametrize("most", [-1, 2**33, 2**20])
def test_a_limit_leaves_a_reserve_for_reports_within_what_is_allowed(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    kept = [(most, most)]

    def get(kind: int) -> tuple[int, int]:
        return kept[-1]

    def put(kind: int, pair: tuple[int, int]) -> None:
        kept.append(pair)

    monkeypatch.setattr(resource, "getrlimit", get)
    monkeypatch.setattr(resource, "setrlimit", put)

    limits.apply(Process(memory="1GiB"))
    limits.relax()

    (soft, hard), relaxed = kept[1:]
    assert hard - soft == (0 if most == 2**20 else limits.RESERVE)
    assert soft > 2**30 or soft == hard == most
    assert relaxed == (hard, hard)
