from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import pytest

from streamflow import VideoFrame
from streamflow.nodes.media import containers
from streamflow.nodes.media.encoder import (
    DEFAULT_RATE,
    measure,
    pixel_format,
    sample_format,
    sample_rate,
    time_base_for,
)
from tests.support.clips import NTSC, video_frames


def pair(apart: int | None, time_base: Fraction) -> tuple[VideoFrame, VideoFrame]:
    first, second = video_frames([0, apart], time_base)
    return first, second


@pytest.mark.parametrize(
    ("codec", "format", "expected"),
    [
        ("libx264", "yuv420p", "yuv420p"),
        ("libx264", "nv12", "nv12"),
        ("libx264", "rgb24", "yuv420p"),
        ("libx264", "gray8", "yuv420p"),
        ("png", "gray8", "gray"),
        ("apng", "rgba", "rgba"),
        ("mjpeg", "yuv420p", "yuvj420p"),
        ("prores", "yuv420p", "yuv422p10le"),
        ("rawvideo", "bgr24", "bgr24"),
    ],
)
def test_the_pixel_format_is_the_nearest_that_players_show(
    codec: str, format: str, expected: str
) -> None:
    assert pixel_format(av.Codec(codec, "w"), format) == expected


def test_a_palette_is_never_chosen() -> None:
    assert pixel_format(av.Codec("gif", "w"), "rgb24") != "pal8"


@pytest.mark.parametrize(
    ("codec", "format", "expected"),
    [("aac", "fltp", "fltp"), ("libopus", "fltp", "flt"), ("aac", "s16", "fltp")],
)
def test_the_sample_format_is_the_nearest(codec: str, format: str, expected: str) -> None:
    assert sample_format(av.Codec(codec, "w"), format) == expected


@pytest.mark.parametrize(
    ("codec", "rate", "expected"),
    [
        ("aac", 44_100, 44_100),
        ("libopus", 44_100, 48_000),
        ("libopus", 11_025, 12_000),
        ("libmp3lame", 96_000, 48_000),
        ("flac", 12_345, 12_345),
    ],
)
def test_the_sample_rate_loses_as_little_as_can_be(codec: str, rate: int, expected: int) -> None:
    assert sample_rate(av.Codec(codec, "w"), rate) == expected


@pytest.mark.parametrize(
    ("apart", "time_base", "rate"),
    [
        (1_001, Fraction(1, 30_000), NTSC),
        (3_003, Fraction(1, 90_000), NTSC),
        (512, Fraction(1, 12_800), Fraction(25)),
        (33, Fraction(1, 1_000), Fraction(30)),
        (42, Fraction(1, 1_000), Fraction(24)),
        (1, Fraction(1, 7), Fraction(7)),
        (1, Fraction(1, 90_000), Fraction(1_000)),
        (0, Fraction(1, 25), DEFAULT_RATE),
        (None, Fraction(1, 25), DEFAULT_RATE),
    ],
)
def test_the_rate_is_measured_as_well_as_ticks_can_tell(
    apart: int | None, time_base: Fraction, rate: Fraction
) -> None:
    assert measure(*pair(apart, time_base)) == rate


@pytest.mark.parametrize(
    ("codec", "container", "source", "expected"),
    [
        ("libx264", "mp4", Fraction(1, 90_000), Fraction(1, 90_000)),
        ("libx264", "mp4", None, 1 / NTSC),
        ("libx264", "avi", Fraction(1, 90_000), 1 / NTSC),
        ("mpeg2video", "mpegts", Fraction(1, 90_000), 1 / NTSC),
        ("mpeg4", "mp4", Fraction(1, 12_800), Fraction(1, 12_800)),
        ("mpeg4", "mp4", Fraction(1, 90_000), Fraction(1, 60_000)),
    ],
)
def test_the_time_base_is_the_sources_where_that_can_be(
    codec: str, container: str, source: Any, expected: Fraction
) -> None:
    assert time_base_for(av.Codec(codec, "w"), container, source, NTSC) == expected


def test_a_codec_without_a_list_of_encoders_has_one_of_its_name() -> None:
    assert containers.encoder_of("flac") == "flac"
    assert containers.encoder_of("none") is None


def test_an_encoder_that_this_libav_lacks_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})

    assert containers.encoder_of("h264") == "mpeg4"
    assert containers.encoder_of("vp8") == "vp8"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.mkv", "matroska"),
        ("rtmp://host/key", "flv"),
        ("udp://239.0.0.1:5000", "mpegts"),
        ("http://host/a.mp4", "mp4"),
    ],
)
def test_the_container_follows_from_the_name_or_the_address(path: str, name: str) -> None:
    assert containers.format_of(path, None).name == name
