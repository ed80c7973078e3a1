"""Cuts: what a segment gives for a checkpoint, and when."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamflow as sf
from streamflow.context import NodeContext
from streamflow.events import End, Marker
from streamflow.flow.link import Link
from streamflow.flow.merge import Merge, make_merge
from streamflow.graph import Queue
from streamflow.scheduler.build import Machine, Options
from streamflow.scheduler.cut import Cutter, Kept, Share
from streamflow.scheduler.driver import Driver


class Sums(sf.Node):
    """Adds up."""

    def __init__(self) -> None:
        self.sum = 0

    def process(self, item: int) -> int:
        self.sum += item
        return self.sum

    def get_state(self) -> int:
        return self.sum

    def set_state(self, state: int) -> None:
        self.sum = state


class Numbers(sf.Node):
    """A source."""

    inputs: ClassVar[Any] = {}

    def process(self) -> Iterator[int]:
        yield from range(3)


def machine_of(pipeline: sf.Pipeline) -> Machine:
    plan = pipeline.plan()
    instances = {id: node.node for id, node in plan.graph.nodes.items()}
    contexts = {id: NodeContext(id, "") for id in instances}
    return Machine(plan, instances, contexts, Options(collect=True, cuts=True))


def merging() -> tuple[Driver, list[Share], list[Link]]:
    """The driver of a zip with two links that bring its streams, and one that leaves it."""
    pipeline = sf.Pipeline("merging")
    one, two = pipeline.add(Numbers(), id="one"), pipeline.add(Numbers(), id="two")
    pipeline.merge(one, two, policy="zip") >> sf.queue() >> pipeline.add(Sums(), id="sums")
    machine = machine_of(pipeline)
    driver = machine.driver_of("merge_zip")
    told: list[Share] = []
    cutter_of(driver).tell = told.append
    links = [link for inlet in driver.inlets if isinstance(link := inlet.link, Link)]
    return driver, told, links


def cutter_of(driver: Driver) -> Cutter:
    assert driver.cutter is not None
    return driver.cutter


def thawed(items: list[bytes]) -> list[Any]:
    return [pickle.loads(item) for item in items]  # noqa: S301 - ours


async def test_the_first_marker_takes_the_cut_and_the_other_stream_is_recorded() -> None:
    driver, told, (one, two) = merging()
    one.try_send("a")
    one.send_event(Marker(1))
    one.try_send("later")

    for _ in range(2):
        await driver._serve_inlets()
    two.try_send("b")
    await driver._serve_inlets()
    two.try_send("c")
    two.send_event(Marker(1))
    two.try_send("d")
    await driver._serve_inlets()
    await driver._serve_inlets()

    (share,) = told
    recorded = {name: thawed(items) for name, items in share.channels.items()}
    assert recorded == {two.name: ["b", "c"]}
    assert share.number == 1
    assert not share.finished


async def test_a_marker_passes_on_before_what_follows_it() -> None:
    driver, _, (one, two) = merging()
    out = driver.segment.links[0]
    assert isinstance(out, Link)
    for link in (one, two):
        link.try_send(0)
        link.send_event(Marker(1))
        link.try_send(1)

    for _ in range(4):
        await driver._serve_inlets()

    assert out.take(9) == [(0, 0)]
    assert out.next_event() == Marker(1)
    assert out.take(9) == [(1, 1)]


async def test_a_marker_behind_what_a_merge_holds_back_is_seen_all_the_same() -> None:
    driver, told, (one, _) = merging()
    for number in range(32):
        one.try_send(number)
    await driver._serve_inlets()
    while one.queue:
        await driver._serve_inlets()
    for number in range(32, 35):
        one.try_send(number)
    one.send_event(Marker(1))

    await driver._serve_inlets()
    cutter_of(driver).overtake()

    assert told == []  # the other stream may still bring something
    assert cutter_of(driver).number == 1
    driver.inlets[1].link.events.append((0, End()))
    cutter_of(driver).settle()
    assert thawed(told[0].channels[one.name]) == [32, 33, 34]
    assert list(one.queue) == [32, 33, 34]


async def test_the_end_of_a_stream_is_as_good_as_its_marker() -> None:
    driver, told, (one, two) = merging()
    one.send_event(Marker(1))
    two.try_send("on its way")
    two.close()

    await driver._serve_inlets()

    (share,) = told
    assert thawed(share.channels[two.name]) == ["on its way"]


async def test_a_newer_cut_takes_the_place_of_one_that_never_was_complete() -> None:
    driver, told, (one, two) = merging()
    one.send_event(Marker(1))
    await driver._serve_inlets()

    for link in (one, two):
        link.send_event(Marker(2))
        await driver._serve_inlets()

    assert [share.number for share in told] == [2]


async def test_a_marker_of_a_cut_that_was_taken_is_nothing_new() -> None:
    driver, told, links = merging()
    for number in (1, 1):
        for link in links:
            link.send_event(Marker(number))

    await driver._serve_inlets()

    assert [share.number for share in told] == [1]


async def test_what_cannot_be_kept_spoils_the_checkpoint_and_nothing_else() -> None:
    driver, told, (one, two) = merging()
    one.send_event(Marker(1))
    await driver._serve_inlets()
    two.try_send(threading.Lock())

    await driver._serve_inlets()

    (share,) = told
    assert "lock" in share.fault
    assert not one.queue
    two.try_send(1)
    await driver._serve_inlets()


async def test_what_cannot_be_kept_and_waits_spoils_it_too() -> None:
    driver, told, (one, two) = merging()
    two.try_send(threading.Lock())
    two.send_event(Marker(1))
    one.send_event(Marker(1))
    cutter = cutter_of(driver)
    cutter.ask(1)

    cutter.look()

    assert "lock" in told[0].fault


async def test_a_segment_goes_on_with_what_was_on_its_way() -> None:
    driver, told, (one, two) = merging()
    one.try_send("a")
    one.send_event(Marker(1))
    await driver._serve_inlets()
    two.try_send("b")
    two.send_event(Marker(1))
    await driver._serve_inlets()
    again, _, (_, second) = merging()

    cutter_of(again).restore(told[0])

    assert list(second.queue) == ["b"]
    assert second.report().sent == 1
    zipped = again.segment.instances["merge_zip"]
    assert isinstance(zipped, Merge)
    assert zipped.get_kept() == {"in_0": ["a"], "in_1": []}


def test_the_state_of_a_context_is_kept_beside_the_nodes() -> None:
    def build() -> tuple[Machine, Cutter]:
        pipeline = sf.Pipeline("state")
        pipeline.add(Numbers(), id="one") >> pipeline.add(Sums(), id="sums")
        machine = machine_of(pipeline)
        return machine, cutter_of(machine.driver_of("one"))

    machine, cutter = build()
    told: list[Share] = []
    cutter.tell = told.append
    machine.instances["sums"].set_state(7)
    machine.contexts["sums"].state.set("seen", {1, 2})
    cutter.ask(1)
    cutter.look()
    other, restored = build()
    other.contexts["sums"].state.set("old", 1)

    restored.restore(told[0])

    assert other.instances["sums"].get_state() == 7
    assert dict(other.contexts["sums"].state) == {"seen": {1, 2}}
    assert told[0].states.keys() == {"sums"}


def test_after_its_end_a_segment_gives_what_it_came_to() -> None:
    pipeline = sf.Pipeline("over")
    pipeline.add(Numbers(), id="one")
    cutter = cutter_of(machine_of(pipeline).driver_of("one"))
    told: list[Share] = []
    cutter.tell = told.append

    cutter.end()
    cutter.ask(3)
    cutter.ask(4)

    assert [(share.number, share.finished) for share in told] == [(3, True), (4, True)]


def test_so_many_items_make_one_due() -> None:
    pipeline = sf.Pipeline("due")
    pipeline.add(Numbers(), id="one")
    made = machine_of(pipeline).driver_of("one")
    cutter, due = Cutter(made.segment, [], 10), list[int]()
    cutter.due = lambda: due.append(cutter.position)

    for _ in range(25):
        cutter.count(1)

    assert due == [10, 20]
    assert [cutter.limit(size) for size in (1, 64)] == [1, 10]
    assert Cutter(made.segment, [], None).limit(64) == 64


@given(
    sends=st.lists(st.sampled_from(["one", "two"]), max_size=30),
    cut=st.integers(0, 30),
    late=st.integers(0, 10),
)
@settings(max_examples=60)
async def _law(sends: list[str], cut: int, late: int) -> None:
    """State and channels of a cut hold what was sent before it: once, and in order."""
    driver, told, (one, two) = merging()
    links, numbers = {"one": one, "two": two}, {"one": itertools.count(), "two": itertools.count()}
    marked: dict[str, int] = {}
    for index, name in enumerate(sends):
        if index == cut:
            marked["one"] = one.sent
            one.send_event(Marker(1))
        if index == cut + late:
            marked["two"] = two.sent
            two.send_event(Marker(1))
        links[name].try_send(next(numbers[name]))
        await driver._serve_inlets()
    for name, link in links.items():
        if name not in marked:
            marked[name] = link.sent
            link.send_event(Marker(1))
    for _ in range(40):
        await driver._serve_inlets()
    cutter_of(driver).overtake()

    (share,) = told
    (_, kept), _ = pickle.loads(share.states["merge_zip"])  # noqa: S301 - ours
    out = driver.segment.links[0]
    assert isinstance(out, Link)
    before = out.take(99)
    for port, link, name in (("in_0", one, "one"), ("in_1", two, "two")):
        on_its_way = thawed(share.channels.get(link.name, []))
        held = [*(pair[int(name == "two")] for pair in before), *kept[port], *on_its_way]
        assert held == list(range(marked[name]))


def test_a_cut_holds_what_was_sent_before_it_once_and_in_order() -> None:
    import asyncio

    inner = _law.hypothesis.inner_test  # type: ignore[attr-defined]  # hypothesis adds it
    _law.hypothesis.inner_test = lambda **drawn: asyncio.run(inner(**drawn))  # type: ignore[attr-defined]  # likewise
    _law()


def test_results_are_pickled_once_and_keep_their_places() -> None:
    shared: list[Any] = []
    places = itertools.count()
    one, two = Kept(shared, places), Kept(shared, places)
    for number in range(4):
        (one, two)[number % 2].append(number)

    first = one.freeze()
    one.append(4)
    second = one.freeze()

    assert shared == [0, 1, 2, 3, 4]
    assert [place for place, _ in second] == [0, 2, 4]
    assert second[0][1] is first[0][1]


@pytest.mark.parametrize("policy", ["zip", "sync", "select", "combine_latest", "interleave"])
def test_a_merge_goes_on_with_what_it_kept(policy: str) -> None:
    merge, again = make_merge(policy, 2), make_merge(policy, 2)
    for made in (merge, again):
        made.initialize(NodeContext("merge", ""))
    items = (
        [(sf.Packet(n, n, Fraction(1)), f"in_{n % 2}") for n in (0, 2, 4)]
        if policy == "sync"
        else [(n, f"in_{n % 2}") for n in (0, 2, 1)]
    )
    for item, port in items:
        merge.process(item, port)
    merge.drop("unpaired", 2)

    again.set_state(pickle.loads(pickle.dumps(merge.get_state())))  # noqa: S301 - ours

    assert again.get_state() == merge.get_state()
    assert again.dropped["unpaired"] == 2


def test_items_of_an_earlier_run_count_in_the_bounds_of_a_link() -> None:
    link = Link("a -> b", Queue(max_items=2, max_bytes=10))

    link.preload([b"12345", b"12345", b"12345"])

    assert not link.try_send(b"1")
    assert link.report().bytes == 15
    assert link.take(9) == [b"12345"] * 3
    assert link.report().bytes == 0
