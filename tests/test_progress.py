"""Progress: a bar on long runs, and what it is drawn from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import pytest

import streamflow as sf
from streamflow.ports import Ports


class Reel(sf.Node):
    """A source that knows how far it is."""

    inputs: ClassVar[Ports] = {}

    def __init__(self, count: int = 10, *, knows: bool = True) -> None:
        self.count, self.done, self.knows = count, 0, knows

    async def process(self) -> AsyncIterator[int]:
        for number in range(self.count):
            await asyncio.sleep(0.03)
            self.done = number + 1
            yield number

    def progress(self) -> float | None:
        return self.done / self.count if self.knows else None


@pytest.mark.parametrize("knows", [True, False])
def test_a_long_run_shows_a_bar_with_its_rate(
    knows: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = sf.Pipeline("reel")
    pipeline.add(Reel(knows=knows)) >> sf.node(lambda x: None)

    pipeline.run(progress=True, clock="live")

    shown = capsys.readouterr().err
    assert "reel" in shown
    assert "items" in shown


def test_a_run_shows_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = sf.Pipeline("reel")
    pipeline.add(Reel()) >> sf.node(lambda x: None)

    pipeline.run(clock="live")

    assert capsys.readouterr().err == ""


async def test_progress_is_that_of_the_slowest_source_and_unknown_if_one_cannot_tell() -> None:
    @sf.node
    def other() -> Iterator[int]:
        yield 1

    one = sf.Pipeline("one")
    one.add(Reel(4), id="short")
    one.add(Reel(8), id="long")
    two = sf.Pipeline("two")
    two.add(Reel(2))
    two.add(other)

    async with one.start() as execution, two.start() as unknown:
        assert execution.progress() == 0.0
        await execution.wait()
        assert execution.progress() == 1.0
        assert unknown.progress() is None
