from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.nodes import FilterGraph
from streamflow.nodes.filters.graph import MAX_WAITING
from streamflow.nodes.video.counter import read_counter
from streamflow.ports import Audio, Video
from streamflow.testing.runner import NodeRunner
from tests.nodes.drive import drive, joined, pictures, same_pixels, sounds


def pairs(ports: str, *streams: list[Any]) -> list[tuple[str, Any]]:
    """The items of several streams in turn, each for its port."""
    return [
        (port, item)
        for items in zip(*streams, strict=True)
        for port, item in zip(ports.split(), items, strict=True)
    ]


def test_one_filter_works_on_pictures_and_keeps_their_time() -> None:
    frames = pictures(5, rate="30000/1001")

    made = drive(FilterGraph("hflip"), frames)

    assert [(frame.pts, frame.time_base) for frame in made] == [
        (frame.pts, frame.time_base) for frame in frames
    ]
    assert np.array_equal(made[3].planes[0], frames[3].planes[0][:, ::-1])


def test_pictures_that_stand_on_their_head_are_mapped() -> None:
    frames = pictures(2)

    made = drive(FilterGraph("vflip"), frames)

    assert np.array_equal(made[1].planes[0], frames[1].planes[0][::-1])
    assert np.array_equal(made[1].to_av().to_ndarray(), made[1].to_ndarray())


def test_sound_is_filtered() -> None:
    frames = sounds(4)

    made = drive(FilterGraph("volume=0.5"), frames)

    assert np.allclose(joined(made), joined(frames) / 2, atol=1e-6)
    assert [frame.pts for frame in made] == [0, 960, 1920, 2880]


def test_chains_change_rate_format_and_layout() -> None:
    made = drive(FilterGraph("aresample=16000,aformat=s16:channel_layouts=mono"), sounds(10))

    assert {(f.rate, f.format, f.layout) for f in made} == {(16_000, "s16", "mono")}
    assert sum(frame.samples_per_channel for frame in made) == 3200


def test_what_the_filters_hold_comes_out_at_the_end() -> None:
    made = drive(FilterGraph("reverse"), pictures(6))

    assert [read_counter(frame) for frame in made] == [5, 4, 3, 2, 1, 0]


def test_filters_that_want_no_more_are_left_alone() -> None:
    made = drive(FilterGraph("trim=end_frame=3"), pictures(10))

    assert [read_counter(frame) for frame in made] == [0, 1, 2]


def test_labels_name_the_ports() -> None:
    node = FilterGraph("[left][right]hstack[both]")
    frames = pictures(3)

    made = drive(node, pairs("left right", frames, frames), "both")

    assert node.inputs == {"left": Video(), "right": Video()}
    assert node.outputs == {"both": Video()}
    assert [(frame.width, frame.height) for frame in made] == [(128, 48)] * 3


def test_one_labelled_input_needs_no_port() -> None:
    assert len(drive(FilterGraph("[0:v]null"), pictures(3))) == 3


def test_loose_ends_without_labels_are_numbered() -> None:
    node = FilterGraph("hstack,split")

    assert list(node.inputs) == ["in_0", "in_1"]
    assert list(node.outputs) == ["out_0", "out_1"]


def test_labels_link_chains_in_any_order() -> None:
    frames = pictures(2)

    made = drive(FilterGraph("[x]vflip[out];[in]split[x][y];[y]nullsink"), frames)

    assert np.array_equal(made[0].planes[0], frames[0].planes[0][::-1])


def test_labels_take_the_first_pads_and_the_chain_the_next() -> None:
    small, large = pictures(1, counter=False, width=16, height=16), pictures(1)

    made = drive(FilterGraph("[s]scale=32:32,[big]overlay"), pairs("s big", small, large))

    assert (made[0].width, made[0].height) == (64, 48)  # `big` is the picture underneath


def test_several_outputs_come_on_their_ports() -> None:
    with NodeRunner(FilterGraph("asplit[a],volume=2[b]")) as runner:
        runner.run(sounds(3))

        first, second = runner.outputs("a"), runner.outputs("b")

    assert runner.node.outputs == {"a": Audio(), "b": Audio()}
    assert np.allclose(joined(second), 2 * joined(first))


def test_sound_becomes_pictures() -> None:
    node = FilterGraph("showwaves=s=64x48:r=25")

    made = drive(node, sounds(50))

    assert (node.inputs, node.outputs) == ({"in": Audio()}, {"out": Video()})
    assert len(made) == 25
    assert all(isinstance(frame, VideoFrame) for frame in made)


def test_formats_that_no_frame_can_hold_are_converted() -> None:
    (picture,) = drive(FilterGraph("format=yuv444p10le"), pictures(1))
    (sound, *_) = drive(FilterGraph("aformat=dbl"), sounds(1))

    assert isinstance(picture, VideoFrame)
    assert isinstance(sound, AudioFrame)


@pytest.mark.parametrize("format", ["yuv420p", "nv12", "rgb24", "bgr24", "gray8", "rgba"])
def test_formats_that_a_frame_can_hold_stay(format: str) -> None:
    frames = pictures(1, format=format)

    (made,) = drive(FilterGraph("null"), frames)

    assert same_pixels(made, frames[0])


def test_colour_stays() -> None:
    frame = pictures(1)[0].replace(colorspace=1, color_range=2)

    (made,) = drive(FilterGraph("hflip"), [frame])

    assert (made.colorspace, made.color_range) == (1, 2)


