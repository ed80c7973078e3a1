"""Tries in generated code: what a failed one leaves behind, and what a later one is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest

import streamflow as sf
from streamflow.ports import Ports
from streamflow.testing import assert_ledger
from tests.support.failing import Failing


class Emitting(sf.Node):
    """Emits through its context before it fails, and in between what it yields."""

    outputs: ClassVar[Ports] = {"out": sf.Data(), "more": sf.Data()}

    def __init__(self, fails: int, early: str | None = None) -> None:
        self.fails, self.early = fails, early

    def initialize(self, ctx: sf.NodeContext) -> None:
        self.ctx = ctx
        if self.early is not None:
            ctx.emit("out", self.early)

    def attempt(self) -> None:
        self.fails -= 1
        if self.fails >= 0:
            raise ConnectionError("refused")


class EmittingPlain(Emitting):
    def process(self, x: int) -> Any:
        self.ctx.emit("out", "before")
        self.ctx.emit("more", "aside")
        self.attempt()
        return x


class EmittingGenerator(Emitting):
    def process(self, x: int) -> Iterator[Any]:
        self.ctx.emit("out", "before")
        yield x
        self.ctx.emit("more", "aside")
        self.attempt()
        yield sf.Out("more", x)
        self.ctx.emit("out", "after")


class EmittingAsyncGenerator(Emitting):
    async def process(self, x: int) -> AsyncIterator[Any]:
        for item in EmittingGenerator.process(self, x):  # type: ignore[arg-type]  # a sibling's
            yield item


@pytest.mark.parametrize("early", [None, "early"])
@pytest.mark.parametrize("fails", [0, 2])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EmittingPlain, ["before", "aside", 1]),
        (EmittingGenerator, ["before", 1, "aside", 1, "after"]),
        (EmittingAsyncGenerator, ["before", 1, "aside", 1, "after"]),
    ],
)
def test_what_a_call_emits_leaves_in_order_once_it_has_succeeded(
    kind: type[Emitting], expected: list[Any], fails: int, early: str | None
) -> None:
    pipeline = sf.Pipeline("emitting")
    node = pipeline.add(kind(fails, early), id="node", retry=sf.Retry(backoff=0))
    seen: list[Any] = []
    keep = pipeline.add(sf.node(seen.append))
    node["out"] >> keep
    node["more"] >> keep

    report = pipeline.run([1], timing="exact")

    assert seen == ([early] if early else []) + expected
    assert report.nodes["node"].retried == fails
    assert_ledger(report)


def test_of_concurrent_calls_each_takes_back_what_it_emitted() -> None:
    pipeline = sf.Pipeline("wide")
    node = pipeline.add(EmittingPlain, id="node", fails=1, concurrency=2, retry=sf.Retry(backoff=0))
    seen: list[Any] = []
    keep = pipeline.add(sf.node(seen.append))
    node["out"] >> keep
    node["more"] >> keep

    report = pipeline.run([1, 2])

    assert sorted(map(str, seen)) == ["1", "2", "aside", "aside", "before", "before"]
    assert report.nodes["node"].retried == 2
    assert_ledger(report)


def test_a_generator_that_emits_last_at_its_flush_loses_nothing() -> None:
    class Last(Emitting):
        def process(self, x: int) -> None:
            return None

        def flush(self) -> Iterator[Any]:
            yield 1
            self.ctx.emit("out", 2)

    for retry in (None, sf.Retry()):
        pipeline = sf.Pipeline("last")
        node = pipeline.add(Last(0), retry=retry)
        seen: list[Any] = []
        node["out"] >> sf.node(seen.append)

        pipeline.run([0])

        assert seen == [1, 2]


def test_a_result_that_cannot_be_meant_is_not_tried_again() -> None:
    async def later(x: int) -> int:
        return x

    calls: list[int] = []

    def forgets(x: int) -> Any:
        calls.append(x)
        return later(x)

    pipeline = sf.Pipeline("odd")
    pipeline.add(sf.node(forgets), retry=sf.Retry(backoff=0))

    with pytest.raises(sf.NodeError, match="returned a coroutine object") as caught:
        pipeline.run([1])

    assert (caught.value.retries, calls) == (0, [1])


def test_a_result_of_a_later_try_is_looked_at_too() -> None:
    def wanders(x: int) -> Any:
        if not seen:
            seen.append(x)
            raise ConnectionError("refused")
        return sf.Out("other", x)

    seen: list[int] = []
    pipeline = sf.Pipeline("odd")
    pipeline.add(sf.node(wanders), retry=sf.Retry(backoff=0))

    with pytest.raises(sf.NodeError, match="emitted to port 'other'") as caught:
        pipeline.run([1])

    assert caught.value.retries == 1


class TwoPorts(sf.Node):
    """Says over which port an item came."""

    inputs: ClassVar[Ports] = {"a": sf.Data(), "b": sf.Data()}

    def __init__(self) -> None:
        self.failed: set[tuple[int, str]] = set()

    def process(self, item: int, port: str) -> str:
        if (item, port) not in self.failed:
            self.failed.add((item, port))
            raise ConnectionError("refused")
        return f"{port}{item}"


def test_a_call_made_again_has_the_port_of_the_first() -> None:
    pipeline = sf.Pipeline("ports")
    head = pipeline.add(sf.node(lambda x: x), id="head")
    node = pipeline.add(TwoPorts(), id="node", retry=sf.Retry(backoff=0))
    head >> node["a"]
    head >> node["b"]

    report = pipeline.run([1, 2])

    assert sorted(report.results) == ["a1", "a2", "b1", "b2"]
    assert report.nodes["node"].retried == 4
    assert_ledger(report)


def test_behind_many_generators_a_retry_still_holds() -> None:
    pipeline = sf.Pipeline("deep")
    last = pipeline.add(sf.node(lambda x: x), id="head")
    for number in range(12):

        def once(x: int, call: Failing = Failing(1)) -> Iterator[int]:  # noqa: B008 - one for each
            yield call.attempt(x)

        node = pipeline.add(sf.node(once), id=f"n{number}", retry=sf.Retry(backoff=0))
        last >> node
        last = node

    report = pipeline.run(range(3))

    assert list(report.results) == [0, 1, 2]
    assert [report.nodes[f"n{number}"].retried for number in range(12)] == [1] * 12
    assert_ledger(report)


def test_without_a_retry_the_generated_code_is_what_it_was() -> None:
    def source(**options: Any) -> str:
        pipeline = sf.Pipeline("same")
        head = pipeline.add(sf.node(lambda x: x), id="head")
        head >> pipeline.add(sf.node(lambda x: x), id="node", **options)
        return pipeline.explain()

    assert "again" not in source()
    assert source(breaker=sf.CircuitBreaker()) == source()
    lines = set(source(retry=sf.Retry()).splitlines()) - set(source().splitlines())
    assert [line.strip() for line in lines if "again" in line] == [
        "except Exception as error: x2 = await again1(5, error, 0, x1)"
    ]
