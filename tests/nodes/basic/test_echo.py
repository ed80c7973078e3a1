from __future__ import annotations

import streamflow as sf
from streamflow.nodes import Echo, PassThrough
from tests.nodes.drive import drive


def test_items_are_wrapped_and_numbered_from_one() -> None:
    assert drive(Echo(), ["a", {"b": 1}]) == [
        {"input": "a", "counter": 1, "node": "Echo"},
        {"input": {"b": 1}, "counter": 2, "node": "Echo"},
    ]


def test_each_run_counts_from_the_beginning() -> None:
    node = Echo()
    drive(node, [1, 2])

    (again,) = drive(node, [3])

    assert again["counter"] == 1


def test_it_counts_on_from_its_state() -> None:
    node, other = Echo(), Echo()
    drive(node, [1, 2])

    other.set_state(node.get_state())

    assert other.process("c")["counter"] == 3


def test_echoes_stand_between_nodes_that_pass() -> None:
    report = sf.Pipeline(PassThrough(), Echo(), PassThrough()).run([True])

    assert report.results == [{"input": True, "counter": 1, "node": "Echo"}]
