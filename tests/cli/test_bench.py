"""The bench: what can be measured, and what is printed of it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Invoke, Write

PIPELINES = """
from streamflow.nodes import PassThrough, Scale

@sf.node
def nine():
    yield from range(9)

@sf.node
def endless():
    number = 0
    while True:
        yield number
        number += 1

pipeline = sf.Pipeline("plain", PassThrough(), PassThrough())
source = sf.Pipeline("source", nine, PassThrough())
forever = sf.Pipeline("forever", endless, PassThrough())
video = sf.Pipeline("video", Scale(width=64))
two = sf.Pipeline("two")
two.merge(two.add(PassThrough(), id="left"), two.add(PassThrough(), id="right"))

@sf.node
def function(x):
    if x == 5:
        raise ValueError("five")

failing = sf.Pipeline("failing", function)
"""


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_a_pipeline_with_an_open_input_is_fed_numbers(invoke: Invoke, program: Write) -> None:
    done = invoke("bench", program(PIPELINES), "--items", 50, "--repeat", 2)

    words = words_of(done.stdout)
    assert done.exit_code == 0
    assert words.startswith("plain handles ")
    assert "items/s, the median of 2 runs of 50 items Throughput run items time items/s" in words
    assert "Latency of an item that is alone items p50 mean p99 max" in words
    assert "pass_through_2 50 50 0 0" in words


def test_a_pipeline_with_a_source_runs_to_its_end(invoke: Invoke, program: Write) -> None:
    done = invoke("bench", f"{program(PIPELINES)}:source", "--repeat", 1)

    assert done.exit_code == 0
    assert "in one run of 9 items" in words_of(done.stdout)
    assert "Latency" not in done.stdout


def test_a_source_without_end_is_ended(invoke: Invoke, program: Write) -> None:
    done = invoke("bench", f"{program(PIPELINES)}:forever", "--items", 100, "--repeat", 1)

    assert done.exit_code == 0
    assert "forever handles " in done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("video", "Error: scale.in takes video: put a source before it\n"),
        ("two", "Error: only one input may be open, not left.in, right.in\n"),
        (
            "failing",
            "Error: node 'function' failed in process on int 5: ValueError: five\n",
        ),
    ],
)
def test_what_cannot_be_measured_is_said(
    name: str, words: str, invoke: Invoke, program: Write
) -> None:
    done = invoke("bench", f"{program(PIPELINES)}:{name}")

    assert (done.exit_code, done.stderr) == (1, words)
