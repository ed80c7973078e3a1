from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.frames import AudioFrame
from streamflow.nodes import Mix
from streamflow.ports import Audio
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import audio, drive, joined, sounds

Track = npt.NDArray[np.float32]


def cut(track: Track, start: int, port: str, step: int) -> list[tuple[str, AudioFrame]]:
    """A mono track as frames of ``step`` samples for a port."""
    return [
        (port, audio(track[at : at + step], 48_000, start + at))
        for at in range(0, len(track), step)
    ]


def mixed(frames: list[AudioFrame], length: int) -> Track:
    """What was emitted, on a line that begins at 0."""
    line = np.zeros(length, np.float32)
    for frame, following in pairwise([*frames, None]):
        assert frame is not None
        start = frame.pts or 0
        end = start + frame.samples_per_channel
        assert following is None or following.pts == end
        line[start:end] += frame.samples[0]
    return line


def mix(node: Mix, items: list[tuple[str, Any]]) -> list[AudioFrame]:
    """What a node makes of items for its ports; one that has a single port is not told which."""
    alone = len(node.inputs) == 1
    return drive(node, [item for _, item in items] if alone else items)


tracks = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 400), st.integers(20, 90), st.floats(-2, 2)),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(tracks=tracks, order=st.randoms(use_true_random=False))
def test_the_mix_is_the_weighted_sum_whatever_the_order_of_arrival(
    tracks: list[tuple[int, int, int, float]], order: Any
) -> None:
    queues: list[list[tuple[str, AudioFrame]]] = []
    expected = np.zeros(800, np.float32)
    for n, (start, length, step, weight) in enumerate(tracks):
        track = np.random.default_rng(n).uniform(-1, 1, length).astype(np.float32)
        queues.append(cut(track, start, f"in_{n}", step))
        expected[start : start + length] += track * np.float32(weight)
    items: list[tuple[str, AudioFrame]] = []
    while any(queues):
        items.append(order.choice([queue for queue in queues if queue]).pop(0))

    node = Mix(len(tracks), [weight for *_, weight in tracks])
    frames = mix(node, items)

    assert np.allclose(mixed(frames, 800), expected, atol=1e-4)
    assert frames[0].pts == min(start for start, *_ in tracks)


def test_a_stretch_comes_out_as_soon_as_all_inputs_have_it() -> None:
    with NodeRunner(Mix(2)) as runner:
        runner.run([("in_0", audio(np.ones(100))), ("in_1", audio(np.ones(60)))])

        assert [(f.pts, f.samples_per_channel) for f in runner.outputs()] == [(0, 60), (60, 40)]


def test_an_input_that_never_comes_holds_nothing_up_for_ever() -> None:
    node = Mix(2, max_wait=0.1)

    with NodeRunner(node) as runner:
        runner.run(("in_0", frame) for frame in sounds(20, layout="mono"))

        first = runner.outputs()[:-1]

    assert sum(f.samples_per_channel for f in first) == 20 * 960 - 4800


def test_what_comes_too_late_is_dropped_and_counted() -> None:
    node = Mix(2, max_wait=0.01)
    items = [
        ("in_0", audio(np.ones(960))),
        ("in_1", audio(np.full(960, 0.5))),
    ]

    with NodeRunner(node) as runner:
        runner.run(items)
        late = node.late

    samples = joined(runner.outputs())[0]
    assert late == 480
    assert samples[:480].tolist() == [1.0] * 480
    assert samples[480:].tolist() == [1.5] * 480


def test_a_jump_of_hours_is_filled_in_frames_of_a_second() -> None:
    hour = 3600 * 8_000
    items = [("in_0", audio(np.ones(80), 8_000, pts)) for pts in (0, hour)]

    frames = mix(Mix(1), items)

    assert max(frame.samples_per_channel for frame in frames) == 8_000
    assert sum(frame.samples_per_channel for frame in frames) == hour + 80


def test_rounded_pts_make_no_gaps() -> None:
    items = [
        ("in_0", audio(np.ones(1024), 44_100, round(n * 1024 / 44.1), time_base=Fraction(1, 1000)))
        for n in range(40)
    ]

    samples = joined(mix(Mix(1), items))

    assert samples.shape == (1, 40 * 1024)
    assert (samples == 1).all()


def test_frames_without_pts_follow_each_other() -> None:
    items = [("in_0", audio([n, n], pts=None)) for n in (1, 2, 3)]

    assert joined(mix(Mix(1), items)).tolist() == [[1, 1, 2, 2, 3, 3]]


def test_integers_are_mixed_as_floats() -> None:
    frame = AudioFrame(np.full((1, 10), 16384, np.int16), "s16p", pts=0)

    (made,) = mix(Mix(1), [("in_0", frame)])

    assert made.format == "fltp"
    assert np.allclose(made.samples, 0.5)


def test_metadata_of_what_completes_a_stretch_goes_with_it() -> None:
    frame = audio(np.ones(10)).replace(metadata={"a": 1})

    assert mix(Mix(1), [("in_0", frame)])[0].metadata == {"a": 1}


def test_the_ports_ask_for_what_they_need() -> None:
    node = Mix(3, rate=48_000, layout="mono")

    assert node.inputs == {f"in_{n}": Audio("fltp", 48_000, "mono") for n in range(3)}
    assert node.outputs == {"out": Audio("fltp", 48_000, "mono")}


def test_inputs_of_different_rates_are_refused() -> None:
    items = [("in_0", audio([0.0])), ("in_1", audio([0.0], 8_000))]

    with pytest.raises(ValueError, match="Mix began with mono at 48000 Hz, but in_1 brings"):
        drive(Mix(2), items)


def test_nothing_comes_of_nothing() -> None:
    assert drive(Mix(2), []) == []


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"inputs": 0}, "inputs must be 1 or more, not 0"),
        ({"inputs": 2, "weights": [1.0]}, "weights must be 2 numbers, not 1"),
        ({"max_wait": 0}, "max_wait must be more than 0 seconds, not 0"),
        ({"rate": -1}, "rate must be 1 Hz or more, not -1"),
        ({"layout": "duo"}, "layout must be one of .*, not 'duo'"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Mix(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Mix needs audio frames, not int"):
        mix(Mix(1), [("in_0", 1)])
