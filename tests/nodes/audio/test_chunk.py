from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.context import NodeContext
from streamflow.nodes import Chunk
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import audio, counted, drive, joined, sounds

sizes = st.lists(st.integers(0, 50), max_size=12)


@given(sizes=sizes, samples=st.integers(1, 60), format=st.sampled_from(["fltp", "s16"]))
def test_chunks_joined_are_the_input(sizes: list[int], samples: int, format: str) -> None:
    frames = counted(sizes, format)

    chunks = drive(Chunk(samples), frames)

    assert all(chunk.samples_per_channel == samples for chunk in chunks[:-1])
    assert sum(chunk.samples_per_channel for chunk in chunks) == sum(sizes)
    if chunks:
        assert np.array_equal(joined(chunks), joined(frames))
        assert [chunk.pts for chunk in chunks] == [100 + samples * n for n in range(len(chunks))]
        assert {chunk.format for chunk in chunks} == {format}


@given(data=st.data(), sizes=sizes, samples=st.integers(2, 40))
def test_chunks_overlap_by_as_much_as_asked(
    data: st.DataObject, sizes: list[int], samples: int
) -> None:
    overlap = data.draw(st.integers(1, samples - 1))
    total = sum(sizes)

    chunks = drive(Chunk(samples, overlap), counted(sizes))

    step = samples - overlap
    for n, chunk in enumerate(chunks):
        assert chunk.pts == 100 + n * step
        assert chunk.samples[0, 0] == n * step
    if chunks:
        last = chunks[-1]
        assert last.samples[0, -1] == total - 1
        assert len(chunks) < 2 or chunks[-2].samples[0, -1] < total - 1
    else:
        assert total == 0


@given(data=st.data(), sizes=sizes)
@settings(max_examples=25)
def test_a_state_carries_on_where_it_was_taken(data: st.DataObject, sizes: list[int]) -> None:
    frames = counted(sizes)
    place = data.draw(st.integers(0, len(frames)))
    first, second = Chunk(30, 10), Chunk(30, 10)
    for node in (first, second):
        node.initialize(NodeContext("chunk", "Chunk"))

    chunks = [chunk for frame in frames[:place] for chunk in first.process(frame)]
    second.set_state(first.get_state())
    chunks += [chunk for frame in frames[place:] for chunk in second.process(frame)]
    chunks += second.flush()

    whole = drive(Chunk(30, 10), frames)
    assert [chunk.pts for chunk in chunks] == [chunk.pts for chunk in whole]
    assert [c.samples.tolist() for c in chunks] == [c.samples.tolist() for c in whole]


def test_the_last_chunk_can_be_filled_with_silence() -> None:
    *_, last = drive(Chunk(40, pad=True), counted([50]))

    assert last.samples_per_channel == 40
    assert last.samples[0, :10].tolist() == list(range(40, 50))
    assert not last.samples[:, 10:].any()


def test_chunks_within_one_frame_are_views() -> None:
    frame = sounds(1, samples=100)[0]

    with NodeRunner(Chunk(50)) as runner:
        runner.run([frame])

    assert runner.copied == {}
    assert all(np.shares_memory(chunk.samples, frame.samples) for chunk in runner.outputs())
    assert not any(chunk.shared for chunk in runner.outputs())


def test_chunks_across_frames_are_gathered_and_counted() -> None:
    with NodeRunner(Chunk(100)) as runner:
        runner.run(sounds(2, samples=50))

    assert runner.copied == {"": 2 * 100 * 4}


def test_views_that_overlap_may_not_be_written() -> None:
    chunks = drive(Chunk(50, overlap=10), sounds(1, samples=100))

    assert all(chunk.shared for chunk in chunks)


def test_other_time_bases_are_counted_in_samples() -> None:
    frames = [audio(np.zeros(480), 48_000, n * 10, time_base=Fraction(1, 1000)) for n in range(3)]

    chunks = drive(Chunk(720), frames)

    assert [(chunk.pts, chunk.time_base) for chunk in chunks] == [
        (0, Fraction(1, 48_000)),
        (720, Fraction(1, 48_000)),
    ]


def test_frames_without_pts_stay_without() -> None:
    assert drive(Chunk(5), [audio(np.zeros(5), pts=None)])[0].pts is None


def test_a_change_of_rate_sends_the_rest_ahead() -> None:
    frames = [*sounds(1, samples=30), *sounds(1, samples=30, rate=8_000)]

    chunks = drive(Chunk(20), frames)

    assert [(c.rate, c.samples_per_channel) for c in chunks] == [
        (48_000, 20),
        (48_000, 10),
        (8_000, 20),
        (8_000, 10),
    ]


def test_metadata_is_that_of_the_first_sample() -> None:
    first, second = (frame.replace(metadata={"n": n}) for n, frame in enumerate(sounds(2)))

    chunks = drive(Chunk(1000), [first, second])

    assert [chunk.metadata["n"] for chunk in chunks] == [0, 1]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"samples": 0}, "samples must be 1 or more, not 0"),
        ({"samples": 5, "overlap": 5}, "overlap must be from 0 to 4, not 5"),
        ({"samples": 5, "overlap": -1}, "overlap must be from 0 to 4, not -1"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Chunk(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Chunk needs audio frames, not float"):
        drive(Chunk(1), [1.0])
