"""Read the frames that `frame_sender.py` shares, where it wrote them.

Each frame's planes are read-only views of shared memory. Nothing is copied; the
sender gets the memory back when the last view of a frame is gone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from streamflow.ipc import Reader

PATH = Path(tempfile.gettempdir(), "streamflow-frames.sock")


def main() -> None:
    """Find the bar in each frame; try `policy="latest"` to see only the newest."""
    path = sys.argv[1] if len(sys.argv) > 1 else PATH
    count = 0
    with Reader(path, policy="block", timeout=30) as reader:
        for frame in reader:
            row = frame.planes[0][frame.height // 2, :, 0]
            if count % 25 == 0:
                print(f"{float(frame.time or 0):.2f} s: the bar is at {int(row.argmax())}")
            count += 1
        print(f"{count} frames read, {reader.lost} lost")


if __name__ == "__main__":
    main()
