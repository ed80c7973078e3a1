from __future__ import annotations

from typing import Annotated, Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.audio import CHANNELS, SAMPLE_FORMATS
from streamflow.frames.video import PIXEL_FORMATS
from streamflow.ports import (
    Audio,
    Conversion,
    Data,
    Port,
    Table,
    Value,
    Video,
    meet,
    normalize,
    port_of,
)

videos = st.builds(Video, st.none() | st.sampled_from(list(PIXEL_FORMATS)))
audios = st.builds(
    Audio,
    st.none() | st.sampled_from(list(SAMPLE_FORMATS)),
    st.none() | st.sampled_from([16_000, 48_000]),
    st.none() | st.sampled_from(list(CHANNELS)),
)
values = st.builds(Value, st.sampled_from([object, int, bool, str]))
ports: st.SearchStrategy[Data] = st.one_of(
    st.just(Data()), st.just(Table()), videos, audios, values
)


@given(ports)
def test_every_port_meets_its_like(port: Data) -> None:
    met = meet(port, port)

    assert met is True


@given(ports)
def test_a_port_that_says_nothing_takes_whatever_is_offered(port: Data) -> None:
    assert meet(port, Data()) is True


@given(ports, ports)
def test_only_frames_are_converted_and_only_to_what_is_named(offered: Data, needed: Data) -> None:
    met = meet(offered, needed)

    if isinstance(met, Conversion):
        assert isinstance(needed, Video | Audio)
        fields = vars(needed)
        assert met.params == {name: value for name, value in fields.items() if value is not None}
        assert met.node_type == ("Convert" if isinstance(needed, Video) else "Resample")
        assert meet(needed, needed) is True


@pytest.mark.parametrize(
    ("offered", "needed", "met"),
    [
        (Video("yuv420p"), Video(), True),
        (Video(), Video("rgb24"), Conversion("Convert", {"format": "rgb24"})),
        (Data(), Video("rgb24"), Conversion("Convert", {"format": "rgb24"})),
        (Data(), Video(), True),
        (Audio("s16", 48_000), Audio("s16"), True),
        (Audio(), Audio("s16", 8_000), Conversion("Resample", {"format": "s16", "rate": 8_000})),
        (Data(), Audio(layout="mono"), Conversion("Resample", {"layout": "mono"})),
        (Video(), Audio(), False),
        (Audio(), Video(), False),
        (Table(), Video(), False),
        (Table(), Data(), True),
        (Value(bool), Value(int), True),
        (Value(int), Value(bool), True),
        (Value(int), Value(str), False),
        (Value(int), Video(), False),
    ],
)  # fmt: skip
def test_two_ports_meet_where_their_values_can(
    offered: Data, needed: Data, met: Conversion | bool
) -> None:
    assert meet(offered, needed) == met


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (Data(), "any value"),
        (Video(), "video"),
        (Video.__class_getitem__("rgb24"), "video/rgb24"),
        (Audio(), "audio"),
        (Audio.__class_getitem__("s16"), "audio/s16"),
        (Audio("flt", 8_000, "mono"), "audio/flt 8000 Hz mono"),
        (Table(), "a table"),
        (Value(str), "str"),
    ],
)
def test_a_port_says_in_words_what_it_takes(port: Data, words: str) -> None:
    assert port.describe() == words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Video("rgb565"), "unknown pixel format 'rgb565'; known are yuv420p, nv12"),
        (lambda: Audio("u8"), "unknown sample format 'u8'; known are flt, fltp"),
        (lambda: Audio(layout="9.1"), "unknown layout '9.1'; known are mono, stereo"),
    ],
)
def test_a_format_that_no_frame_holds_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_class_stands_for_its_port() -> None:
    assert normalize({"in": Video, "side": Video("nv12")}) == {
        "in": Video(),
        "side": Video("nv12"),
    }


@pytest.mark.parametrize("port", [int, "video", VideoFrame, None])
def test_what_is_no_port_is_refused_by_name(port: Any) -> None:
    with pytest.raises(TypeError, match="port 'in' must be Data, Video, Audio, Table or Value"):
        normalize({"in": port})


RECORD_BATCH = cast("Any", pa).RecordBatch


class Sharp(VideoFrame):
    """A frame of the user's own class."""


@pytest.mark.parametrize(
    ("annotation", "port"),
    [
        (VideoFrame, Video()),
        (Sharp, Video()),
        (AudioFrame, Audio()),
        (Video("rgb24"), Video("rgb24")),
        (Video, Video()),
        (Annotated[VideoFrame, "noted", Video("gray8")], Video("gray8")),
        (RECORD_BATCH, Table()),
        (int, Data()),
        (Any, Data()),
        (list[int], Data()),
        ("VideoFrame", Data()),
    ],
    ids=repr,
)
def test_an_annotation_asks_for_a_port(annotation: Any, port: Port) -> None:
    assert port_of(annotation) == port
