"""Checkpoints: what is gone on from equals what was never interrupted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytest

import streamflow as sf
from streamflow.flow.checkpoint import Store
from streamflow.graph import PlacementName
from streamflow.testing import VirtualClock
from tests.support.killing import finish, survive
from tests.support.survivor import SHAPES, Count, Slowly, Total, Twice
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


class Pairs(sf.Node):
    """Emits items in pairs, and the last one alone."""

    def __init__(self) -> None:
        self.held: list[Any] = []

    def process(self, item: Any) -> list[Any] | None:
        self.held.append(item)
        return self.flush() if len(self.held) == 2 else None

    def flush(self) -> list[Any] | None:
        held, self.held = self.held, []
        return held or None

    def get_state(self) -> list[Any]:
        return self.held

    def set_state(self, state: list[Any]) -> None:
        self.held = state


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def failing(tmp_path: Path, at: Any) -> Fails:
    return Fails(at, str(tmp_path / "failed"))


async def slowly(count: int) -> AsyncIterator[int]:
    """Numbers, each of which waits for whatever goes on."""
    for number in range(count):
        await asyncio.sleep(0.0005)
        yield number


@pytest.mark.parametrize("on", PLACEMENTS)
def test_a_run_that_failed_goes_on_and_its_results_are_whole(
    tmp_path: Path, where: Path, on: PlacementName
) -> None:
    def build() -> sf.Pipeline:
        pipeline = sf.Pipeline("sums")
        head = pipeline.add(Total, id="total", on=on)
        head >> pipeline.add(Pairs, id="pairs") >> pipeline.add(failing(tmp_path, at), id="fails")
        return pipeline

    total, at = 0, []
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

    def build() -> sf.Pipeline:
        return sf.Pipeline(sf.node(lambda x: calls.append(x) or x * 2), Pairs())

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
    newest = sorted(where.iterdir())[-1]
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


def changed(what: str) -> sf.Pipeline:
    pipeline = sf.Pipeline("changed")
    total = pipeline.add(Total, id="total", factor=3 if what == "params" else 1)
    kind = Twice if what == "type" else Pairs
    end = pipeline.add(kind, id="end", on="thread" if what == "placement" else "inline")
    if what == "edge":
        total >> sf.queue(max_items=3) >> end
    else:
        total >> end
    if what == "node":
        end >> pipeline.add(Twice, id="new")
    return pipeline


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("params", r"node 'total' was Total\(factor=1\) on inline, and is Total\(factor=3\)"),
        ("type", "node 'end' was Pairs.* and is Twice"),
        ("placement", "node 'end' was .* and is .* on thread:end"),
        ("edge", "edge total.out -> end.in was a call, and is a link"),
        ("node", "node 'new' is new"),
    ],
)
def test_a_checkpoint_of_another_graph_is_refused_by_the_first_difference(
    where: Path, what: str, words: str
) -> None:
    changed("nothing").run([1, 2], checkpoint=where)

    with pytest.raises(sf.CheckpointError, match=words):
        changed(what).run([1, 2], checkpoint=where, resume=True)


def test_a_node_that_is_gone_is_named(where: Path) -> None:
    changed("node").run([1, 2], checkpoint=where)

    with pytest.raises(sf.CheckpointError, match="node 'new' is gone"):
        changed("nothing").run([1, 2], checkpoint=where, resume=True)


class Streams(sf.Node):
    is_streaming = True

    async def process(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for item in items:
            yield item


class Holds(sf.Node):
    def process(self, item: Any) -> None:
        return None

    def flush(self) -> int:
        return 1


class HoldsNothing(Holds):
    resumable = True


class SaysNo(sf.Node):
    resumable = False
    why_not_resumable = "the world does not rewind"

    def process(self, item: Any) -> Any:
        return item


class SaysOnlyNo(sf.Node):
    resumable = False

    def process(self, item: Any) -> Any:
        return item


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Streams, "takes its input as a stream"),
        (Holds, r"has flush.*get_state\(\) and set_state\(\)"),
        (SaysNo, "the world does not rewind"),
        (SaysOnlyNo, "resumable = False"),
    ],
)
@pytest.mark.parametrize("width", [1, 2])
def test_a_node_that_cannot_take_part_is_named_before_the_run(
    where: Path, node: type[sf.Node], words: str, width: int
) -> None:
    if width == 2 and node is Streams:
        pytest.skip("a streaming node has one call")
    pipeline = sf.Pipeline("refused")
    begun: list[int] = []
    first = pipeline.add(sf.node(begun.append), id="first")
    first >> pipeline.add(node, id="culprit", concurrency=width)

    with pytest.raises(sf.CheckpointError, match=f"node 'culprit' \\({node.__name__}\\).*{words}"):
        pipeline.run([1], checkpoint=where)

    assert begun == []
    assert not where.exists()


def test_a_node_may_say_that_what_it_holds_does_not_matter(where: Path) -> None:
    assert sf.Pipeline(HoldsNothing()).run([1], checkpoint=where).results == [1]


class Untellable(sf.Node):
    def process(self, item: Any) -> Any:
        return item

    def get_state(self) -> Any:
        return threading.Lock()


class Unable(sf.Node):
    def process(self, item: Any) -> Any:
        return item

    def get_state(self) -> Any:
        raise OSError("the disk is on fire")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Untellable, "node 'culprit': culprit.* cannot be kept: a lock"),
        (Unable, r"node 'culprit': get_state\(\) failed: OSError: the disk is on fire"),
    ],
)
@pytest.mark.parametrize("on", PLACEMENTS)
def test_a_state_that_cannot_be_kept_is_an_error_before_the_first_item(
    where: Path, node: type[sf.Node], words: str, on: PlacementName
) -> None:
    pipeline = sf.Pipeline("untold")
    pipeline.add(node, id="culprit", on=on)

    with pytest.raises(sf.CheckpointError, match=words):
        pipeline.run([1], checkpoint=where)


class Stubborn(Pairs):
    def set_state(self, state: list[Any]) -> None:
        raise KeyError("held")


def test_a_node_that_does_not_take_its_state_is_an_error_at_the_start(where: Path) -> None:
    sf.Pipeline(Stubborn()).run([1], checkpoint=where)

    with pytest.raises(sf.CheckpointError, match="segment 'stubborn': .* KeyError: 'held'"):
        sf.Pipeline(Stubborn()).run([1], checkpoint=where, resume=True)


class LaterUnable(Total):
    """Cannot tell its state any more after some items."""

    def get_state(self) -> int:
        if self.sum > 100:
            raise OSError("the disk is on fire")
        return super().get_state()


def test_a_checkpoint_that_fails_later_is_a_warning_and_those_before_stay(where: Path) -> None:
    report = sf.Pipeline(LaterUnable()).run(slowly(40), checkpoint=where, items=3)

    assert len(report.results) == 40
    assert len(report.warnings) == 1
    assert "a checkpoint could not be taken" in report.warnings[0]
    assert "the disk is on fire" in report.warnings[0]
    assert list(where.iterdir())


def test_a_disk_that_is_full_is_a_warning_and_the_run_goes_on(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: Store, number: int, body: bytes) -> Path:
        raise sf.CheckpointError(str(store.path(number)), "No space left on device")

    monkeypatch.setattr(Store, "write", full)

    report = sf.Pipeline(Total()).run(slowly(20), checkpoint=where, items=5)

    assert len(report.results) == 20
    assert all("No space left" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 1}, "every needs checkpoint="),
        ({"items": 1}, "items needs checkpoint="),
        ({"resume": True}, "resume needs checkpoint="),
        ({"checkpoint": "x", "every": 0}, "more than 0 seconds, not 0"),
        ({"checkpoint": "x", "every": "0s"}, "more than 0 seconds"),
        ({"checkpoint": "x", "every": float("nan")}, "more than 0 seconds"),
        ({"checkpoint": "x", "every": "soon"}, "such as '10s'.*'soon'"),
        ({"checkpoint": "x", "every": "3 fortnights"}, "fortnights"),
        ({"checkpoint": "x", "items": 0}, "items must be 1 or more, not 0"),
    ],
)
def test_what_cannot_be_is_refused_at_once(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sf.Pipeline(Total()).start(**arguments)


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
    run = {"checkpoint": where, "every": 0.01, "collect": True}
    with pytest.raises(sf.NodeError) if policy in ("interleave",) else nullcontext():
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


@pytest.mark.parametrize("kind", [Total, Slowly])
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


@pytest.mark.parametrize("shape", ["inline", "zip of a thread and a process"])
def test_a_program_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path, shape: str) -> None:
    (tmp_path / "whole").mkdir()
    whole = finish(shape, tmp_path / "whole")

    output, killed = survive(shape, tmp_path, kills=1, whole=len(whole), seed=len(shape))

    assert output == whole
    assert killed == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_change_nothing(tmp_path: Path) -> None:
    kills = 0
    for number, shape in enumerate(SHAPES):
        folder = tmp_path / str(number)
        (folder / "whole").mkdir(parents=True)
        whole = finish(shape, folder / "whole")

        output, killed = survive(shape, folder, kills=8, whole=len(whole), seed=number)

        same = sorted if shape == "interleaved threads" else list
        assert same(output.splitlines()) == same(whole.splitlines()), shape
        kills += killed
    assert kills >= 100
