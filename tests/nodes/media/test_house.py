from __future__ import annotations

import av
import numpy as np
import pytest

from streamflow import AudioFrame
from streamflow.nodes.media.house import AudioHouse, layout_target, video_frame, video_target


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yuv420p", None),
        ("yuvj420p", None),
        ("gray", None),
        ("rgba", None),
        ("yuv444p", "yuv420p"),
        ("gbrp", "yuv420p"),
        ("gray10le", "gray"),
        ("monob", "gray"),
        ("ya8", "rgba"),
        ("pal8", "rgba"),
        ("yuva420p", "rgba"),
    ],
)
def test_each_pixel_format_has_a_house_format(name: str, expected: str | None) -> None:
    assert video_target(name) == expected


@pytest.mark.parametrize(
    ("name", "format"), [("yuv444p", "yuv420p"), ("gray16le", "gray8"), ("bgra", "rgba")]
)
def test_a_foreign_picture_is_converted_and_its_bytes_are_told(name: str, format: str) -> None:
    foreign = av.VideoFrame(16, 8, name)
    foreign.pts = 3

    made, copied = video_frame(foreign)

    assert (made.format, made.width, made.height, made.pts) == (format, 16, 8, 3)
    assert copied == made.nbytes


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("stereo", 2, "stereo"),
        ("2 channels", 2, "stereo"),
        ("5.1(side)", 6, "5.1"),
        ("6.1", 7, "7.1"),
        ("22.2", 24, "7.1"),
    ],
)
def test_each_layout_has_a_house_layout(name: str, channels: int, expected: str) -> None:
    assert layout_target(name, channels) == expected


@pytest.mark.parametrize(
    ("format", "layout", "expected"),
    [
        ("dbl", "stereo", "stereo"),
        ("u8", "mono", "mono"),
        ("s16", "5.1(side)", "5.1"),
        ("s64p", "6.1", "7.1"),
        ("fltp", "downmix", "stereo"),
    ],
)
def test_foreign_sound_is_converted_frame_by_frame(format: str, layout: str, expected: str) -> None:
    audio_house = AudioHouse()

    for pts in (100, 580):
        foreign = av.AudioFrame(format, layout, 480)
        foreign.sample_rate, foreign.pts = 48_000, pts
        made, copied = audio_house.frame(foreign)

        assert (made.format, made.layout, made.samples_per_channel) == ("fltp", expected, 480)
        assert (made.pts, copied) == (pts, made.nbytes)


def test_sound_may_change_its_format_on_the_way() -> None:
    audio_house = AudioHouse()

    for format, rate in (("dbl", 48_000), ("u8", 8_000), ("fltp", 8_000), ("u8", 8_000)):
        foreign = av.AudioFrame(format, "stereo", 100)
        foreign.sample_rate, foreign.pts = rate, 0
        made, _ = audio_house.frame(foreign)

        assert (made.rate, made.samples_per_channel) == (rate, 100)


@pytest.mark.parametrize("format", ["fltp", "flt"])
def test_eight_channels_go_to_libav_and_back(format: str) -> None:
    # PyAV lists a ninth plane for eight channels, and it lies nowhere.
    rows = np.arange(800, dtype=np.float32).reshape(8, 100)
    samples = rows if format.endswith("p") else np.ascontiguousarray(rows.T)

    back = AudioFrame.from_av(AudioFrame(samples, format, layout="7.1", pts=0).to_av())

    assert np.array_equal(back.samples, samples)
