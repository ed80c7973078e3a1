"""Watch a live source: loudness and brightness, side by side, until it has seen enough."""

from __future__ import annotations

import asyncio

import numpy as np

import streamflow as sf
from streamflow.nodes import TestAudio, TestVideo


@sf.node(format="gray8")
def brightness(frame: sf.VideoFrame) -> sf.Packet:
    """Mean luma, 0 to 255, with the time of the picture."""
    mean = float(frame.planes[0].mean())
    return sf.Packet(mean, pts=frame.pts, time_base=frame.time_base)


@sf.node(format="fltp")
def loudness(frame: sf.AudioFrame) -> sf.Packet:
    """Root mean square, 0 to 1, with the time of the samples."""
    level = float(np.sqrt(np.mean(np.square(frame.samples))))
    return sf.Packet(level, pts=frame.pts, time_base=frame.time_base)


async def monitor(count: int) -> None:
    """Print `count` pairs that belong to the same moment, then stop."""
    pipeline = sf.Pipeline("monitor")
    pictures = pipeline.add(TestVideo(width=160, height=90, rate=25)) >> brightness
    sounds = pipeline.add(TestAudio()) >> loudness
    merged = pipeline.merge(pictures, sounds, policy="sync", tolerance=0.04)
    async with pipeline.start(clock="live") as execution:
        pairs = execution.outputs(merged.id)
        for _ in range(count):
            picture, sound = await anext(pairs)
            print(f"{picture.time:5.2f} s  luma {picture.value:5.1f}  level {sound.value:.3f}")
        await execution.stop(timeout=5)


if __name__ == "__main__":
    asyncio.run(monitor(count=5))
