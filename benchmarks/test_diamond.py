"""Branches: one output for several nodes, and their results put together again."""

from __future__ import annotations

from typing import Any

import numpy as np

import streamflow as sf
from benchmarks.harness import Comparison, Contender, Goal
from benchmarks.nodes import Swallow
from streamflow.nodes import PassThrough


def test_diamond_against_direct_calls(compare: Comparison) -> None:
    items = 50_000
    pipeline = sf.Pipeline("diamond")
    a, b, c = (pipeline.add(PassThrough()) for _ in range(3))
    pipeline.connect(a, b)
    pipeline.connect(a, c)
    pipeline.connect(pipeline.merge(b, c, policy="zip"), PassThrough())

    def run() -> None:
        assert pipeline.run(range(items)).results[-1] == (items - 1, items - 1)

    def direct() -> None:
        pa, pb, pc, pd = (PassThrough().process for _ in range(4))
        out: list[Any] = []
        for item in range(items):
            x = pa(item)
            out.append(pd((pb(x), pc(x))))

    compare(
        "diamond A → (B, C) → zip → D, per item",
        run,
        Contender("direct calls", direct, items),
        items=items,
        rounds=15,
        goal=Goal(2.5),
    )


def test_fan_out_of_frames_to_three(compare: Comparison) -> None:
    # Branches share a frame: none of them copies it.
    frame = sf.VideoFrame((np.zeros((360, 640, 3), np.uint8),), "rgb24", pts=0)
    frames = [frame] * 20_000
    pipeline = sf.Pipeline("fan-out")
    source = pipeline.add(PassThrough())
    for _ in range(3):
        pipeline.connect(source, Swallow())

    def run() -> None:
        report = pipeline.run(frames)
        assert sum(edge.copied_bytes for edge in report.edges.values()) == 0

    def direct() -> None:
        first = PassThrough().process
        one, two, three = (Swallow().process for _ in range(3))
        for item in frames:
            x = first(item)
            one(x)
            two(x)
            three(x)

    compare(
        "fan-out of 640x360 frames to 3 nodes, per frame",
        run,
        Contender("direct calls", direct, len(frames)),
        items=len(frames),
        nbytes=frame.nbytes * len(frames),
        rounds=15,
    )
