"""Small tables: what it saves to send the schema once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness import Comparison, Contender, Goal
from streamflow.ipc import Reader, Writer

ROWS = 10
BATCHES = 500

# Through pytest, so that its types are Any: pyarrow has none.
pa: Any = pytest.importorskip("pyarrow")
SCHEMA = pa.schema([("pts", pa.int64()), ("x", pa.float32()), ("label", pa.string())])


def batch() -> Any:
    """A time, a number and a word in each row."""
    columns = [np.arange(ROWS), np.ones(ROWS, np.float32), ["cat"] * ROWS]
    return pa.record_batch([pa.array(column) for column in columns], schema=SCHEMA)


def as_stream(made: Any) -> bytes:
    """A batch as an IPC stream of its own, as one writes it without knowing what went before."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_batch(made)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def from_stream(data: bytes) -> Any:
    """The batch of a stream."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()


def test_arrow_batch_against_a_stream_each(compare: Comparison, tmp_path: Path) -> None:
    # Both ends in one process: what is measured is writing and reading, not waking.
    made = batch()
    with Writer(tmp_path / "batches") as writer, Reader(tmp_path / "batches") as reader:

        def schema_once() -> None:
            for _ in range(BATCHES):
                writer.send(made)
                assert reader.take().num_rows == ROWS

        def streams() -> None:
            for _ in range(BATCHES):
                writer.send(as_stream(made))
                assert from_stream(reader.take()).num_rows == ROWS

        compare(
            f"Arrow batch of {ROWS} rows, write and read",
            schema_once,
            Contender("an IPC stream for each", streams, BATCHES),
            items=BATCHES,
            goal=Goal(1 / 3),
        )
