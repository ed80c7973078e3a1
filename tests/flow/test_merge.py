from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.context import NodeContext
from streamflow.errors import DeadlockError
from streamflow.flow.merge import (
    Buffered,
    CombineLatest,
    Concat,
    Interleave,
    Merge,
    Select,
    Sync,
    Zip,
    make_merge,
)
from streamflow.node import shape_of
from streamflow.packet import Packet

counts = st.lists(st.integers(0, 12), min_size=1, max_size=4)


def numbered(counts: list[int]) -> list[list[tuple[int, int]]]:
    """For each stream its items: (stream, index)."""
    return [[(stream, index) for index in range(count)] for stream, count in enumerate(counts)]


def drive(merge: Merge, streams: list[list[Any]], choose: Callable[[int], int]) -> list[Any]:
    """Feed streams as links would: in any order, but only where the merge has room."""
    emitted: list[Any] = []
    rest = {port: list(stream) for port, stream in zip(merge.ports, streams, strict=True)}
    merge.initialize(NodeContext("merge", "Merge"))
    while rest:
        for port in [port for port, items in rest.items() if not items]:
            merge.end(port)
            del rest[port]
        open_ports = [port for port in rest if merge.room(port) > 0]
        if not open_ports:
            break
        port = open_ports[choose(len(open_ports) - 1)]
        result = merge.process(rest[port].pop(0), port)
        if result is not None:
            emitted.append(result)
        if isinstance(merge, Buffered):
            assert all(len(queue) <= merge.max_items for queue in merge.waiting.values())
    merge.flush()
    assert not any(rest.values())
    return emitted


def chooser(data: st.DataObject) -> Callable[[int], int]:
    """Lets Hypothesis choose which stream comes next."""
    return lambda most: data.draw(st.integers(0, most)) if most > 0 else 0


@given(counts=counts, data=st.data())
def test_interleave_keeps_everything_and_the_order_of_each_stream(
    counts: list[int], data: st.DataObject
) -> None:
    streams = numbered(counts)

    emitted = drive(Interleave(len(counts)), streams, chooser(data))

    assert [[item for item in emitted if item[0] == n] for n in range(len(counts))] == streams


@given(counts=counts, data=st.data(), max_items=st.integers(1, 4))
def test_zip_pairs_by_index_and_counts_the_unpaired(
    counts: list[int], data: st.DataObject, max_items: int
) -> None:
    merge, streams = Zip(len(counts), max_items=max_items), numbered(counts)

    emitted = drive(merge, streams, chooser(data))

    assert emitted == list(zip(*streams, strict=False))
    assert merge.dropped.get("unpaired", 0) == sum(counts) - min(counts) * len(counts)


@given(counts=counts, data=st.data())
def test_combine_latest_emits_the_newest_of_each_stream_at_every_arrival(
    counts: list[int], data: st.DataObject
) -> None:
    newest: dict[int, Any] = {}
    expected: list[Any] = []

    class Watched(CombineLatest):
        def process(self, item: Any, port: str) -> Any:
            newest[item[0]] = item
            if len(newest) == len(counts):
                expected.append(tuple(newest[n] for n in range(len(counts))))
            return super().process(item, port)

    emitted = drive(Watched(len(counts)), numbered(counts), chooser(data))

    assert emitted == expected


@given(counts=counts, data=st.data())
def test_concat_passes_whole_streams_in_order(counts: list[int], data: st.DataObject) -> None:
    streams = numbered(counts)

    emitted = drive(Concat(len(counts)), streams, chooser(data))

    assert emitted == [item for stream in streams for item in stream]


@given(counts=counts, data=st.data())
def test_select_passes_the_stream_that_is_selected_and_counts_the_others(
    counts: list[int], data: st.DataObject
) -> None:
    expected: list[Any] = []

    class Switched(Select):
        def process(self, item: Any, port: str) -> Any:
            chosen = data.draw(st.integers(0, len(counts) - 1))
            self.select(chosen)
            if item[0] == chosen:
                expected.append(item)
            return super().process(item, port)

    merge = Switched(len(counts))
    emitted = drive(merge, numbered(counts), chooser(data))

    assert emitted == expected
    assert merge.dropped.get("unselected", 0) == sum(counts) - len(expected)


times = st.lists(st.integers(0, 60), max_size=12).map(sorted)
tolerances = st.sampled_from([0.0, 0.02, 0.1, 0.25, 1.0])


def packets(stream: int, ticks: list[int]) -> list[Packet]:
    """Packets at tenths of a second."""
    base = Fraction(1, 10)
    return [Packet((stream, index), tick, base) for index, tick in enumerate(ticks)]


@given(
    ticks=st.lists(times, min_size=1, max_size=3),
    tolerance=tolerances,
    timeout=st.none() | st.sampled_from([0.1, 0.5, 2.0]),
    max_items=st.integers(1, 20),
    data=st.data(),
)
def test_sync_keeps_the_tolerance_and_accounts_for_every_item(
    ticks: list[list[int]],
    tolerance: float,
    timeout: float | None,
    max_items: int,
    data: st.DataObject,
) -> None:
    merge = Sync(len(ticks), tolerance=tolerance, timeout=timeout, max_items=max_items)
    streams = [packets(stream, list(each)) for stream, each in enumerate(ticks)]

    emitted = drive(merge, streams, chooser(data))

    spreads = [max(p.time for p in group) - min(p.time for p in group) for group in emitted]
    assert all(spread <= tolerance + 1e-6 for spread in spreads)
    for stream in range(len(ticks)):
        indices = [group[stream].value[1] for group in emitted]
        assert indices == sorted(set(indices))
    lost = merge.dropped.get("unmatched", 0) + merge.dropped.get("unpaired", 0)
    assert len(emitted) * len(ticks) + lost == sum(map(len, ticks))


