"""The chain of ten pass-through nodes as other libraries run it.

Each is used as its documentation shows for a program like this, and each hop
calls the same bound method, except GStreamer's, whose hops are C. A library
that is not installed skips its benchmark; the ``bench`` extra brings all but
GStreamer, which comes from the system. Peers are imported by `importorskip`,
so their types are Any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.harness import Contender, Stopwatch, new_runner

Calls = Sequence[Callable[[Any], Any]]

BATCH = 64
"""Items that bytewax's source hands on at once, as our windows do; its steps work on batches."""

HANG = 10_000_000_000
"""Nanoseconds after which a GStreamer pipeline of a few thousand buffers hangs."""


def queues(calls: Calls, items: int) -> Contender:
    """A task for each node, and an ``asyncio.Queue(1)`` between each two."""

    async def node(call: Callable[[Any], Any], source: Queue, target: Queue) -> None:
        while (item := await source.get()) is not END:
            await target.put(call(item))
        await target.put(END)

    async def run() -> list[Any]:
        edges: list[Queue] = [asyncio.Queue(1) for _ in range(len(calls) + 1)]
        results: list[Any] = []
        async with asyncio.TaskGroup() as group:
            for call, source, target in zip(calls, edges, edges[1:], strict=False):
                group.create_task(node(call, source, target))
            group.create_task(feed(edges[0], items))
            while (item := await edges[-1].get()) is not END:
                results.append(item)
        return results

    def call() -> None:
        with new_runner() as runner:
            check(runner.run(run()), items)

    return Contender("asyncio.Queue(1) per hop", call, items)


Queue = asyncio.Queue[Any]
END = object()


async def feed(queue: Queue, items: int) -> None:
    """Put the numbers, then the end."""
    for item in range(items):
        await queue.put(item)
    await queue.put(END)


def streamz(calls: Calls, items: int) -> Contender:
    """A ``map`` for each node; an item runs through all of them when it is emitted."""
    library: Any = pytest.importorskip("streamz")
    results: list[Any] = []
    source: Any = library.Stream()
    last = source
    for call in calls:
        last = last.map(call)
    last.sink(results.append)

    def run() -> None:
        results.clear()
        for item in range(items):
            source.emit(item)
        check(results, items)

    return Contender("streamz", run, items)


def bytewax(calls: Calls, items: int) -> Contender:
    """A ``map`` step for each node, on one worker in this thread."""
    dataflow: Any = pytest.importorskip("bytewax.dataflow")
    operators: Any = pytest.importorskip("bytewax.operators")
    testing: Any = pytest.importorskip("bytewax.testing")
    results: list[Any] = []
    flow = dataflow.Dataflow("chain")
    stream = operators.input("in", flow, testing.TestingSource(range(items), batch_size=BATCH))
    for number, call in enumerate(calls):
        stream = operators.map(f"map_{number}", stream, call)
    operators.output("out", stream, testing.TestingSink(results))

    def run() -> None:
        results.clear()
        testing.run_main(flow)
        check(results, items)

    return Contender(f"bytewax (batches of {BATCH})", run, items)


def pipecat(calls: Calls, items: int) -> Contender:
    """A frame processor for each node; its start and end are not counted."""
    frames: Any = pytest.importorskip("pipecat.frames.frames")
    pipelines: Any = pytest.importorskip("pipecat.pipeline.pipeline")
    workers: Any = pytest.importorskip("pipecat.pipeline.worker")
    runners: Any = pytest.importorskip("pipecat.workers.runner")
    # It logs each start to stderr.
    pytest.importorskip("loguru").logger.disable("pipecat")
    stopwatch = Stopwatch()

    async def run() -> None:
        results: list[Any] = []
        complete, started = asyncio.Event(), asyncio.Event()

        def last(frame: Any) -> Any:
            results.append(calls[-1](frame))
            if len(results) == items:
                complete.set()
            return results[-1]

        worker = workers.PipelineWorker(
            pipelines.Pipeline([pipecat_hop(call) for call in (*calls[:-1], last)]),
            enable_rtvi=False,
            enable_turn_tracking=False,
        )

        async def on_started(_worker: Any, _frame: Any) -> None:
            started.set()

        worker.add_event_handler("on_pipeline_started", on_started)
        runner = runners.WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run())
        await started.wait()
        sent = [frames.DataFrame() for _ in range(items)]
        stopwatch.start()
        await worker.queue_frames(sent)
        await complete.wait()
        stopwatch.stop()
        await worker.stop_when_done()
        await running

    def call() -> None:
        with new_runner() as runner:
            runner.run(run())

    return Contender("pipecat", call, items, stopwatch.read)


def pipecat_hop(call: Callable[[Any], Any]) -> Any:
    """A processor that calls a function with each data frame, and passes the others."""
    frames: Any = pytest.importorskip("pipecat.frames.frames")
    processors: Any = pytest.importorskip("pipecat.processors.frame_processor")

    class Hop(processors.FrameProcessor):  # type: ignore[misc]  # a class of Any: see above
        async def process_frame(self, frame: Any, direction: Any) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, frames.DataFrame):
                frame = call(frame)
            await self.push_frame(frame, direction)

    return Hop()


def gstreamer(calls: Calls, items: int) -> Contender:
    """An ``identity`` element for each node, with empty buffers; all of it is C."""
    gi: Any = pytest.importorskip("gi", reason="GStreamer's Python binding is not installed")
    try:
        gi.require_version("Gst", "1.0")
    except ValueError as error:
        pytest.skip(f"GStreamer is not installed: {error}")
    gst: Any = pytest.importorskip("gi.repository.Gst")
    gst.init(None)
    chain = " ! ".join(["identity"] * len(calls))
    pipeline = gst.parse_launch(f"fakesrc num-buffers={items} ! {chain} ! fakesink")

    def run() -> None:
        pipeline.set_state(gst.State.PLAYING)
        wanted = gst.MessageType.EOS | gst.MessageType.ERROR
        message = pipeline.get_bus().timed_pop_filtered(HANG, wanted)
        pipeline.set_state(gst.State.NULL)
        assert message is not None
        assert message.type == gst.MessageType.EOS

    return Contender("GStreamer (identity, C)", run, items)


def check(results: list[Any], items: int) -> None:
    """Every item came out."""
    assert len(results) == items
