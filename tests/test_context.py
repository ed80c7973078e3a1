from __future__ import annotations

import numpy as np
import pytest

from streamflow.clock import OfflineClock
from streamflow.context import MAX_EMITTED, NodeContext
from streamflow.events import Event, Gap


def test_a_context_says_which_node_of_which_run_it_is_for() -> None:
    clock = OfflineClock()

    ctx = NodeContext("scale", "Scale", execution_id="run", session_id="me", clock=clock)

    assert (ctx.node_id, ctx.node_type, ctx.session_id) == ("scale", "Scale", "me")
    assert ctx.instance_id == "run:scale"
    assert ctx.clock is clock
    assert ctx.logger.name == "streamflow.node.scale"


def test_what_the_pipeline_says_is_read_only_and_a_copy() -> None:
    params = {"width": 2}
    ctx = NodeContext("scale", "Scale", params=params, metadata={"title": "x"})

    params["width"] = 3

    assert (ctx.params["width"], ctx.metadata["title"]) == (2, "x")
    with pytest.raises(TypeError):
        ctx.params["width"] = 4  # type: ignore[index] # pyright: ignore[reportIndexIssue] - the point


def test_contexts_share_no_state() -> None:
    first, second = NodeContext("a", "A"), NodeContext("b", "B")

    first.state.set("count", 1)

    assert second.state.get("count") is None


def test_emitted_items_keep_their_order_over_ports() -> None:
    ctx = NodeContext("a", "A")

    ctx.emit("out", 1)
    ctx.emit_batch("other", [2, 3])

    assert ctx.emitted == [("out", 1), ("other", 2), ("other", 3)]


def test_one_call_cannot_emit_without_bound() -> None:
    ctx = NodeContext("a", "A")
    ctx.emit_batch("out", range(MAX_EMITTED))

    with pytest.raises(OverflowError, match="one call of 'a' emitted 1024 items; make process a"):
        ctx.emit("out", "one more")

    assert len(ctx.emitted) == MAX_EMITTED


def test_allocated_memory_may_be_written_and_is_counted() -> None:
    ctx = NodeContext("a", "A")

    array = ctx.allocate((2, 3), np.int16)
    array[:] = 7

    assert (array.shape, array.dtype.name, int(array.sum())) == ((2, 3), "int16", 42)
    assert ctx.memory.lent == 12


def test_events_and_copies_go_to_the_execution() -> None:
    events: list[Event] = []
    copies: list[tuple[int, str | None]] = []
    ctx = NodeContext(
        "a",
        "A",
        charge=lambda nbytes, port: copies.append((nbytes, port)),
        send_event=events.append,
    )

    ctx.send_event(Gap(0.0, 1.0))
    ctx.count_copy(10)
    ctx.count_copy(20, "out")

    assert events == [Gap(0.0, 1.0)]
    assert copies == [(10, None), (20, "out")]


def test_outside_of_an_execution_events_and_copies_go_nowhere() -> None:
    ctx = NodeContext("a", "A")

    ctx.send_event(Gap(0.0, 1.0))
    ctx.count_copy(10)

    assert ctx.emitted == []
