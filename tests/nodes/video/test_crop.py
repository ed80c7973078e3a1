from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import VideoFrame
from streamflow.frames.video import PIXEL_FORMATS, plane_shapes
from streamflow.nodes import Crop
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import drive, pictures


def numbered(format: str, width: int, height: int) -> VideoFrame:
    """A picture whose bytes tell their places."""
    planes = tuple(
        np.arange(int(np.prod(shape)), dtype=np.uint32).astype(np.uint8).reshape(shape)
        for shape in plane_shapes(format, width, height)
    )
    return VideoFrame(planes, format, pts=3)


@given(
    data=st.data(),
    format=st.sampled_from(sorted(PIXEL_FORMATS)),
    width=st.integers(8, 40),
    height=st.integers(8, 40),
)
def test_pixels_are_those_at_the_offset(
    data: st.DataObject, format: str, width: int, height: int
) -> None:
    frame = numbered(format, width, height)
    x, y = (data.draw(st.integers(0, 3)) * 2 for _ in range(2))
    new_width = data.draw(st.integers(1, width - x))
    new_height = data.draw(st.integers(1, height - y))

    cropped = Crop(x, y, new_width, new_height).process(frame)

    assert (cropped.width, cropped.height, cropped.pts) == (new_width, new_height, 3)
    for index, (plane, source) in enumerate(zip(cropped.planes, frame.planes, strict=True)):
        step = 2 if index else 1
        rows, columns = plane.shape[:2]
        assert np.array_equal(plane, source[y // step :, x // step :][:rows, :columns])


def test_crops_of_crops_add_their_offsets_up() -> None:
    frame = numbered("yuv420p", 40, 40)

    twice = Crop(4, 2, 20, 20).process(Crop(6, 8).process(frame))

    once = Crop(10, 10, 20, 20).process(frame)
    assert all(np.array_equal(a, b) for a, b in zip(twice.planes, once.planes, strict=True))


def test_nothing_is_copied() -> None:
    frame = pictures(1)[0]

    with NodeRunner(Crop(16, 8, 32, 32)) as runner:
        runner.run([frame])

    (cropped,) = runner.outputs()
    assert runner.copied == {}
    assert all(np.shares_memory(a, b) for a, b in zip(cropped.planes, frame.planes, strict=True))


def test_a_crop_of_a_shared_picture_is_shared() -> None:
    frame = pictures(1)[0]
    frame.shared = True

    assert Crop(16, 8).process(frame).shared


def test_libav_takes_what_was_cropped() -> None:
    frame = pictures(1)[0]

    (cropped,) = drive(Crop(16, 8, 32, 32), [frame])

    assert np.array_equal(cropped.to_av().to_ndarray(), cropped.to_ndarray())


def test_the_whole_picture_passes_as_it_is() -> None:
    frame = pictures(1)[0]

    assert Crop().process(frame) is frame
    assert Crop(0, 0, 64, 48).process(frame) is frame


@pytest.mark.parametrize(
    ("crop", "sentence"),
    [
        (Crop(0, 0, 65), "cannot crop 65x48 at 0,0 from a picture of 64x48"),
        (Crop(60, 40, 10, 10), "cannot crop 10x10 at 60,40"),
        (Crop(100), "cannot crop -36x48 at 100,0"),
        (Crop(1, 0), "x and y must be even to crop yuv420p, not 1 and 0"),
    ],
)
def test_rectangles_that_do_not_fit_are_refused(crop: Crop, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        crop.process(pictures(1)[0])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"x": -1}, "x must be 0 or more, not -1"),
        ({"y": -2}, "y must be 0 or more, not -2"),
        ({"width": 0}, "width must be 1 or more, not 0"),
        ({"height": -5}, "height must be 1 or more, not -5"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Crop(**params)
