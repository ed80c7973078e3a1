from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.context import NodeContext
from streamflow.nodes import AudioBufferAccumulator
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import audio, counted, drive, joined, sounds

RATE = 1_000
sizes = st.lists(st.integers(0, 120), max_size=12)


@given(
    sizes=sizes,
    least=st.integers(1, 80),
    more=st.integers(0, 80),
    format=st.sampled_from(["fltp", "s16"]),
)
@settings(max_examples=60)
def test_frames_joined_are_the_input_and_lie_within_the_limits(
    sizes: list[int], least: int, more: int, format: str
) -> None:
    node = AudioBufferAccumulator(least / RATE, (least + more) / RATE)

    made = drive(node, counted(sizes, format, RATE))

    lengths = [frame.samples_per_channel for frame in made]
    assert sum(lengths) == sum(sizes)
    assert all(length >= least for length in lengths[:-1])
    assert all(0 < length <= least + more for length in lengths)
    starts = np.cumsum([0, *lengths])[:-1]
    assert [frame.pts for frame in made] == [100 + start for start in starts]
    if made:
        assert np.array_equal(joined(made), joined(counted(sizes, format, RATE)))
        assert {frame.format for frame in made} == {format}


def test_it_waits_until_there_is_enough() -> None:
    frames = sounds(10)  # 20 ms each

    made = drive(AudioBufferAccumulator(0.05), frames)

    assert [frame.duration for frame in made] == [0.06, 0.06, 0.06, 0.02]
    assert [frame.pts for frame in made] == [0, 2_880, 5_760, 8_640]


def test_a_frame_that_lasts_long_enough_passes_as_it_is() -> None:
    frame = audio(np.zeros(500), RATE)

    with NodeRunner(AudioBufferAccumulator()) as runner:
        runner.run([frame])

    assert runner.outputs() == [frame]
    assert runner.copied == {}


def test_what_lasts_too_long_is_cut_without_a_copy() -> None:
    frame = audio(np.zeros(1_000), RATE)

    with NodeRunner(AudioBufferAccumulator(0.1, 0.4)) as runner:
        runner.run([frame])

    assert [made.samples_per_channel for made in runner.outputs()] == [400, 400, 200]
    assert all(np.shares_memory(made.samples, frame.samples) for made in runner.outputs())
    assert runner.copied == {}


def test_what_is_joined_is_counted_as_copied() -> None:
    with NodeRunner(AudioBufferAccumulator(0.1)) as runner:
        runner.run(counted([50, 50], rate=RATE))

    assert runner.copied == {"": 100 * 2 * 4}


def test_a_change_of_rate_sends_the_rest_ahead() -> None:
    made = drive(
        AudioBufferAccumulator(1), [*sounds(2, samples=30), *sounds(2, samples=160, rate=8_000)]
    )

    assert [(frame.rate, frame.samples_per_channel) for frame in made] == [
        (48_000, 60),
        (8_000, 320),
    ]


def test_other_time_bases_are_counted_in_samples() -> None:
    frames = [audio(np.zeros(480), 48_000, n * 10, time_base=Fraction(1, 1000)) for n in range(3)]

    (made,) = drive(AudioBufferAccumulator(0.03), frames)

    assert (made.pts, made.time_base) == (0, Fraction(1, 48_000))


def test_frames_without_pts_stay_without() -> None:
    made = drive(AudioBufferAccumulator(0.1, 0.1), [audio(np.zeros(70), RATE, None)] * 3)

    assert [frame.pts for frame in made] == [None, None, None]


def test_metadata_is_that_of_the_first_frame() -> None:
    frames = [
        frame.replace(metadata={"n": n}) for n, frame in enumerate(counted([60, 60], rate=RATE))
    ]

    (made,) = drive(AudioBufferAccumulator(0.1), frames)

    assert made.metadata == {"n": 0}


@given(sizes=sizes, data=st.data())
@settings(max_examples=25)
def test_a_state_carries_on_where_it_was_taken(sizes: list[int], data: st.DataObject) -> None:
    frames = counted(sizes, rate=RATE)
    place = data.draw(st.integers(0, len(frames)))
    node, other = AudioBufferAccumulator(0.1, 0.15), AudioBufferAccumulator(0.1, 0.15)
    for one in (node, other):
        one.initialize(NodeContext("node", "AudioBufferAccumulator"))

    made = [out for frame in frames[:place] for out in node.process(frame)]
    other.set_state(node.get_state())
    made += [out for frame in frames[place:] for out in other.process(frame)]
    made += other.flush()

    whole = drive(AudioBufferAccumulator(0.1, 0.15), frames)
    assert [frame.pts for frame in made] == [frame.pts for frame in whole]
    if whole:
        assert np.array_equal(joined(made), joined(whole))


def test_a_cleaned_node_holds_nothing() -> None:
    node = AudioBufferAccumulator(1)

    with NodeRunner(node):
        node.set_state(counted([50], rate=RATE))

    assert node.get_state() == []


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"min_duration": 0}, "min_duration must be more than 0 seconds, not 0"),
        ({"min_duration": float("nan")}, "min_duration must be more than 0 seconds, not nan"),
        ({"max_duration": 0.1}, r"max_duration must be min_duration \(0.25\) or more, not 0.1"),
        ({"max_duration": float("inf")}, r"max_duration must be min_duration .* not inf"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        AudioBufferAccumulator(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="AudioBufferAccumulator needs audio frames, not float"):
        drive(AudioBufferAccumulator(), [1.0])
