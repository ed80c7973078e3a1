from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from streamflow.frames import VideoFrame
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.nodes import Convert
from streamflow.nodes.video.counter import read_counter
from streamflow.ports import Video
from tests.nodes.drive import drive, pictures


@pytest.mark.parametrize(
    ("source", "target"), list(itertools.permutations(sorted(PIXEL_FORMATS), 2))
)
def test_every_format_becomes_every_other(source: str, target: str) -> None:
    frames = pictures(2, format=source)

    converted = drive(Convert(target), frames)

    assert [frame.format for frame in converted] == [target, target]
    assert [read_counter(frame) for frame in converted] == [0, 1]
    expected = frames[1].to_av().reformat(format="gray" if target == "gray8" else target)
    mapped = VideoFrame.from_av(expected)
    assert all(
        np.array_equal(a, b) for a, b in zip(converted[1].planes, mapped.planes, strict=True)
    )


def test_a_picture_that_fits_passes_as_the_same_object() -> None:
    frame = pictures(1)[0]

    assert drive(Convert("yuv420p"), [frame])[0] is frame


def test_time_and_metadata_stay() -> None:
    frame = pictures(1)[0].replace(pts=9, time_base=Fraction(1, 7), metadata={"k": "v"})

    (converted,) = drive(Convert("rgb24"), [frame])

    assert (converted.pts, converted.time_base, converted.metadata) == (
        9,
        Fraction(1, 7),
        {"k": "v"},
    )


def test_yuv_made_of_rgb_does_not_claim_to_be_rgb() -> None:
    source = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
    source.colorspace = 0  # as the PNG decoder says

    (converted,) = drive(Convert("yuv420p"), [VideoFrame.from_av(source)])

    assert converted.colorspace == 2
    assert converted.to_av().colorspace == 2


def test_the_output_port_tells_the_format() -> None:
    assert Convert("nv12").outputs == {"out": Video("nv12")}


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"format must be one of .*, not 'mauve'"):
        Convert("mauve")


@pytest.mark.parametrize(("item", "name"), [(1, "int"), ("x", "str"), (None, "NoneType")])
def test_what_is_no_picture_is_refused_by_name(item: object, name: str) -> None:
    with pytest.raises(TypeError, match=f"Convert needs video frames, not {name}"):
        drive(Convert("rgb24"), [item])
