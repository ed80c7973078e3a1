from __future__ import annotations

import inspect
import logging
import pickle
from functools import partial
from operator import mul
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamflow as sf
from streamflow.nodes.symbia.core import Accumulator, Logger, Merge, Passthrough
from streamflow.registry import Registry
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import drive

COMPONENTS = (
    "symbia.core.accumulator",
    "symbia.core.delay",
    "symbia.core.filter",
    "symbia.core.logger",
    "symbia.core.map",
    "symbia.core.merge",
    "symbia.core.passthrough",
    "symbia.core.split",
    "symbia.data.json-transform",
    "symbia.io.http-request",
)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_found_by_its_own_name(name: str) -> None:
    registry = Registry()

    found = registry.get(name)

    assert found.__module__.startswith("streamflow.nodes.symbia.")
    assert name in registry.list()


CONFIGS: dict[str, dict[str, Any]] = {
    "symbia.core.filter": {"predicate": "value"},
    "symbia.core.map": {"expression": "value"},
    "symbia.core.split": {"condition": "value"},
    "symbia.data.json-transform": {"path": "a"},
}


@pytest.mark.parametrize("name", COMPONENTS)
async def test_a_component_can_travel_before_and_after_a_run(name: str) -> None:
    node = Registry().create(name, **CONFIGS.get(name, {}))

    await settle(node.cleanup())
    async with NodeRunner(pickle.loads(pickle.dumps(node))) as runner:  # noqa: S301 - made right here
        pass

    assert type(pickle.loads(pickle.dumps(runner.node))) is type(node)  # noqa: S301 - made right here


async def settle(result: Any) -> None:
    if inspect.isawaitable(result):
        await result


def test_passthrough_emits_items_as_they_came() -> None:
    item = {"a": 1}

    assert drive(Passthrough(), [item])[0] is item


@pytest.mark.parametrize(
    ("item", "line"),
    [({"a": [1, "é"]}, '{"a": [1, "é"]}'), ("x" * 2000, f'"{"x" * 999}…'), (1 + 2j, "(1+2j)")],
)
def test_logger_writes_a_line_and_forwards(
    item: Any, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "streamflow.node"):
        assert drive(Logger("warn", "got"), [item]) == [item]

    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", f"got {line}")


def test_logger_makes_no_text_that_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "streamflow.node"):
        assert drive(Logger(), [1]) == [1]

    assert caplog.records == []


def test_logger_shows_what_is_no_json(caplog: pytest.LogCaptureFixture) -> None:
    deep: list[Any] = []
    deep.append(deep)

    with caplog.at_level(logging.INFO, "streamflow.node"):
        drive(Logger(), [np.arange(2), deep])

    assert [record.getMessage() for record in caplog.records] == ["array([0, 1])", "[[...]]"]


def test_logger_travels_also_after_a_run() -> None:
    node = Logger(prefix="a")
    drive(node, [1])

    assert pickle.loads(pickle.dumps(node)).prefix == "a"  # noqa: S301 - made right here


def test_merge_emits_the_items_of_all_its_inputs() -> None:
    pipeline = sf.Pipeline("merge")
    source = pipeline.add(Passthrough(), id="source")
    merge = pipeline.add(Merge(3), id="merge")
    for port in ("in", "in1", "in3"):
        pipeline.connect(source, merge[port])

    assert sorted(pipeline.run([1, 2]).results) == [1, 1, 1, 2, 2, 2]


def test_merge_takes_any_number_of_edges_at_one_input() -> None:
    pipeline = sf.Pipeline("merge")
    source = pipeline.add(Passthrough(), id="source")
    merge = pipeline.add(Merge(), id="merge")
    for factor in (10, 100):
        branch = pipeline.add(sf.node(partial(mul, factor)), id=f"times{factor}")
        pipeline.connect(source, branch)
        pipeline.connect(branch, merge["in"])

    assert sorted(pipeline.run([1, 2]).results) == [10, 20, 100, 200]


@given(items=st.lists(st.integers(), max_size=20), size=st.integers(1, 7))
def test_batches_joined_are_the_input(items: list[int], size: int) -> None:
    batches = drive(Accumulator(size), items)

    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)


async def test_an_accumulator_goes_on_from_its_state() -> None:
    first, second = Accumulator(3), Accumulator(3)
    async with NodeRunner(first) as runner:
        await runner.process(1)
        state = first.get_state()

    async with NodeRunner(second) as runner:
        second.set_state(state)
        emitted = [await runner.process(2), await runner.process(3)]

    assert emitted == [[], [("out", [1, 2, 3])]]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Accumulator(0), "batchSize must be a whole number of 1 or more, not 0"),
        (lambda: Accumulator(True), "batchSize must be a whole number of 1 or more, not True"),
        (lambda: Merge(0), "inputs must be a whole number of 1 or more, not 0"),
        (lambda: Logger(cast("Any", "loud")), "level must be one of debug, info, .*, not 'loud'"),
    ],
)
def test_bad_config_is_named(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