def test_metadata_stays() -> None:
    frame = pictures(1)[0].replace(metadata={"a": 1})

    assert drive(FilterGraph("hflip"), [frame])[0].metadata == {"a": 1}


def test_a_change_of_size_makes_the_filters_anew_and_loses_nothing() -> None:
    frames = [*pictures(3), *pictures(3, width=96, height=64)]

    made = drive(FilterGraph("reverse"), frames)

    assert [read_counter(frame) for frame in made] == [2, 1, 0, 2, 1, 0]
    assert [frame.width for frame in made] == [64] * 3 + [96] * 3


def test_a_change_on_one_input_keeps_what_is_known_of_the_other() -> None:
    wide = pictures(2, width=96)
    with NodeRunner(FilterGraph("[a][b]overlay")) as runner:
        runner.run([*pairs("a b", pictures(2), pictures(2)), *pairs("a b", wide, pictures(2))])

        sizes = [frame.width for frame in runner.outputs()]

    assert 64 in sizes
    assert 96 in sizes


def test_pictures_that_others_see_are_never_written() -> None:
    frames = pictures(8)
    before = [frame.planes[0].copy() for frame in frames]

    with NodeRunner(FilterGraph("drawbox=c=red:t=fill")) as runner:
        runner.run(frames)

    assert all(np.array_equal(a, f.planes[0]) for a, f in zip(before, frames, strict=True))
    assert runner.copied == {"": 8 * frames[0].nbytes}


def test_frames_that_wait_inside_the_filters_are_never_written() -> None:
    main, logo = pictures(8), pictures(8, width=64, height=48, pattern="solid")
    before = [frame.planes[0].copy() for frame in main]
    waiting = [("m", frame) for frame in main]

    drive(FilterGraph("[m][l]overlay=x=8"), [*waiting, *(("l", frame) for frame in logo)])

    assert all(np.array_equal(a, f.planes[0]) for a, f in zip(before, main, strict=True))


def test_filters_that_only_read_copy_nothing() -> None:
    with NodeRunner(FilterGraph("crop=32:32,hflip")) as runner:
        runner.run(pictures(2))

    assert runner.copied == {}


def test_filters_that_count_on_a_constant_rate_get_one() -> None:
    frames = pictures(10)

    made = drive(FilterGraph("[a][b]xfade=duration=0.1:offset=0.1"), pairs("a b", frames, frames))

    assert len(made) == 13


def test_frames_without_a_time_pass() -> None:
    frame = pictures(1)[0].replace(pts=None, time_base=None)

    (made,) = drive(FilterGraph("hflip"), [frame])

    assert made.pts is None


def test_frames_wait_for_the_first_of_every_input_but_not_for_ever() -> None:
    frame = pictures(1)[0]
    node = FilterGraph("[a][b]hstack")

    with pytest.raises(ValueError, match=f"has {MAX_WAITING} frames on a and none on b"):
        drive(node, [("a", frame)] * (MAX_WAITING + 1))


def test_frames_that_the_filters_refuse_are_an_error() -> None:
    frames = pairs("a b", pictures(1), pictures(1, width=64, height=64))

    with pytest.raises(ValueError, match=r"'.*hstack' does not take these frames"):
        drive(FilterGraph("[a][b]hstack"), frames)


@pytest.mark.parametrize(
    ("description", "items", "sentence"),
    [
        ("hflip", [1], "FilterGraph needs video frames on in, not int"),
        ("hflip", sounds(1), "FilterGraph needs video frames on in, not AudioFrame"),
        ("volume=1", pictures(1), "FilterGraph needs audio frames on in, not VideoFrame"),
    ],
)
def test_what_does_not_fit_the_port_is_refused_by_name(
    description: str, items: list[Any], sentence: str
) -> None:
    with pytest.raises(TypeError, match=sentence):
        drive(FilterGraph(description), items)


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("nosuch=1", "there is no filter 'nosuch'"),
        ("scale=w=foo(", r"scale does not take 'w=foo\('"),
        ("scale=bogus=1", "scale does not take 'bogus=1'"),
        ("anullsrc", "has no input"),
        ("nullsink", "has no output"),
        ("hflip,volume=2", "one is video, the other audio"),
        ("[a]hflip[b];[a]vflip[c]", r"label \[a\] is used twice"),
        ("[a]hflip[b];[b]vflip[c];[b]null", r"label \[b\] is used twice"),
        ("split[a][b][c]", "split has 2 outputs, but 3 labels"),
        ("[a][b][c]hflip", "hflip has 1 inputs, but 3 are linked to it"),
        ("split,hflip", "hflip has 1 inputs, but 2 are linked to it"),
        ("[in]hflip[b];vflip", r"label \[in\] is also the name of an end"),
    ],
)
def test_bad_descriptions_are_refused_when_the_node_is_made(
    description: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        FilterGraph(description)


def test_nothing_comes_of_nothing() -> None:
    assert drive(FilterGraph("hflip"), []) == []


def test_time_bases_of_libav_are_kept() -> None:
    frames = [
        frame.replace(pts=n * 3003, time_base=Fraction(1, 90_000))
        for n, frame in enumerate(pictures(3))
    ]

    made = drive(FilterGraph("setpts=PTS+90000"), frames)

    assert [frame.time for frame in made] == [1 + n * 3003 / 90_000 for n in range(3)]
