"""Checkpoints that cannot be: each is refused before the first item, by what is in the way."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import streamflow as sf
from streamflow.graph import PlacementName
from tests.support.survivor import Pairs, Total, Twice

PLACEMENTS: tuple[PlacementName, ...] = ("inline", "thread", "process")


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


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

    with pytest.raises(sf.CheckpointError, match=rf"node 'culprit' \({node.__name__}\).*{words}"):
        pipeline.run([1], checkpoint=where)

    assert begun == []
    assert not where.exists()


def test_nothing_is_left_where_processes_were_to_take_part(where: Path) -> None:
    pipeline = sf.Pipeline("refused")
    pipeline.add(SaysNo, on="process")

    with pytest.raises(sf.CheckpointError, match="does not rewind"):
        pipeline.run([1], checkpoint=where)


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

    with pytest.raises(sf.CheckpointError, match=r"segment 'stubborn': .* KeyError: 'held'"):
        sf.Pipeline(Stubborn()).run([1], checkpoint=where, resume=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 1}, "every needs checkpoint="),
        ({"items": 1}, "items needs checkpoint="),
        ({"resume": True}, "resume needs checkpoint="),
        ({"checkpoint": "x", "every": 0}, "more than 0 seconds, not 0"),
        ({"checkpoint": "x", "every": "0s"}, "more than 0 seconds"),
        ({"checkpoint": "x", "every": float("nan")}, "more than 0 seconds"),
        ({"checkpoint": "x", "every": "soon"}, "text such as .*'soon'"),
        ({"checkpoint": "x", "every": "3 fortnights"}, "fortnights"),
        ({"checkpoint": "x", "items": 0}, "items must be 1 or more, not 0"),
    ],
)
def test_what_cannot_be_is_refused_at_once(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sf.Pipeline(Total()).start(**arguments)
