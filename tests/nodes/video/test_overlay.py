from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from streamflow.errors import MediaError
from streamflow.frames import VideoFrame
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.nodes import Overlay
from streamflow.nodes.video.layer import Look, make_layer
from streamflow.nodes.video.overlay import ANCHORS, MAX_LAYERS
from streamflow.packet import Packet
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import drive, pictures, same_pixels


def gray(width: int = 160, height: int = 90, format: str = "rgb24") -> VideoFrame:
    pixels = np.full((height, width, 3), 100, np.uint8)
    return VideoFrame((pixels,), "rgb24", pts=1).reformat(format=format)


def shown(node: Overlay, frame: VideoFrame) -> npt.NDArray[np.int16]:
    """What a node makes of a frame, as RGB."""
    (made,) = drive(node, [("in", frame)])
    if made.format == "nv12":
        # libswscale smooths the chroma of nv12 on its way to RGB, but not that of yuv420p.
        luma, chroma = made.planes
        made = VideoFrame((luma, chroma[..., 0].copy(), chroma[..., 1].copy()))
    pixels: npt.NDArray[np.int16] = made.to_ndarray("rgb24").astype(np.int16)
    return pixels


def changed(node: Overlay, frame: VideoFrame) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a node changes in a gray picture."""
    rows, columns = np.nonzero((np.abs(shown(node, frame) - 100) > 8).any(2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


RED = np.full((10, 20, 3), (255, 0, 0), np.uint8)


@pytest.mark.parametrize("format", sorted(PIXEL_FORMATS))
def test_an_image_looks_the_same_in_every_format(format: str) -> None:
    soft = np.dstack([np.full((20, 40, 3), (30, 200, 90), np.uint8), np.zeros((20, 40), np.uint8)])
    soft[..., 3] = np.linspace(0, 255, 40).astype(np.uint8)
    reference = shown(Overlay(image=soft, x=8, y=8), gray())

    seen = shown(Overlay(image=soft, x=8, y=8), gray(format=format))

    if format == "gray8":
        reference = np.repeat((reference @ [0.299, 0.587, 0.114])[..., None], 3, 2)
    # Chroma is shared by four pixels, and levels are rounded three times.
    assert np.abs(seen - reference).max() <= 6


def test_blending_follows_opacity_in_rgb() -> None:
    image = np.dstack([RED, np.full((10, 20), 51, np.uint8)])

    seen = shown(Overlay(image=image, x=0, y=0), gray())

    assert tuple(seen[0, 0]) == (131, 80, 80)  # 100 * 0.8 + 255 * 0.2, 100 * 0.8
    assert tuple(seen[20, 40]) == (100, 100, 100)


def test_opacity_scales_the_whole() -> None:
    seen = shown(Overlay(image=RED, x=0, y=0, opacity=0.2), gray())

    assert tuple(seen[0, 0]) == (131, 80, 80)


@pytest.mark.parametrize(("colorspace", "luma"), [(1, 63), (9, 73), (2, 81)])
def test_colours_follow_the_frame_s_matrix(colorspace: int, luma: int) -> None:
    frame = gray(format="yuv420p").replace(colorspace=colorspace, color_range=1)

    (made,) = drive(Overlay(image=RED, x=0, y=0), [("in", frame)])

    assert abs(int(made.planes[0][0, 0]) - luma) <= 1


def test_full_range_frames_get_full_range_colours() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    frame = gray(format="yuv420p")

    (limited,) = drive(Overlay(image=white, x=0, y=0), [("in", frame)])
    (full,) = drive(Overlay(image=white, x=0, y=0), [("in", frame.replace(color_range=2))])

    assert (limited.planes[0][0, 0], full.planes[0][0, 0]) == (235, 255)


def test_transparent_frames_become_opaque_under_the_image() -> None:
    frame = VideoFrame((np.zeros((20, 40, 4), np.uint8),), "rgba")

    (made,) = drive(Overlay(image=RED, x=0, y=0), [("in", frame)])

    assert tuple(made.planes[0][0, 0]) == (255, 0, 0, 255)
    assert tuple(made.planes[0][15, 0]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("anchor", "corner"),
    [
        ("top-left", (16, 16)),
        ("top", (70, 16)),
        ("top-right", (124, 16)),
        ("left", (16, 40)),
        ("center", (70, 40)),
        ("right", (124, 40)),
        ("bottom-left", (16, 64)),
        ("bottom", (70, 64)),
        ("bottom-right", (124, 64)),
    ],
)
def test_an_anchor_places_the_image(anchor: str, corner: tuple[int, int]) -> None:
    left, top, right, bottom = changed(Overlay(image=RED, anchor=anchor), gray())

    assert (left, top) == corner
    assert (right - left, bottom - top) == (20, 10)
    assert anchor in ANCHORS


@pytest.mark.parametrize("format", ["rgb24", "yuv420p", "nv12"])
@pytest.mark.parametrize(
    ("place", "box"),
    [
        ((-8, -4), (0, 0, 12, 6)),
        ((150, 84), (150, 84, 160, 90)),
    ],
)
def test_what_lies_outside_is_cut_off(
    format: str, place: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    node = Overlay(image=RED, x=place[0], y=place[1])

    assert changed(node, gray(format=format)) == box


@pytest.mark.parametrize("place", [(-20, 0), (160, 0), (0, -10), (0, 90)])
def test_an_image_wholly_outside_changes_nothing(place: tuple[int, int]) -> None:
    frame = gray(format="yuv420p")

    (made,) = drive(Overlay(image=RED, x=place[0], y=place[1]), [("in", frame)])

    assert same_pixels(made, frame)


def test_odd_places_are_rounded_to_chroma() -> None:
    left, top, _, _ = changed(Overlay(image=RED, x=11, y=7), gray(format="yuv420p"))

    assert (left, top) == (10, 6)


def test_odd_images_and_odd_pictures_fit() -> None:
    odd = np.full((9, 19, 3), (255, 0, 0), np.uint8)
    frame = gray(161, 91, "yuv420p")

    (made,) = drive(Overlay(image=odd, anchor="bottom-right", x=0, y=0), [("in", frame)])

    rows, columns = np.nonzero(made.planes[0] != frame.planes[0])
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (140, 158, 80, 88)


def test_text_is_drawn_in_its_colour_within_its_box() -> None:
    node = Overlay("Hello", x=10, y=10, size=20, color="#ff0000")

    seen = shown(node, gray())

    left, top, right, bottom = changed(Overlay("Hello", x=10, y=10, size=20), gray())
    assert 10 <= left < right <= 75
    assert 10 <= top < bottom <= 36
    assert seen[..., 0].max() == 255
    assert seen[..., 1].min() == 0


def test_a_background_is_a_box_around_the_text() -> None:
    seen = shown(Overlay("i", x=10, y=10, size=16, background="black"), gray())

    assert tuple(seen[10, 10]) == (0, 0, 0)
    assert seen.max() > 230


def test_lines_stand_below_each_other() -> None:
    one = changed(Overlay("gj", x=4, y=4, size=16), gray())
    two = changed(Overlay("gj\ngj", x=4, y=4, size=16), gray())

    assert one[:3] == two[:3]
    assert two[3] - one[3] >= 16


def test_fields_are_filled_in() -> None:
    said: list[str] = []
    node = Overlay("{pts} {time:.2f} {count} {name} {data[rms]:.1f}")
    frame = gray().replace(pts=3, time_base=Fraction(1, 2), metadata={"name": "x"})
    with NodeRunner(node) as runner:
        said.append(node.text_of(frame))
        runner.run([("data", Packet({"rms": -3.14159})), ("in", frame), ("data", {"rms": 1.0})])
        said.append(node.text_of(frame))

    assert said == ["3 1.50 0 x --", "3 1.50 1 x 1.0"]


def test_what_has_no_value_reads_as_dashes() -> None:
    node = Overlay("{pts:05d} {time:.1f} {data.level:.2f}")

    with NodeRunner(node):
        text = node.text_of(gray().replace(pts=None))

    assert text == "-- -- --"


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="nobody"):
        drive(Overlay("{nobody}"), [("in", gray())])


def test_a_function_can_give_the_text() -> None:
    seen: list[VideoFrame] = []

    def name(frame: VideoFrame) -> str:
        seen.append(frame)
        return "" if frame.pts else "zero"

    frames = pictures(2)

    made = drive(Overlay(name), [("in", frame) for frame in frames])

    assert seen == frames
    assert made[0] is not frames[0]
    assert made[1] is frames[1]  # no text, no change


def test_shared_pictures_are_copied_and_counted() -> None:
    frame = pictures(1)[0]
    frame.shared = True
    before = [plane.copy() for plane in frame.planes]

    with NodeRunner(Overlay("x", x=0, y=0)) as runner:
        runner.run([("in", frame)])

    assert runner.copied == {"": frame.nbytes}
    assert all(np.array_equal(a, b) for a, b in zip(before, frame.planes, strict=True))


def test_pictures_that_nobody_else_has_are_written_in_place() -> None:
    frame = pictures(1)[0]

    with NodeRunner(Overlay("x", x=0, y=0)) as runner:
        runner.run([("in", frame)])

    (made,) = runner.outputs()
    assert runner.copied == {}
    assert np.shares_memory(made.planes[0], frame.planes[0])
    assert not made.planes[0].flags.writeable


def test_time_metadata_and_colour_stay() -> None:
    frame = gray(format="yuv420p").replace(
        pts=5, time_base=Fraction(1, 9), metadata={"a": 1}, colorspace=1, color_range=1
    )

    (made,) = drive(Overlay("x"), [("in", frame)])

    assert (made.pts, made.time_base, made.metadata) == (5, Fraction(1, 9), {"a": 1})
    assert (made.colorspace, made.color_range) == (1, 1)


def test_texts_that_change_do_not_pile_up() -> None:
    node = Overlay("{count}")

    with NodeRunner(node) as runner:
        runner.run([("in", gray(64, 48))] * (MAX_LAYERS + 10))

        assert len(node._layers) == MAX_LAYERS


def test_a_text_that_comes_again_is_not_drawn_again() -> None:
    node = Overlay("same")

    with NodeRunner(node) as runner:
        runner.run([("in", gray(64, 48))] * 3)

        assert len(node._layers) == 1


def test_images_come_from_files(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.fromarray(RED).save(path)

    assert changed(Overlay(image=path, x=4, y=6), gray()) == (4, 6, 24, 16)
    assert changed(Overlay(image=str(path), x=4, y=6), gray()) == (4, 6, 24, 16)


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image at all")

    with pytest.raises(MediaError, match=r"missing\.png: No such file"):
        drive(Overlay(image=tmp_path / "missing.png"), [])
    with pytest.raises(MediaError, match=r"broken\.png: it is no image"):
        drive(Overlay(image=broken), [])


def test_a_font_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font at all")

    with pytest.raises(MediaError, match=r"broken\.ttf: cannot be read as a font"):
        drive(Overlay("x", font=str(broken)), [])


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2)])
def test_an_array_that_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="image must be uint8"):
        drive(Overlay(image=np.zeros(shape, np.uint8)), [])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({}, "Overlay needs a text or an image, and not both"),
        ({"text": "x", "image": "y.png"}, "and not both"),
        ({"text": "x", "anchor": "middle"}, "anchor must be one of .*, not 'middle'"),
        ({"text": "x", "size": 0}, "size must be 1 pixel or more, not 0"),
        ({"text": "x", "opacity": 1.5}, "opacity must be from 0 to 1, not 1.5"),
        ({"text": "{oops"}, "text '{oops' is no format string"),
        ({"text": "{}"}, "fields of a text must have names"),
        ({"text": "{0}"}, "fields of a text must have names"),
        ({"text": "x", "color": "mauvish"}, "color must be a name .*, not 'mauvish'"),
        ({"text": "x", "background": "#12"}, "background must be a name .*, not '#12'"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Overlay(**params)


def test_what_is_no_picture_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Overlay needs video frames, not str"):
        drive(Overlay("x"), [("in", "y")])


def test_opaque_white_never_overflows() -> None:
    ones = np.ones((3, 3), np.float32)
    layer = make_layer(255 * np.ones((3, 3, 3), np.float32), ones, Look("rgb24", 2, 0))

    assert int(layer.add[0].max()) == 255 * 255
    assert int(layer.keep[0].max()) == 0
