"""Checkpoints: what is gone on from equals what was never interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import streamflow as sf
from streamflow.flow.checkpoint import Store
from streamflow.graph import PlacementName
from streamflow.testing import VirtualClock
from tests.support.survivor import Count, Pairs, Slowly, Total, Twice, slowly
from tests.support.waiting import until

PLACEMENTS: tuple[PlacementName, ...] = ("inline", "thread", "process")


class Fails(sf.Node):
    """Fails at one item in its first life: where the file is not there."""

    def __init__(self, at: Any, file: str) -> None:
        self.at, self.file = at, file

    def process(self, item: Any) -> Any:
        if item == self.at and not Path(self.file).exists():
            Path(self.file).touch()
            raise ValueError("out of cheese")
        return item


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def failing(tmp_path: Path, at: Any) -> Fails:
    return Fails(at, str(tmp_path / "failed"))


@pytest.mark.parametrize("on", PLACEMENTS)
def test_a_run_that_failed_goes_on_and_its_results_are_whole(
    tmp_path: Path, where: Path, on: PlacementName
) -> None:
    def build() -> sf.Pipeline:
        pipeline = sf.Pipeline("sums")
        head = pipeline.add(Total, id="total", on=on)
        head >> pipeline.add(Pairs, id="pairs") >> pipeline.add(failing(tmp_path, at), id="fails")
        return pipeline

    total, at = 0, list[Any]()
    for number in range(100):
        total += number
        at = [*at[-1:], (number, total, number + 1)]
    whole = sf.Pipeline(Total(), Pairs()).run(range(100)).results

    with pytest.raises(sf.NodeError):
        build().run(slowly(100), checkpoint=where, items=10)
    report = build().run(slowly(100), checkpoint=where, items=10, resume=True)

    assert report.results == whole
    assert report.warnings == ()


def test_a_run_that_had_ended_gives_its_results_again(where: Path) -> None:
    calls: list[int] = []

    def double(item: int) -> int:
        calls.append(item)
        return item * 2

    def build() -> sf.Pipeline:
        return sf.Pipeline(sf.node(double), Pairs())

    first = build().run([1, 2, 3], checkpoint=where)
    again = build().run([1, 2, 3], checkpoint=where, resume=True)

    assert first.results == again.results == [[2, 4], [6]]
    assert calls == [1, 2, 3]


def test_without_resume_it_begins_anew_and_the_old_ones_are_set_aside(where: Path) -> None:
    pipeline = sf.Pipeline(Pairs())
    pipeline.run([1, 2, 3], checkpoint=where)

    report = pipeline.run([4], checkpoint=where)

    assert report.results == [[4]]
    assert sorted(path.name for path in where.iterdir()) == [
        "checkpoint-00000001",
        "checkpoint-00000001.old",
    ]


def test_where_none_is_there_it_begins_at_the_start_and_says_so(
    where: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = sf.Pipeline(Pairs()).run([1, 2], checkpoint=where, resume=True)

    assert report.results == [[1, 2]]
    assert "no checkpoint is there" in report.warnings[0]
    assert "no checkpoint is there" in caplog.text


def test_from_a_damaged_one_it_falls_back_to_the_one_before_and_says_so(where: Path) -> None:
    pipeline = sf.Pipeline(Total())
    pipeline.run(slowly(50), checkpoint=where, items=5)
    newest = max(where.iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])

    report = pipeline.run(slowly(50), checkpoint=where, resume=True)

    assert len(report.results) == 50
    assert str(newest) in report.warnings[0]
    assert "the one before" in report.warnings[0]


def test_if_all_are_damaged_it_does_not_begin(where: Path) -> None:
    pipeline = sf.Pipeline(Pairs())
    pipeline.run([1], checkpoint=where)
    for path in where.iterdir():
        path.write_bytes(b"")

    with pytest.raises(sf.CheckpointError, match="none is whole"):
        pipeline.run([1], checkpoint=where, resume=True)


def test_what_is_no_checkpoint_of_ours_inside_is_an_error(where: Path) -> None:
    store = Store(where)
    store.open()
    store.write(1, b"cno_such_module\nx\n.")
    store.close()

    with pytest.raises(sf.CheckpointError, match="no_such_module"):
        sf.Pipeline(Pairs()).run([1], checkpoint=where, resume=True)


async def test_one_can_be_taken_at_any_time(where: Path) -> None:
    async with sf.Pipeline(Total()).start(checkpoint=where) as execution:
        await execution.inject("total", 5)
        path = await execution.checkpoint()

        assert path.parent == where
        assert path.exists()
        assert (await execution.checkpoint()).name == "checkpoint-00000002"


async def test_without_a_directory_none_can_be_taken() -> None:
    async with sf.Pipeline(Total()).start() as execution:
        with pytest.raises(sf.CheckpointError, match="started without checkpoint="):
            await execution.checkpoint()


async def test_none_can_be_taken_of_a_run_that_has_ended(where: Path) -> None:
    execution = sf.Pipeline(Total()).start([1], checkpoint=where)
    async with execution:
        await execution.wait()

    with pytest.raises(sf.StateError):
        await execution.checkpoint()


async def test_a_stopped_run_leaves_its_last_checkpoint_and_goes_on_from_there(
    where: Path,
) -> None:
    pipeline = sf.Pipeline(Total(), Pairs())
    async with pipeline.start(slowly(10_000), checkpoint=where, collect=True) as execution:
        await until(lambda: len(execution.report().results) > 3)
        await execution.checkpoint()
        await execution.stop()

    pipeline = sf.Pipeline(Total(), Pairs())
    async with pipeline.start(slowly(100), checkpoint=where, resume=True, collect=True) as again:
        report = await again.wait()

    assert report.results == sf.Pipeline(Total(), Pairs()).run(range(100)).results


async def test_a_checkpoint_that_the_end_of_the_run_overtakes_is_an_error(where: Path) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(item: int) -> int:
        entered.set()
        await leave.wait()
        return item

    async with sf.Pipeline(sf.node(wait)).start([1, 2], checkpoint=where) as execution:
        await entered.wait()
        taking = asyncio.ensure_future(execution.checkpoint())
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(execution.stop())
        with pytest.raises(sf.CheckpointError, match="ended before"):
            await taking
        leave.set()
        await stopping


@pytest.mark.parametrize("on", PLACEMENTS)
async def test_what_was_injected_and_waits_is_in_it(where: Path, on: PlacementName) -> None:
    def build() -> sf.Pipeline:
        pipeline = sf.Pipeline("injected")
        pipeline.add(Total, id="total", on=on)
        return pipeline

    async with build().start(checkpoint=where) as execution:
        await execution.pause()
        for number in range(10):
            await execution.inject("total", number)
        await execution.checkpoint()

    async with build().start(checkpoint=where, resume=True) as execution:
        outputs = execution.outputs("total")
        await execution.inject("total", 10)
        await execution.end_inputs()
        found = [item async for item in outputs]

    assert [item for item, _, _ in found] == list(range(11))
    assert found[-1][1] == sum(range(11))


async def test_a_checkpoint_can_be_taken_in_a_pause(where: Path) -> None:
    pipeline = sf.Pipeline("paused")
    source = pipeline.add(Count, id="source", on="thread")
    source >> pipeline.add(Total, id="total", on="thread") >> pipeline.add(Pairs, id="pairs")

    async with pipeline.start(checkpoint=where, collect=True) as execution:
        await until(lambda: execution.report().results)
        await execution.pause()
        path = await execution.checkpoint()
        await execution.resume()

        assert path.exists()


@pytest.mark.parametrize("width", [1, 3])
def test_a_segment_behind_a_link_goes_on_with_what_waited_there(
    tmp_path: Path, where: Path, width: int
) -> None:
    def build(at: Any) -> sf.Pipeline:
        pipeline = sf.Pipeline("behind")
        slow = pipeline.add(Slowly, id="slow", concurrency=width)
        head = pipeline.add(sf.node(lambda x: x), id="head")
        head >> sf.queue(max_items=20) >> slow
        slow >> pipeline.add(Fails, id="fails", at=at, file=str(tmp_path / "failed"))
        return pipeline

    with pytest.raises(sf.NodeError):
        build(150).run(iter(range(200)), checkpoint=where, every=0.005)

    report = build(150).run(iter(range(200)), checkpoint=where, resume=True)

    assert report.results == list(range(200))
    assert report.warnings == ()


def test_under_a_virtual_clock_every_goes_by_its_time(where: Path) -> None:
    clock = VirtualClock()

    async def hours() -> AsyncIterator[int]:
        for number in range(5):
            await asyncio.sleep(3600)
            yield number

    report = sf.Pipeline(Total()).run(hours(), clock=clock, checkpoint=where, every="1h")

    assert len(report.results) == 5
    assert Store(where).numbers()[-1] >= 4


@pytest.mark.parametrize("policy", ["zip", "interleave", "combine_latest", "select"])
@pytest.mark.parametrize("on", ["inline", "thread"])
def test_what_a_merge_keeps_is_kept(
    tmp_path: Path, where: Path, policy: str, on: PlacementName
) -> None:
    def build() -> sf.Pipeline:
        pipeline = sf.Pipeline(policy)
        one = pipeline.add(sf.node(even), id="one", on=on)
        two = pipeline.add(sf.node(odd), id="two", on=on)
        source = pipeline.add(Count, id="source", items=120)
        source >> one
        source >> two
        merged = pipeline.merge(one, two, policy=policy)
        (
            merged
            >> pipeline.add(Twice, id="twice")
            >> pipeline.add(Fails(("odd", 101), str(tmp_path / "failed")), id="fails")
        )
        return pipeline

    (tmp_path / "failed").touch()
    expected = build().run(collect=True).results
    (tmp_path / "failed").unlink()
    run: dict[str, Any] = {"checkpoint": where, "every": 0.01, "collect": True}
    with pytest.raises(sf.NodeError) if policy == "interleave" else nullcontext():
        build().run(**run)

    results = build().run(resume=True, **run).results

    order = sorted if on == "thread" and policy in ("interleave", "combine_latest") else list
    if policy != "combine_latest" or on == "inline":
        assert order(results) == order(expected)


def even(item: int) -> tuple[str, int] | None:
    return ("even", item) if item % 2 == 0 else None


def odd(item: int) -> tuple[str, int] | None:
    return ("odd", item) if item % 2 else None


class Knows(sf.Node):
    def initialize(self, ctx: sf.NodeContext) -> None:
        self.resumed = ctx.resumed

    def process(self, item: Any) -> bool:
        return self.resumed


@pytest.mark.parametrize("on", PLACEMENTS)
async def test_a_node_knows_whether_the_run_goes_on(where: Path, on: PlacementName) -> None:
    def build() -> sf.Pipeline:
        pipeline = sf.Pipeline("knows")
        pipeline.add(Knows, id="knows", on=on)
        return pipeline

    async with build().start(slowly(10_000), checkpoint=where, collect=True) as execution:
        await until(lambda: execution.report().results)
        await execution.checkpoint()

    async with build().start(slowly(20_000), checkpoint=where, collect=True, resume=True) as again:
        await until(lambda: True in again.report().results)
        results = again.report().results

    assert results == sorted(results)  # False until the checkpoint, True from there on


class Plain(sf.Node):
    """What each of several instances gives must not depend on which of them was free."""

    def process(self, item: int) -> int:
        return item + 1


@pytest.mark.parametrize("kind", [Plain, Slowly])
def test_concurrent_calls_are_over_before_a_cut(
    tmp_path: Path, where: Path, kind: type[sf.Node]
) -> None:
    def build(at: Any = None) -> sf.Pipeline:
        pipeline = sf.Pipeline("wide")
        wide = pipeline.add(kind, id="wide", concurrency=3)
        wide >> pipeline.add(Fails, id="fails", at=at, file=str(tmp_path / "failed"))
        return pipeline

    expected = build().run(range(150)).results
    with pytest.raises(sf.NodeError):
        build(expected[100]).run(slowly(150), checkpoint=where, items=7)

    report = build(expected[100]).run(slowly(150), checkpoint=where, items=7, resume=True)

    assert report.results == expected
