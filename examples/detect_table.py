"""A detector that emits Arrow tables, and a policy for the pictures that it fails on.

The detector is a stand-in: it looks for the white bar that moves through the test
pictures. Every tenth picture it fails on purpose; with ``error="skip"`` that loses
this picture alone, and the report counts it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

import streamflow as sf
from streamflow.nodes import TestVideo
from streamflow.ports import Ports

arrow: Any = pa  # pyarrow ships no types
SCHEMA = arrow.schema({"frame": arrow.int64(), "left": arrow.int32(), "right": arrow.int32()})


class DetectBar(sf.Node):
    """Finds columns that are brighter than a threshold (0 to 255) from top to bottom."""

    # What does not come in this format is converted before it comes.
    inputs: ClassVar[Ports] = {"in": sf.Video("gray8")}
    outputs: ClassVar[Ports] = {"out": sf.Table()}

    def __init__(self, threshold: int = 200) -> None:
        self.threshold = threshold

    def process(self, frame: sf.VideoFrame) -> Any:
        """Return a table with a row for the bar, or None if there is none."""
        if frame.pts is None or frame.pts % 10 == 9:
            raise ValueError("the picture is too hard")
        top = frame.planes[0][: frame.height // 2]
        bright = np.flatnonzero(top.min(axis=0) > self.threshold)
        if not len(bright):
            return None
        columns = [[frame.pts], [int(bright[0])], [int(bright[-1])]]
        return arrow.record_batch(columns, schema=SCHEMA)


def main() -> None:
    """Collect the tables of sixty pictures into one."""
    pipeline = sf.Pipeline("detect")
    source = pipeline.add(TestVideo(width=320, height=180, frames=60))
    source >> pipeline.add(DetectBar(threshold=200), error="skip", timeout=2.0)

    report = pipeline.run(collect=True)

    table = arrow.Table.from_batches(report.results, SCHEMA)
    print(table.slice(0, 5).to_pydict())
    print(table.num_rows, "found,", report.nodes["detect_bar"].failed, "pictures skipped")


if __name__ == "__main__":
    main()
