"""Exports: everything a report says, in the words of other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from streamflow.export import FAMILIES, to_prometheus
from streamflow.metrics import EdgeReport, Late, NodeReport, ProcessReport, Report, Stall, Times

NODE = NodeReport(
    received=10,
    emitted=7,
    failed=1,
    dropped={"filtered": 2},
    time=Times(4, 1_500, 1_000, 3_000, 4_000, 6_000),
    memory=64,
    memory_peak=128,
    throughput=5.0,
    retried=3,
)
EDGE = EdgeReport(7, 4, {"oldest": 1}, 2, credits=6, max_items=8, bytes=512, copied_bytes=99)


def a_report(name: str = "shrink", **fields: Any) -> Report:
    values: dict[str, Any] = {
        "nodes": {"scale": NODE},
        "edges": {"scale.out -> sink.in": EDGE, "in.out -> scale.in": EdgeReport(10, 10)},
        "results": [object()],
        "stalls": (Stall("scale", 1.5, "a.py:1"), Stall("scale", 2.5, "a.py:1")),
        "warnings": ("cleanup failed",),
        "processes": (
            ProcessReport(None, ("scale",), 1_000, 2_000),
            ProcessReport("there", ("sink",), 300, 400, 1),
        ),
    }
    return Report(name, "running", 2.0, **{**values, **fields})


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Every sample that Prometheus's own parser finds, without its pipeline."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key != "pipeline"}
            yield sample.name.removeprefix("streamflow_"), labels, sample.value


def test_json_says_all_but_the_results() -> None:
    said = json.loads(a_report().to_json())

    assert set(said) == {
        "name",
        "state",
        "duration",
        "nodes",
        "edges",
        "stalls",
        "warnings",
        "processes",
    }
    assert said["nodes"]["scale"]["dropped"] == {"filtered": 2}
    assert said["nodes"]["scale"]["time"]["p99_ns"] == 3_000
    assert said["edges"]["in.out -> scale.in"]["credits"] is None
    assert said["stalls"][0] == {"node": "scale", "seconds": 1.5, "where": "a.py:1"}
    assert said["processes"][0]["name"] is None


def test_json_can_be_indented() -> None:
    assert a_report().to_json(indent=2).startswith('{\n  "name": "shrink",')


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("run_state", {"state": "running"}, 1),
        ("run_duration_seconds", {}, 2),
        ("run_warnings_total", {}, 1),
        ("node_items_received_total", {"node": "scale"}, 10),
        ("node_items_emitted_total", {"node": "scale"}, 7),
        ("node_items_failed_total", {"node": "scale"}, 1),
        ("node_items_dropped_total", {"node": "scale", "reason": "filtered"}, 2),
        ("node_retries_total", {"node": "scale"}, 3),
        ("node_process_seconds", {"node": "scale", "quantile": "0.5"}, 1e-6),
        ("node_process_seconds", {"node": "scale", "quantile": "0.99"}, 3e-6),
        ("node_process_seconds_sum", {"node": "scale"}, 6e-6),
        ("node_process_seconds_count", {"node": "scale"}, 4),
        ("node_process_max_seconds", {"node": "scale"}, 4e-6),
        ("node_memory_bytes", {"node": "scale"}, 64),
        ("node_memory_peak_bytes", {"node": "scale"}, 128),
        ("node_items_per_second", {"node": "scale"}, 5),
        ("node_stalls_total", {"node": "scale"}, 2),
        ("edge_items_sent_total", {"edge": "scale.out -> sink.in"}, 7),
        ("edge_items_received_total", {"edge": "scale.out -> sink.in"}, 4),
        ("edge_items_dropped_total", {"edge": "scale.out -> sink.in", "reason": "oldest"}, 1),
        ("edge_queued_items", {"edge": "scale.out -> sink.in"}, 2),
        ("edge_queued_bytes", {"edge": "scale.out -> sink.in"}, 512),
        ("edge_credits", {"edge": "scale.out -> sink.in"}, 6),
        ("edge_max_items", {"edge": "scale.out -> sink.in"}, 8),
        ("edge_copied_bytes_total", {"edge": "scale.out -> sink.in"}, 99),
        ("process_resident_memory_bytes", {"process": ""}, 1_000),
        ("process_resident_memory_bytes", {"process": "there"}, 300),
        ("process_resident_memory_peak_bytes", {"process": "there"}, 400),
        ("process_restarts_total", {"process": "there"}, 1),
    ],
)
def test_prometheus_reads_every_number(name: str, labels: dict[str, str], value: float) -> None:
    found = list(samples(a_report().to_prometheus()))

    assert (name, labels, value) in found


def test_every_family_has_help_a_type_and_a_name_that_says_its_unit() -> None:
    text = a_report().to_prometheus()

    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    for family in FAMILIES:
        assert f"# HELP streamflow_{family.name} {family.help}\n" in text
        assert kinds[f"streamflow_{family.name.removesuffix('_total')}"] == family.kind
        assert (family.kind == "counter") == family.name.endswith("_total")
        assert {"s": "_seconds", "By": "_bytes"}.get(family.unit, "") in family.name


def test_an_edge_without_a_link_has_no_credits() -> None:
    found = samples(a_report().to_prometheus())

    credits = [labels for name, labels, _ in found if name == "edge_credits"]

    assert credits == [{"edge": "scale.out -> sink.in"}]


def test_a_node_that_was_not_timed_has_no_quantiles() -> None:
    found = list(samples(a_report(nodes={"scale": NodeReport()}).to_prometheus()))

    assert ("node_process_seconds_count", {"node": "scale"}, 0) in found
    assert not any("quantile" in labels for _, labels, _ in found)


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20))
def test_any_name_comes_out_as_it_went_in(name: str) -> None:
    # The parser of prometheus_client strips the ends of a line as Python's str.strip does,
    # but a quoted label stands within them.
    text = a_report(nodes={name: NODE}, edges={}).to_prometheus()

    found = {labels["node"] for _, labels, _ in samples(text) if "node" in labels}

    assert found == {name, "scale"}


def test_what_cannot_be_written_as_utf_8_is_escaped() -> None:
    text = a_report(nodes={"half \ud83d": NODE}).to_prometheus()

    assert 'node="half \\\\ud83d"' in text
    assert text.encode()


def test_several_reports_share_the_head_of_each_family() -> None:
    text = to_prometheus(a_report("one"), a_report("two"))

    assert text.count("# TYPE streamflow_node_items_received_total ") == 1
    assert 'node_items_received_total{pipeline="one",node="scale"} 10\n' in text
    assert 'node_items_received_total{pipeline="two",node="scale"} 10\n' in text


def test_two_reports_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two reports are of pipelines named 'one'"):
        to_prometheus(a_report("one"), a_report("one"))


def test_a_report_that_is_worked_out_late_is_exported_too() -> None:
    report = a_report(nodes=Late(lambda: {"scale": NODE}))

    assert json.loads(report.to_json())["nodes"]["scale"]["received"] == 10
    assert 'node="scale"' in report.to_prometheus()


def test_lost_is_what_failed_or_was_dropped_against_the_will_of_the_graph() -> None:
    dropped = {"filtered": 5, "unconnected": 7, "stopped": 2}

    assert NodeReport(failed=1, dropped=dropped).lost == 3
