from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.clock import Clock
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.memory import lent
from streamflow.nodes import TestAudio
from streamflow.ports import Audio
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import drive, joined, sounds


class ToldClock(Clock):
    """A live clock that writes down what it is asked to wait for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep_until(self, time: float) -> None:
        self.waits.append(time)


@pytest.mark.parametrize("waveform", ["sine", "square", "silence", "ticks"])
@given(samples=st.integers(1, 2000), frequency=st.floats(1, 5000))
def test_the_wave_does_not_depend_on_the_frames(
    waveform: str, samples: int, frequency: float
) -> None:
    params: dict[str, Any] = {"waveform": waveform, "frequency": frequency, "duration": 0.05}

    cut = drive(TestAudio(samples=samples, **params))
    whole = drive(TestAudio(samples=48_000, **params))

    assert np.array_equal(joined(cut), joined(whole))
    assert [frame.pts for frame in cut] == list(range(0, 2400, samples))


@pytest.mark.parametrize("format", sorted(SAMPLE_FORMATS))
@pytest.mark.parametrize("layout", sorted(CHANNELS))
def test_every_format_and_layout_carries_the_same_tone(format: str, layout: str) -> None:
    (frame,) = sounds(1, format=format, layout=layout)

    seen = frame.to_ndarray("fltp")
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(960) / 48_000)
    assert (frame.format, frame.layout, frame.samples_per_channel) == (format, layout, 960)
    assert np.abs(seen - expected).max() < 1e-4
    assert lent(frame.samples)


def test_noise_fills_its_volume_and_is_the_same_each_time() -> None:
    noise = joined(sounds(50, waveform="noise", volume=0.8, layout="mono"))

    assert 0.79 < np.abs(noise).max() <= 0.8
    assert abs(noise.mean()) < 0.02
    assert np.array_equal(noise, joined(sounds(50, waveform="noise", volume=0.8, layout="mono")))


def test_ticks_sound_at_each_full_second() -> None:
    ticks = joined(drive(TestAudio(8_000, "mono", duration=2.5, waveform="ticks", volume=1)))

    loud = np.abs(ticks[0].reshape(-1, 160)).max(1) > 0.1
    assert np.flatnonzero(loud).tolist() == [0, 50, 100]


def test_full_scale_does_not_wrap_around() -> None:
    (frame,) = sounds(1, waveform="square", volume=1.0, format="s16")

    assert (frame.samples.min(), frame.samples.max()) == (-32768, 32767)


def test_the_port_tells_what_comes() -> None:
    assert TestAudio(8_000, "mono", format="s16").outputs == {"out": Audio("s16", 8_000, "mono")}


def test_a_live_clock_is_waited_for_before_each_frame() -> None:
    clock = ToldClock()

    with NodeRunner(TestAudio(frames=3), clock=clock) as runner:
        runner.run()

    assert clock.waits == [0.0, 0.02, 0.04]


def test_progress_runs_from_nothing_to_all() -> None:
    with NodeRunner(TestAudio(frames=3)) as runner:
        assert runner.node.progress() == 0

        runner.run()

        assert runner.node.progress() == 1


def test_a_source_without_an_end_goes_on() -> None:
    with NodeRunner(TestAudio()) as runner:
        runner.run(limit=100)

        assert runner.outputs()[-1].pts == 99 * 960
        assert runner.node.progress() is None


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"rate": 0}, "rate must be 1 Hz or more, not 0"),
        ({"layout": "9.1"}, "layout must be one of .*, not '9.1'"),
        ({"format": "u8"}, "format must be one of .*, not 'u8'"),
        ({"waveform": "saw"}, "waveform must be one of sine, .*, not 'saw'"),
        ({"samples": 0}, "samples must be 1 or more, not 0"),
        ({"frequency": 0}, "frequency must be more than 0 Hz, not 0"),
        ({"volume": 2}, "volume must be from 0 to 1, not 2"),
        ({"frames": -1}, "frames must be 0 or more, not -1"),
        ({"duration": -1}, "duration must be 0 seconds or more, not -1"),
        ({"frames": 1, "duration": 1}, "frames or duration, not both"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TestAudio(**params)
