from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import VideoFrame
from streamflow.nodes import Scale
from streamflow.nodes.video.scale import INTERPOLATIONS
from tests.nodes.drive import drive, pictures


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_pixels_are_those_of_libswscale(interpolation: str) -> None:
    frame = pictures(1, width=128, height=96)[0]

    (scaled,) = drive(Scale(80, 60, interpolation), [frame])

    expected = frame.to_av().reformat(80, 60, interpolation=interpolation.upper())
    assert np.array_equal(scaled.to_ndarray(), expected.to_ndarray())


def test_one_node_scales_pictures_of_changing_size_and_format() -> None:
    frames = [
        pictures(1, width=width, height=48, format=format)[0]
        for width, format in ((64, "yuv420p"), (64, "yuv420p"), (100, "rgb24"), (64, "nv12"))
    ]

    scaled = drive(Scale(width=32, height=24), frames)

    assert [(f.width, f.height, f.format) for f in scaled] == [
        (32, 24, "yuv420p"),
        (32, 24, "yuv420p"),
        (32, 24, "rgb24"),
        (32, 24, "nv12"),
    ]
    for frame, made in zip(frames, scaled, strict=True):
        expected = frame.reformat(32, 24, interpolation="bicubic")
        assert all(np.array_equal(a, b) for a, b in zip(made.planes, expected.planes, strict=True))


def test_a_picture_that_fits_passes_as_it_is() -> None:
    frame = pictures(1)[0]

    assert drive(Scale(64, 48), [frame])[0] is frame
    assert drive(Scale(height=48), [frame])[0] is frame


def test_time_metadata_and_colour_stay() -> None:
    frame = pictures(1)[0].replace(
        pts=77, time_base=Fraction(1, 1000), metadata={"a": 1}, colorspace=1, color_range=2
    )

    (scaled,) = drive(Scale(32), [frame])

    assert (scaled.pts, scaled.time_base, scaled.metadata) == (77, Fraction(1, 1000), {"a": 1})
    assert (scaled.colorspace, scaled.color_range) == (1, 2)


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    target=st.integers(1, 3000),
    rule=st.sampled_from([None, -1, -2]),
)
def test_the_aspect_ratio_is_kept_within_rounding(
    width: int, height: int, target: int, rule: int | None
) -> None:
    got_width, got_height = Scale(width=target, height=rule).size_for(width, height)
    mirrored = Scale(width=rule, height=target).size_for(height, width)

    step = 1 if rule == -1 else 2
    exact = Fraction(target * height, width)
    assert got_width == target
    assert got_height == step or abs(got_height - exact) <= Fraction(step, 2)
    assert got_height % step == 0
    assert mirrored == (got_height, got_width)


def test_odd_pictures_are_scaled() -> None:
    frame = pictures(1, width=65, height=49)[0]

    (scaled,) = drive(Scale(33, 25), [frame])

    assert [plane.shape for plane in scaled.planes] == [(25, 33), (13, 17), (13, 17)]


def test_scaling_copies_nothing_that_is_not_counted() -> None:
    decoded = VideoFrame.from_av(av.VideoFrame(64, 48, "yuv420p"))

    (scaled,) = drive(Scale(32), [decoded])

    assert (scaled.width, scaled.height) == (32, 24)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({}, "Scale needs a width, a height or both"),
        ({"width": -1, "height": -2}, "Scale needs a width"),
        ({"width": 0}, "width must be 1 or more, -1, -2 or None, not 0"),
        ({"width": 1, "height": -3}, "height must be .* not -3"),
        ({"width": 1, "interpolation": "magic"}, "interpolation must be one of .* not 'magic'"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Scale(**params)


def test_what_is_no_picture_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Scale needs video frames, not int"):
        drive(Scale(8), [1])
