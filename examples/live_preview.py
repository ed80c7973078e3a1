"""A live pipeline: pictures as time passes, watched from asyncio, paused and resumed.

The full stream is flipped as it comes. The preview takes what it can: its queue
holds one picture, and a newer one takes its place.
"""

from __future__ import annotations

import asyncio

import streamflow as sf
from streamflow.nodes import Flip, Scale, TestVideo


@sf.node
async def show(frame: sf.VideoFrame) -> str:
    """Stands for a slow window: it takes longer than a picture lasts."""
    await asyncio.sleep(0.1)
    return f"{float(frame.time or 0):.2f} s, {frame.width}x{frame.height}"


def build() -> sf.Pipeline:
    """Thirty pictures a second for two branches, without end."""
    pipeline = sf.Pipeline("preview")
    camera = pipeline.add(TestVideo(width=640, height=360, rate=30))
    camera >> pipeline.add(Flip(vertical=True))
    camera >> sf.queue(policy="latest") >> pipeline.add(Scale(width=160, height=90)) >> show
    return pipeline


async def main() -> None:
    """Look at five pictures, pause, look at three more, and stop."""
    async with build().start(clock="live") as execution:
        pictures = execution.outputs("show")
        for _ in range(5):
            print("seen", await anext(pictures))

        await execution.pause()
        print(execution.state.value)
        await asyncio.sleep(0.3)
        await execution.resume()

        for _ in range(3):
            print("seen", await anext(pictures))
        report = await execution.stop(timeout=5)

    link = report.edges["test_video.out -> scale.in"]
    print(report.state, "- the preview skipped", sum(link.dropped.values()), "pictures")


if __name__ == "__main__":
    asyncio.run(main())
