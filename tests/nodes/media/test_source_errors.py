from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import InvalidDataError
from av.error import OSError as AvOSError
from av.error import PermissionError as AvPermissionError

from streamflow import MediaError
from streamflow.nodes import MediaSource
from streamflow.testing import NodeRunner
from tests.support.clips import make_clip, number_of
from tests.support.media import on, read


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"start": -1}, "start must be 0 or more, not -1"),
        ({"loop": -1}, "loop must be 0 or more, not -1"),
        ({"duration": 0}, "duration must be more than 0, not 0"),
        ({"timeout": 0}, "timeout must be more than 0, not 0"),
        ({"video": -1}, "video must be 0 or more, not -1"),
        ({"audio": (0, 0)}, r"audio must name each stream once, not \[0, 0\]"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_range(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MediaSource("a.mp4", **params)


def test_a_missing_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"a\.mp4: there is no such file$"):
        read(tmp_path / "a.mp4")


def test_a_directory_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"it is a directory, not a media file$"):
        read(tmp_path)


def test_an_empty_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()

    with pytest.raises(MediaError, match=r"the file is empty$"):
        read(tmp_path / "a.mp4")


def test_an_empty_path_is_said_in_one_sentence() -> None:
    with pytest.raises(MediaError, match="the path is empty"):
        read("")


def test_a_text_is_said_to_be_no_media_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("Dear diary,\n" * 100)

    with pytest.raises(MediaError, match="it is not a media file"):
        read(tmp_path / "a.mp4")


def test_an_unknown_protocol_is_named() -> None:
    with (
        pytest.raises(MediaError, match="no protocol 'carrier' is known"),
        NodeRunner(MediaSource("carrier://pigeon")),
    ):
        pass


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    with pytest.raises(MediaError, match="no container format 'papyrus'"):
        read(clip, format="papyrus")


def test_an_address_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = MediaSource(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout=0.2)

        with pytest.raises(MediaError, match="tcp://"), NodeRunner(source):
            pass


def test_a_file_may_be_named_like_an_address(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4").rename(tmp_path / "take:2.mp4")

    assert len(on(read(clip))) == 20


def test_a_stream_number_beyond_the_last_is_said_with_the_count(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")

    with pytest.raises(MediaError, match="it has 1 audio stream, so there is no audio stream 3"):
        read(clip, audio=3)


def test_a_number_of_a_kind_that_is_missing_is_said_too(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())

    with pytest.raises(MediaError, match="it has no audio streams, so there is no audio stream 1"):
        read(clip, audio=1)


def test_a_file_with_none_of_the_connected_streams_is_an_error(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", sounds=())

    with pytest.raises(MediaError, match=r"it has no audio stream$"):
        read(clip, connected=["audio"])


def test_a_codec_that_nothing_decodes_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "a.mkv", sounds=())
    # A codec id that no decoder answers to, of the same length in the file.
    clip.write_bytes(clip.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_QUANTUM/FOAM1"))

    with pytest.raises(MediaError, match="nothing here decodes video stream 0"):
        read(clip, connected=["video"])


def test_an_unreadable_file_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    clip.chmod(0)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AvPermissionError(13, "Permission denied")

    monkeypatch.setattr(av, "open", refuse)  # root may read everything

    with pytest.raises(MediaError, match="it may not be read: permission denied"):
        read(clip)


def faststart(path: Path, **params: Any) -> Path:
    """A clip whose index stands before its data, so that the data can be hurt alone."""
    return make_clip(
        path, codec="libx264", options={"movflags": "faststart"}, pictures=60, **params
    )


def test_a_file_cut_short_in_its_data_gives_what_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = faststart(tmp_path / "a.mp4")
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])

    items = read(clip, connected=None)

    outcome = on(items, "metadata")[-1]
    assert 0 < len(on(items)) < 60
    assert all(number_of(frame, n) == n for n, frame in enumerate(on(items)[:10]))
    assert outcome["missing"] > 0
    assert "is damaged" in caplog.text


def test_a_file_whose_index_was_cut_off_is_said_to_lack_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"moov") - 100])

    with pytest.raises(MediaError, match=r"its index \(moov\) is missing"):
        read(clip)


def test_flipped_bits_cost_frames_but_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = faststart(tmp_path / "a.mp4")
    data = bytearray(clip.read_bytes())
    begin = data.index(b"mdat") + 8
    generator = np.random.default_rng(1)
    for place in generator.integers(begin, len(data), 60):
        data[place] ^= 1 << int(generator.integers(8))
    clip.write_bytes(data)
    source = MediaSource(clip)

    with NodeRunner(source) as runner, caplog.at_level(logging.WARNING):
        runner.run()

    outcome = runner.outputs("metadata")[-1]
    assert len(runner.outputs("video")) > 30
    assert outcome["corrupt"] == source.damage.undecodable + source.damage.damaged > 0
    assert outcome["undecodable"] == source.decode_errors
    assert caplog.text.count("is damaged") == 1


def test_a_file_in_which_nothing_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    clip = faststart(tmp_path / "a.mp4", sounds=())
    data = bytearray(clip.read_bytes())
    begin = data.index(b"mdat") + 8
    data[begin:] = np.random.default_rng(1).integers(0, 256, len(data) - begin, np.uint8).tobytes()
    clip.write_bytes(data)

    with pytest.raises(MediaError, match="nothing in it could be decoded"):
        read(clip)


def test_reading_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    source = MediaSource(clip)

    class Breaks:
        def demux(self, streams: Any) -> Any:
            raise AvOSError(5, "Input/output error")
            yield

        def close(self) -> None:
            pass

    with NodeRunner(source, connected=["video"]) as runner:
        assert source._reader is not None
        source._reader.container.close()
        source._reader.container = Breaks()  # type: ignore[assignment]

        with pytest.raises(MediaError, match="input/output error"):
            runner.run()


def test_data_that_makes_no_sense_ends_the_file(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    source = MediaSource(clip)

    with NodeRunner(source, connected=["video"]) as runner:
        reader = source._reader
        assert reader is not None
        real: Any = reader.container

        class Breaks:
            def demux(self, streams: Any) -> Any:
                for number, packet in enumerate(real.demux(streams)):
                    if number == 10:
                        raise InvalidDataError(1, "no")
                    yield packet

            def close(self) -> None:
                real.close()

        reader.container = Breaks()  # type: ignore[assignment]
        runner.run()

    assert len(runner.outputs("video")) == 10
    assert source.damage.missing == 10
