from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from streamflow import Pipeline, node
from streamflow.nodes import PassThrough
from streamflow.testing import leak_check

Thing = Callable[[], AbstractContextManager[None]]

linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system tells nothing")


@contextmanager
def nothing() -> Generator[None]:
    yield


@contextmanager
def thread() -> Generator[None]:
    done = threading.Event()
    left = threading.Thread(target=done.wait, name="lost")
    left.start()
    try:
        yield
    finally:
        done.set()
        left.join()


@contextmanager
def descriptor() -> Generator[None]:
    number = os.open(os.devnull, os.O_RDONLY)
    yield
    os.close(number)


@contextmanager
def child() -> Generator[None]:
    command = [sys.executable, "-c", "input()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    yield
    process.communicate(b"\n")


@contextmanager
def memory() -> Generator[None]:
    shared = SharedMemory(create=True, size=10)
    yield
    shared.close()
    shared.unlink()


@contextmanager
def task() -> Generator[None]:
    loop = asyncio.new_event_loop()
    left = loop.create_task(asyncio.sleep(3600), name="lost")
    loop.run_until_complete(asyncio.sleep(0))
    yield
    left.cancel()
    loop.run_until_complete(asyncio.wait([left]))
    loop.close()


@pytest.mark.parametrize(
    ("leak", "message"),
    [
        (thread, "thread 'lost'"),
        (task, "task 'lost' <coroutine object sleep"),
        pytest.param(descriptor, r"file descriptor \d+ /dev/null", marks=linux),
        pytest.param(child, r"child process \d+ .*input\(\)", marks=linux),
        pytest.param(memory, "shared memory psm_", marks=linux),
    ],
)
def test_what_is_left_behind_is_named(leak: Thing, message: str) -> None:
    made = leak()

    with pytest.raises(AssertionError, match=message) as caught, leak_check(grace=0.02):
        made.__enter__()
    made.__exit__(None, None, None)

    assert "left behind, 0.02 s after the body ended" in str(caught.value)


@pytest.mark.parametrize("thing", [nothing, thread, descriptor, child, memory, task])
def test_what_is_put_away_is_no_leak(thing: Thing) -> None:
    with leak_check(), thing():
        pass


@pytest.mark.parametrize("thing", [thread, descriptor, child, memory, task])
def test_what_was_there_before_is_no_leak(thing: Thing) -> None:
    with thing(), leak_check(grace=0.02):
        pass


def test_what_ends_soon_after_is_no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def sleep(seconds: float) -> None:
        done.set()

    monkeypatch.setattr("streamflow.testing.leaks.sleep", sleep)

    with leak_check():
        threading.Thread(target=done.wait).start()

    assert done.is_set()


def leak_and_fail(thing: AbstractContextManager[None]) -> None:
    thing.__enter__()
    raise ZeroDivisionError


def test_an_error_of_the_body_passes_at_once() -> None:
    made = descriptor()

    with pytest.raises(ZeroDivisionError), leak_check(grace=0.02):
        leak_and_fail(made)

    made.__exit__(None, None, None)


def test_the_watchdog_of_the_process_is_no_leak() -> None:
    done = threading.Event()
    watchdog = threading.Thread(target=done.wait, name="streamflow watchdog")

    with leak_check(grace=0.02):
        watchdog.start()

    done.set()
    watchdog.join()


def test_inside_a_coroutine_tasks_have_turns_to_end() -> None:
    async def main() -> None:
        left: list[asyncio.Task[None]] = []
        async with leak_check():
            await asyncio.to_thread(lambda: None)
            left.append(asyncio.create_task(asyncio.sleep(0)))
        assert left[0].done()

    asyncio.run(main())


async def leave_a_task() -> None:
    async with leak_check(grace=0.02):
        _ = asyncio.create_task(asyncio.Event().wait(), name="lost")  # noqa: RUF006 - lost


def test_inside_a_coroutine_a_task_that_does_not_end_is_named() -> None:
    async def main() -> None:
        with pytest.raises(AssertionError, match="task 'lost'"):
            await leave_a_task()

    asyncio.run(main())


def test_shared_memory_may_be_left_out() -> None:
    made: list[SharedMemory] = []

    with leak_check(grace=0.02, shared_memory=False):
        made.append(SharedMemory(create=True, size=10))
        made[0].close()

    made[0].unlink()


def test_a_run_leaves_nothing_behind() -> None:
    def fail(item: int) -> int:
        raise ValueError(item)

    good, bad = Pipeline("good"), Pipeline("bad")
    good.add(PassThrough(), on="thread")
    bad.add(node(fail), on="thread")

    with leak_check():
        good.run([1, 2, 3])
        with pytest.raises(Exception, match="ValueError: 1"):
            bad.run([1])
