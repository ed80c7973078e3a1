from __future__ import annotations

import numpy as np
import pytest

from streamflow.frames import VideoFrame
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.nodes import Flip
from tests.nodes.drive import drive, pictures, same_pixels


@pytest.mark.parametrize("format", sorted(PIXEL_FORMATS))
@pytest.mark.parametrize("how", [(True, False), (False, True), (True, True)])
def test_flipping_twice_gives_the_picture_back(format: str, how: tuple[bool, bool]) -> None:
    frame = pictures(1, format=format, width=66)[0]
    horizontal, vertical = how

    once = drive(Flip(horizontal=horizontal, vertical=vertical), [frame])
    twice = drive(Flip(horizontal=horizontal, vertical=vertical), once)

    assert not same_pixels(once[0], frame)
    assert same_pixels(twice[0], frame)


def test_left_and_right_change_places() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)

    (flipped,) = drive(Flip(horizontal=True), [VideoFrame((pixels,), "rgb24", pts=4)])

    assert np.array_equal(flipped.planes[0], pixels[:, ::-1])
    assert flipped.pts == 4


def test_flip_wants_to_know_which_way() -> None:
    with pytest.raises(ValueError, match="horizontal=True, vertical=True or both"):
        Flip()


@pytest.mark.parametrize("format", ["rgb24", "yuv420p", "nv12"])
def test_libav_takes_pictures_whose_rows_run_backwards(format: str) -> None:
    (frame,) = pictures(1, format=format)
    backwards = VideoFrame(tuple(plane[::-1] for plane in frame.planes), format)

    wrapped = VideoFrame.from_av(backwards.to_av())

    assert same_pixels(wrapped, backwards)
