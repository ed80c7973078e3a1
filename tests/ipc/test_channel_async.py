"""Channels on an event loop: asyncio and uvloop, and everybody gets a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from streamflow.errors import LinkClosed
from streamflow.ipc import Reader, Writer
from tests.support.ends import picture, program, shows

pytestmark = pytest.mark.usefixtures("backend_in_use")


def run(loop: str, main: Callable[[], Any]) -> Any:
    """Run a coroutine function on one kind of loop."""
    if loop == "uvloop":
        uvloop: Any = pytest.importorskip("uvloop")
        return uvloop.run(main())
    return asyncio.run(main())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_writer_and_reader_share_a_loop(path: str, loop: str) -> None:
    async def write(writer: Writer) -> None:
        for number in range(300):
            await writer.send_async(number)
        await writer.send_async(picture(9))
        writer.close()

    async def main() -> list[Any]:
        async with Writer(path, slots=3) as writer, Reader(path) as reader:
            task = asyncio.create_task(write(writer))
            values = [value async for value in reader]
            await task
            return values

    values = run(loop, main)

    assert values[:300] == list(range(300))
    assert shows(values[300]) == 9


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_reader_on_a_loop_is_woken_by_another_process(path: str, loop: str) -> None:
    code = """
writer = Writer(sys.argv[1], slots=2)
writer.wait_for_readers(1)
for number in range(100):
    writer.send(number)
    if number % 10 == 0:
        writer.send(VideoFrame.from_ndarray(np.zeros((200, 300), np.uint8), "gray8"))
writer.close()
"""

    async def main() -> list[Any]:
        async with Reader(path, timeout=60) as reader:
            return [value if isinstance(value, int) else "frame" async for value in reader]

    with program(code, path):
        values = run(loop, main)

    assert [value for value in values if value != "frame"] == list(range(100))
    assert values.count("frame") == 10


async def test_several_tasks_may_send(path: str) -> None:
    async def send(writer: Writer, name: str) -> None:
        for number in range(50):
            await writer.send_async((name, number))

    async with (
        Writer(path, slots=2) as writer,
        Reader(path) as reader,
        asyncio.TaskGroup() as group,
    ):
        for name in "abc":
            group.create_task(send(writer, name))
        taken = [await anext(reader) for _ in range(150)]

    for name in "abc":
        assert [number for other, number in taken if other == name] == list(range(50))


async def test_an_iteration_that_never_waits_gives_others_their_turn(path: str) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with Writer(path, slots=2) as writer, Reader(path) as reader:
        task = asyncio.create_task(other())
        while turns < 10:
            writer.send(1)
            await anext(reader)
        task.cancel()


async def test_two_tasks_may_not_iterate_over_one_reader(path: str) -> None:
    with Writer(path), Reader(path) as reader:
        first = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="two tasks iterate over one reader"):
            await anext(reader)

        first.cancel()


def test_a_reader_moves_from_loop_to_loop(path: str) -> None:
    with Writer(path) as writer, Reader(path) as reader:

        async def one() -> Any:
            asyncio.get_running_loop().call_soon(writer.send, 1)
            return await anext(reader)

        assert [asyncio.run(one()), asyncio.run(one())] == [1, 1]


async def test_a_send_that_was_cancelled_leaves_nothing_behind(path: str) -> None:
    with Writer(path, slots=1) as writer, Reader(path) as reader:
        writer.send(1)
        task = asyncio.create_task(writer.send_async(2))
        await asyncio.sleep(0)

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert writer._waiters == []
        assert reader.take() == 1
        writer.send(3)
        assert reader.take() == 3


async def test_a_task_that_waits_when_the_writer_closes_is_told(path: str) -> None:
    with Writer(path, slots=1) as writer, Reader(path):
        writer.send(1)
        task = asyncio.create_task(writer.send_async(2))
        await asyncio.sleep(0)

        await writer.__aexit__(None, None, None)

        with pytest.raises(LinkClosed):
            await task