@given(
    ticks=st.lists(
        st.lists(st.integers(0, 60), max_size=12, unique=True).map(sorted), min_size=2, max_size=2
    ),
    data=st.data(),
)
def test_sync_finds_every_pair_where_it_could_not_be_another(
    ticks: list[list[int]], data: st.DataObject
) -> None:
    merge = Sync(2, tolerance=0.04, max_items=20)
    streams = [packets(stream, each) for stream, each in enumerate(ticks)]

    emitted = drive(merge, streams, chooser(data))

    assert [group[0].pts for group in emitted] == sorted(set(ticks[0]) & set(ticks[1]))


def test_sync_takes_what_lies_exactly_at_the_tolerance() -> None:
    merge = Sync(2, tolerance=0.1)
    early, late = Packet("a", 10, Fraction(1, 10)), Packet("b", 11, Fraction(1, 10))

    merge.process(early, "in_0")

    assert merge.process(late, "in_1") == (early, late)


def test_sync_drops_what_has_waited_for_its_timeout() -> None:
    merge = Sync(2, tolerance=0.01, timeout=1.0)
    second = Fraction(1)

    for pts in range(4):
        merge.process(Packet(pts, pts, second), "in_0")

    assert merge.dropped == {"unmatched": 2}
    assert len(merge.waiting["in_0"]) == 2


def test_sync_says_which_value_has_no_time() -> None:
    with pytest.raises(ValueError, match="sync merges by time, but str on in_1 has no pts"):
        Sync(2).process("x", "in_1")


@pytest.mark.parametrize("policy", ["zip", "sync"])
def test_a_merge_that_nothing_holds_back_does_not_grow_without_bound(policy: str) -> None:
    merge = make_merge(policy, 2, max_items=3)
    merge.initialize(NodeContext("pairs", "Merge"))
    for pts in range(3):
        merge.process(Packet(pts, pts, Fraction(1)), "in_0")

    with pytest.raises(DeadlockError, match=r"deadlock: .*in_1 waits .* because .*in_0 is full"):
        merge.process(Packet(3, 3, Fraction(1)), "in_0")


def test_a_stream_whose_partner_has_ended_runs_dry_and_is_counted() -> None:
    merge = Zip(2, max_items=2)
    merge.end("in_1")

    for number in range(100):
        assert merge.room("in_0") > 100
        merge.process(number, "in_0")

    assert merge.dropped == {"unpaired": 100}


def test_partners_that_wait_already_are_paired_after_the_end() -> None:
    merge = Zip(2)
    merge.process("a", "in_0")
    merge.end("in_0")

    assert merge.process("b", "in_1") == ("a", "b")


def test_zip_joins_what_the_branches_of_a_segment_give() -> None:
    merge = Zip(2)

    joined = [merge.join(1, None), merge.join(2, "a"), merge.join(None, "b")]

    assert joined == [None, (1, "a"), (2, "b")]


@pytest.mark.parametrize("policy", ["interleave", "zip", "sync", "combine_latest", "concat"])
def test_a_merge_forgets_its_last_run(policy: str) -> None:
    merge = make_merge(policy, 2)
    merge.process(Packet("old", 0, Fraction(1)), "in_0")
    merge.end("in_0")
    merge.drop("test")

    merge.initialize(NodeContext("merge", "Merge"))

    assert (merge.ended, merge.dropped) == (set(), {})
    if policy not in ("interleave", "concat"):
        assert merge.process(Packet("new", 0, Fraction(1)), "in_1") is None


def test_select_starts_with_the_stream_that_was_asked_for() -> None:
    merge = Select(3, initial=2)

    assert [merge.process(n, f"in_{n}") for n in range(3)] == [None, None, 2]


@pytest.mark.parametrize("policy", ["interleave", "zip", "sync", "combine_latest", "concat"])
def test_each_merge_has_a_port_for_every_stream(policy: str) -> None:
    merge = make_merge(policy, 3)

    assert list(shape_of(merge, "m").inputs) == ["in_0", "in_1", "in_2"]
    assert merge.policy == policy


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interleave(0), "a merge needs 1 or more streams, not 0"),
        (lambda: Zip(2, max_items=0), "max_items must be 1 or more, not 0"),
        (lambda: Sync(2, tolerance=-1), "tolerance must be 0 seconds or more, not -1"),
        (lambda: Sync(2, timeout=0), "timeout must be more than 0 seconds, not 0"),
        (lambda: Select(2, initial=2), "stream must be 0 to 1, not 2"),
        (lambda: Select(2).select(-1), "stream must be 0 to 1, not -1"),
        (lambda: make_merge("sideways", 2), "policy must be one of interleave, .*'sideways'"),
        (
            lambda: make_merge("concat", 2, tolerance=1),
            "merge policy 'concat' does not take tolerance",
        ),
    ],
)
def test_what_a_merge_cannot_be_is_refused(make: Callable[[], Merge], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


class Undecided(Merge):
    """A merge without a rule."""

    policy = "undecided"


def test_a_merge_has_to_say_how_it_merges() -> None:
    with pytest.raises(NotImplementedError):
        Undecided(1).process(1, "in_0")
