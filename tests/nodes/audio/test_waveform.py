from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from streamflow.errors import MediaError
from streamflow.frames import VideoFrame
from streamflow.nodes import Waveform
from streamflow.nodes.audio.envelope import Envelope, stretch
from streamflow.nodes.audio.waveform import BACKGROUND, CLIPPED, PEAKS, tick_times
from tests.nodes.drive import audio, drive, sounds


def picture(node: Waveform, frames: Any) -> VideoFrame:
    """What a node draws."""
    (frame,) = drive(node, frames, "picture")
    assert isinstance(frame, VideoFrame)
    return frame


@given(
    sizes=st.lists(st.integers(0, 70), max_size=20), capacity=st.integers(1, 8).map(lambda n: 2 * n)
)
def test_columns_hold_the_extremes_and_the_energy_of_their_samples(
    sizes: list[int], capacity: int
) -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (2, sum(sizes))).astype(np.float32)
    envelope = Envelope(2, capacity)

    for part in np.split(samples, np.cumsum(sizes)[:-1] if sizes else [], 1):
        envelope.add(part)

    outline, step = envelope.outline(), envelope.step
    assert outline.low.shape[1] <= capacity
    assert outline.low.shape[1] == -(-samples.shape[1] // step)
    for column in range(outline.low.shape[1]):
        part = samples[:, column * step : (column + 1) * step]
        assert np.array_equal(outline.low[:, column], part.min(1))
        assert np.array_equal(outline.high[:, column], part.max(1))
        assert np.allclose(outline.rms[:, column], np.sqrt((part.astype(float) ** 2).mean(1)))


@given(count=st.integers(1, 100), width=st.integers(1, 60))
def test_stretching_keeps_the_extremes(count: int, width: int) -> None:
    envelope = Envelope(1, 200)
    envelope.add(np.random.default_rng(count).uniform(-1, 1, (1, count)).astype(np.float32))
    outline = envelope.outline()

    wide = stretch(outline, width)

    assert wide.low.shape == wide.high.shape == wide.rms.shape == (1, width)
    assert wide.high.max() == outline.high.max()
    assert wide.low.min() == outline.low.min()
    assert (wide.rms <= np.maximum(wide.high, -wide.low) + 1e-6).all()


def test_sound_passes_and_the_picture_is_saved_at_the_end(tmp_path: Path) -> None:
    frames = sounds(5)
    path = tmp_path / "wave.png"

    passed = drive(Waveform(path, width=320, height=120), frames)

    assert all(a is b for a, b in zip(passed, frames, strict=True))
    assert [file.name for file in tmp_path.iterdir()] == ["wave.png"]
    with Image.open(path) as image:
        assert image.size == (320, 120)


def test_the_picture_is_emitted_too() -> None:
    frame = picture(Waveform(width=64, height=32), sounds(2))

    assert (frame.width, frame.height, frame.format) == (64, 32, "rgb24")


def test_loud_parts_are_tall_and_quiet_ones_flat() -> None:
    samples = np.concatenate([np.zeros(500), np.tile([0.5, -0.5], 250)])

    pixels = picture(Waveform(width=100, height=60), [audio(samples)]).planes[0]

    inked = (pixels != BACKGROUND).any(2).sum(0)
    assert inked[:45].max() <= 2
    assert 26 <= inked[55:].min() <= inked[55:].max() <= 32


def test_each_channel_has_a_lane_of_its_own() -> None:
    left = np.stack([np.tile([0.9, -0.9], 200), np.zeros(400)]).astype(np.float32)
    frame = audio(np.zeros(1))
    stereo = type(frame)(left, layout="stereo", pts=0)

    pixels = picture(Waveform(width=40, height=40), [stereo]).planes[0]

    inked = (pixels != BACKGROUND).any(2).sum(1)
    assert inked[4:16].min() == 40
    assert inked[22:28].max() == 0


def test_clipped_sound_is_red() -> None:
    loud = picture(Waveform(width=40, height=40), [audio(np.tile([1.0, 0.0, 0.0, -1.0], 100))])
    fair = picture(Waveform(width=40, height=40), [audio(np.tile([0.9, 0.0, 0.0, -0.9], 100))])

    assert tuple(loud.planes[0][4, 20]) == CLIPPED
    assert tuple(fair.planes[0][4, 20]) == PEAKS


def test_quiet_sound_can_be_drawn_at_full_height() -> None:
    samples = np.tile([0.01, -0.01], 400)

    flat = picture(Waveform(width=40, height=40), [audio(samples)]).planes[0]
    tall = picture(Waveform(width=40, height=40, normalize=True), [audio(samples)]).planes[0]
    silent = picture(Waveform(width=40, height=40, normalize=True), [audio(np.zeros(9))]).planes[0]

    assert (flat != BACKGROUND).any(2).sum() <= 3 * 40
    assert (tall != BACKGROUND).any(2).sum() >= 36 * 40
    assert (silent != BACKGROUND).any(2).sum() <= 3 * 40


def test_tall_pictures_have_times_below_where_there_is_room() -> None:
    frames = sounds(101, layout="mono")

    pixels = picture(Waveform(width=200, height=100), frames).planes[0]

    written = (pixels[-14:] != BACKGROUND).any((0, 2))
    assert written[:100].any()
    assert not written[198:].any()  # the time of 2 s, one pixel from the edge, has no room


@pytest.mark.parametrize(
    ("duration", "labels"),
    [
        (0.004, ["0:00.000", "0:00.001", "0:00.002", "0:00.003"]),
        (0.9, ["0:00.0", "0:00.2", "0:00.4", "0:00.6", "0:00.8"]),
        (4.5, ["0:00", "0:01", "0:02", "0:03", "0:04"]),
        (7200, ["0:00", "30:00", "60:00", "90:00"]),
        (360_000, ["0:00", "1200:00", "2400:00", "3600:00", "4800:00"]),
    ],
)
def test_times_are_round(duration: float, labels: list[str]) -> None:
    assert [label for _, label in tick_times(duration, 5)] == labels


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    assert drive(Waveform(tmp_path / "a.png"), [], "picture") == []
    assert drive(Waveform(tmp_path / "a.png"), [audio([])], "picture") == []
    assert list(tmp_path.iterdir()) == []


def test_a_change_of_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="Waveform began with 1 channels at 48000 Hz"):
        drive(Waveform(), [audio([0.0]), audio([0.0], 8_000)])


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nowhere/a\.png: No such file or directory"):
        drive(Waveform(tmp_path / "nowhere" / "a.png"), [audio([0.0])])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"path": "a.svg"}, r"path must end in \.png, .*, not 'a\.svg'"),
        ({"width": 8}, "width must be 16 pixels or more, not 8"),
        ({"height": 0}, "height must be 16 pixels or more, not 0"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Waveform(**params)


def test_what_is_no_sound_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Waveform needs audio frames, not int"):
        drive(Waveform(), [1])
