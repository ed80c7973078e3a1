from __future__ import annotations

import math
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.metrics import FOLD, EdgeReport, Histogram, Late, Report, Times

durations = st.lists(st.integers(1, 10**12), min_size=1, max_size=300)


def exact(values: list[int], q: float) -> int:
    """The smallest value that so many of all do not exceed."""
    return sorted(values)[max(0, math.ceil(q * len(values)) - 1)]


def measured(values: list[int]) -> Times:
    histogram = Histogram()
    for value in values:
        histogram.add(value / 1e9)
    return histogram.snapshot()


@given(durations)
def test_a_quantile_is_off_by_less_than_a_bucket(values: list[int]) -> None:
    times = measured(values)

    # Half of a sixteenth of an octave, and a nanosecond where buckets are smaller than that.
    for found, q in ((times.p50_ns, 0.50), (times.p99_ns, 0.99)):
        wanted = exact(values, q)
        assert abs(found - wanted) <= wanted * 0.045 + 1


@given(durations)
def test_count_mean_and_longest_are_exact(values: list[int]) -> None:
    times = measured(values)

    assert times.count == len(values)
    assert times.mean_ns == sum(values) // len(values)
    assert times.max_ns == max(values)


@given(durations, durations)
def test_it_does_not_matter_when_the_buckets_were_filled(
    first: list[int], second: list[int]
) -> None:
    histogram = Histogram()
    for value in first:
        histogram.add(value / 1e9)
    histogram.fold()
    histogram.raw.extend(ns / 1e9 for ns in second)

    assert histogram.snapshot() == measured(first + second)


def test_a_histogram_without_durations_is_zero() -> None:
    assert Histogram().snapshot() == Times()


def test_what_gathers_is_bounded() -> None:
    histogram = Histogram()

    for value in range(10 * FOLD):
        histogram.add(value / 1e9)

    assert len(histogram.raw) < FOLD
    assert histogram.snapshot().count == 10 * FOLD


def test_a_call_that_took_no_time_counts_as_a_nanosecond() -> None:
    times = measured([0, 0])

    assert (times.count, times.p50_ns, times.max_ns) == (2, 1, 0)


def test_durations_that_another_thread_adds_while_it_is_read_are_not_lost() -> None:
    histogram, count = Histogram(), 50_000

    def add() -> None:
        for _ in range(count):
            histogram.raw.append(5e-9)

    thread = threading.Thread(target=add)
    thread.start()
    while thread.is_alive():
        histogram.snapshot()
    thread.join()

    assert histogram.snapshot().count == count


def test_a_report_adds_up_the_copies_of_its_edges() -> None:
    edges = {
        "a.out -> b.in": EdgeReport(copied_bytes=3),
        "b.out -> c.in": EdgeReport(copied_bytes=4),
    }

    assert Report("r", "completed", 1.0, {}, edges).copied_bytes == 7


def test_a_report_cannot_be_changed() -> None:
    report = Report("r", "completed", 1.0, {}, {})

    with pytest.raises(AttributeError):
        report.state = "failed"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue] - the point


def test_a_report_is_short_to_print() -> None:
    report = Report("r", "completed", 1.0, {}, {}, results=list(range(1_000)))

    assert len(repr(report)) < 200


def test_a_late_mapping_is_made_once_and_when_it_is_looked_at() -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"a": 1}

    late = Late(make)

    assert not made
    assert late == {"a": 1}
    assert (late["a"], list(late), len(late), repr(late)) == (1, ["a"], 1, "{'a': 1}")
    assert made == [1]


def test_a_late_mapping_is_sent_as_what_it_holds() -> None:
    assert pickle.loads(pickle.dumps(Late(lambda: {"a": 1}))) == {"a": 1}  # noqa: S301 - our own bytes


def test_a_copied_histogram_counts_no_further() -> None:
    histogram = Histogram()
    histogram.add(5e-9)

    copied = histogram.copy()
    histogram.add(7e-9)

    assert (copied.snapshot().count, histogram.snapshot().count) == (1, 2)
