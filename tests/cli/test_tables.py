"""Tables: everything a report says, readable in 80 columns."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from streamflow.cli.tables import print_report
from streamflow.metrics import EdgeReport, NodeReport, ProcessReport, Report, Stall, Times
from streamflow.units import human_bytes, human_time


def printed(report: Report, width: int = 80) -> str:
    """What a terminal of this width shows."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_report(console, report)
    file: Any = console.file
    return str(file.getvalue())


def a_report(**fields: Any) -> Report:
    """A report with one node and one edge of each kind."""
    values: dict[str, Any] = {
        "name": "shrink",
        "state": "completed",
        "duration": 1.5,
        "nodes": {
            "scale": NodeReport(
                1_234_567, 1_234_000, 7, {"filtered": 560, "stopped": 0}, Times(9, 1, 1_500, 2_000)
            ),
            "[red]sink[/red]": NodeReport(received=5),
        },
        "edges": {
            "scale.out -> sink.in": EdgeReport(1_234_000, 5, {"oldest": 3}, 32, copied_bytes=1_536)
        },
    }
    return Report(**{**values, **fields})


def test_every_number_of_a_report_is_there() -> None:
    text = printed(a_report())

    assert text.startswith("shrink completed in 1.50 s, 1.5 KiB copied\n")
    for words in ("1,234,567 1,234,000 560 filtered 7 1.50 µs 2.00 µs", "[red]sink[/red] 5 0 0"):
        assert words in " ".join(text.split())
    assert "scale.out -> sink.in 1,234,000 3 oldest 32 1.5 KiB" in " ".join(text.split())
    assert "stopped" not in text


def test_names_fold_before_a_number_is_cut() -> None:
    name = "object_detector_with_a_name_that_is_far_too_long"
    node = NodeReport(10**8, 10**8, 0, {"unconnected": 10**8}, Times(1, 1, 10**6, 10**9))
    edge = EdgeReport(10**8, 10**8, copied_bytes=10**9)

    text = printed(a_report(nodes={name: node}, edges={f"{name}.out -> {name}.in": edge}))

    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for number in ("100,000,000", " unconnected", "953.7 MiB", "1.00 ms", "1.00 s"):
        assert number in text


def test_a_pipeline_of_one_node_has_no_table_of_edges() -> None:
    assert "Edges" not in printed(a_report(edges={}))


def test_warnings_and_stalls_follow_the_tables() -> None:
    stall = Stall("detect", 1.25, "detect.py:7")

    text = printed(a_report(warnings=("cleanup failed",), stalls=(stall,)), width=100)

    assert text.splitlines()[-2:] == [
        "warning: cleanup failed",
        "warning: node 'detect' held its thread for 1.2 s at detect.py:7",
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 20, "3.0 MiB"), (7 << 40, "7.0 TiB")],
)
def test_bytes_are_told_in_a_fitting_unit(count: int, words: str) -> None:
    assert human_bytes(count) == words


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (999_000, "999 µs"),
        (999_600, "1.00 ms"),
        (123_400_000, "123 ms"),
        (60_000_000_000, "60.0 s"),
    ],
)
def test_times_are_told_in_a_fitting_unit(ns: int, words: str) -> None:
    assert human_time(ns) == words


def test_columns_and_tables_that_few_runs_need_come_when_they_are_needed() -> None:
    node = NodeReport(received=5, retried=3, memory_peak=1 << 20)
    worker = ProcessReport("detector", ("detect", "track"), 0, 40 << 20, 1)
    own = ProcessReport(None, ("scale",), 0, 50 << 20)

    plain = printed(a_report())
    text = " ".join(printed(a_report(nodes={"a": node}, processes=(own, worker))).split())

    assert not {"retried", "memory", "Processes"} & set(plain.split())
    assert "p99 retried memory" in text
    assert "a 5 0 0 0 – – 3 1.0 MiB" in text
    assert "the pipeline's own 0 50.0 MiB scale" in text
    assert "detector 1 40.0 MiB detect, track" in text
