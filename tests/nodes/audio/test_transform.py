from __future__ import annotations

import pytest

from streamflow.frames.audio import CHANNELS
from streamflow.nodes import AudioTransform
from tests.nodes.drive import drive, sounds


@pytest.mark.parametrize(
    ("channels", "layout"),
    [(1, "mono"), (2, "stereo"), (3, "2.1"), (4, "4.0"), (5, "5.0"), (6, "5.1"), (8, "7.1")],
)
def test_a_number_of_channels_is_ffmpegs_usual_layout(channels: int, layout: str) -> None:
    made = drive(AudioTransform(16_000, channels), sounds(10))

    assert {(frame.rate, frame.layout, frame.channels) for frame in made} == {
        (16_000, layout, CHANNELS[layout])
    }


def test_what_fits_passes_as_it_is() -> None:
    frames = sounds(2, rate=44_100)

    assert drive(AudioTransform(), frames) == frames


@pytest.mark.parametrize("channels", [0, 7, 9, -1])
def test_other_numbers_of_channels_are_refused(channels: int) -> None:
    with pytest.raises(ValueError, match="output_channels must be one of 1, 2, 3, 4, 5, 6, 8, not"):
        AudioTransform(output_channels=channels)


def test_a_rate_is_checked() -> None:
    with pytest.raises(ValueError, match="rate must be 1 Hz or more, not 0"):
        AudioTransform(0)
