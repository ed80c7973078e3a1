from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from streamflow import MediaError
from streamflow.nodes import MediaSink
from streamflow.testing import NodeRunner
from tests.support.clips import (
    read_times,
)
from tests.support.media import (
    left_over,
    on,
    pictures,
    read,
    sounds,
    write,
)


def test_a_file_that_was_there_is_replaced_when_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")

    with NodeRunner(MediaSink(path), connected=["video"]) as runner:
        assert path.read_text() == "old"
        runner.run(pictures())

    assert len(read_times(path)["video"]) == 20


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target.mp4", tmp_path / "link.mp4"
    target.touch()
    link.symlink_to(target)

    write(link, pictures())

    assert link.is_symlink()
    assert len(read_times(target)["video"]) == 20


def test_a_long_name_does_not_make_the_hidden_name_too_long(tmp_path: Path) -> None:
    path = write(tmp_path / f"{'a' * 250}.mp4", pictures())

    assert len(read_times(path)["video"]) == 20


def test_the_hidden_file_is_removed_when_the_run_stops_early(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")

    with NodeRunner(MediaSink(path), connected=["video"]) as runner:
        for item in pictures():
            runner.node.process(item[1], item[0])
        assert len(left_over(tmp_path, "a.mp4")) == 1

    assert left_over(tmp_path, "a.mp4") == []
    assert path.read_text() == "old"


def test_no_frame_at_all_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no frame arrived, so there is nothing to write"):
        write(tmp_path / "a.mp4", [], connected=["video"])

    assert left_over(tmp_path) == []


def test_flush_without_initialize_is_refused() -> None:
    with pytest.raises(MediaError, match="it is not open"):
        MediaSink("a.mp4").flush()


def test_a_sink_that_knows_no_ports_takes_what_the_container_holds(tmp_path: Path) -> None:
    with NodeRunner(MediaSink(tmp_path / "a.wav")) as runner:
        runner.run(sounds())

        assert len(read_times(tmp_path / "a.wav")["audio"]) > 0

    with (
        pytest.raises(MediaError, match="it holds no video"),
        NodeRunner(MediaSink(tmp_path / "b.wav")) as runner,
    ):
        runner.run(pictures())


def test_a_value_that_is_no_frame_fails_alone(tmp_path: Path) -> None:
    with NodeRunner(MediaSink(tmp_path / "a.mp4"), connected=["video"]) as runner:
        with pytest.raises(TypeError, match="port 'video' takes a VideoFrame, not str"):
            runner.node.process("text", "video")
        runner.run(pictures())

    assert len(read_times(tmp_path / "a.mp4")["video"]) == 20


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    write(Path(os.devnull), pictures(), format="matroska")

    assert Path(os.devnull).is_char_device()


def test_a_format_of_many_files_is_written_directly(tmp_path: Path) -> None:
    write(tmp_path / "list.m3u8", pictures())

    assert len(on(read(tmp_path / "list.m3u8"))) == 20


def test_an_address_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    with NodeRunner(MediaSink(f"file://{path}"), connected=["video"]) as runner:
        runner.run(pictures())

    assert len(read_times(path)["video"]) == 20


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"bitrate": 0}, "bitrate must be 1 bit per second or more, not 0"),
        ({"audio_bitrate": -5}, "audio_bitrate must be 1 bit per second or more, not -5"),
        ({"crf": -1}, "crf must be 0 or more, not -1"),
        ({"rate": 0}, "rate must be more than 0, not 0"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_range(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MediaSink("a.mp4", **params)


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("a.mp5", {}, "the ending '.mp5' stands for no container; give one like .mp4"),
        ("a", {}, "a name without an ending stands for no container"),
        ("a.mp4", {"format": "papyrus"}, "there is no container format 'papyrus'"),
        ("a.mp4", {"codec": "quantum"}, "there is no encoder 'quantum'"),
        ("a.mp4", {"codec": "aac"}, "'aac' encodes audio, not video"),
        ("a.mp4", {"codec": "libvpx"}, "mp4 holds no video encoded by libvpx"),
        ("a.wav", {}, "wav holds no video"),
        ("none/a.mp4", {}, "its directory does not exist"),
        ("file/a.mp4", {}, "its directory is a file"),
        ("folder.mp4", {}, "it is a directory, not a file to write"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_sentence_before_the_first_frame(
    tmp_path: Path, name: str, params: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()

    with (
        pytest.raises(MediaError) as error,
        NodeRunner(MediaSink(tmp_path / name, **params), connected=["video"]),
    ):
        pass

    assert str(error.value).startswith(f"{tmp_path / name}: {sentence}")
    assert "\n" not in str(error.value)
    assert left_over(tmp_path, "file", "folder.mp4") == []


def test_an_unknown_protocol_is_named() -> None:
    with (
        pytest.raises(MediaError, match="no protocol 'carrier' is known"),
        NodeRunner(MediaSink("carrier://pigeon.mp4"), connected=["video"]) as runner,
    ):
        runner.run(pictures())


def test_an_unwritable_directory_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may write everywhere

    with (
        pytest.raises(MediaError, match="its directory may not be written to: permission denied"),
        NodeRunner(MediaSink(tmp_path / "a.mp4"), connected=["video"]),
    ):
        pass


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"codec": "mpeg4", "crf": 20}, "the encoder mpeg4 has no crf"),
        ({"preset": "tortoise"}, "libx264 refuses 64x48 yuv420p with preset=tortoise"),
        ({"preset": "x", "bitrate": 9}, "libx264 refuses .* with preset=x, bitrate=9"),
    ],
)
def test_what_an_encoder_refuses_is_said_in_one_sentence(
    tmp_path: Path, params: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(MediaError, match=sentence) as error:
        write(tmp_path / "a.mp4", pictures(), **params)

    assert "\n" not in str(error.value)
    assert left_over(tmp_path) == []


def test_after_a_failure_every_call_says_the_same(tmp_path: Path) -> None:
    items = pictures(2)

    with NodeRunner(MediaSink(tmp_path / "a.mp4", preset="x"), connected=["video"]) as runner:
        errors: list[str] = []
        runner.node.process(items[0][1], "video")
        for _ in range(2):
            with pytest.raises(MediaError) as error:
                runner.node.process(items[1][1], "video")
            errors.append(str(error.value))
        with pytest.raises(MediaError) as error:
            runner.node.flush()

    assert {*errors, str(error.value)} == {errors[0]}


LIMITED = """
    import resource, signal, sys
    import numpy as np
    from fractions import Fraction
    from streamflow import MediaError, VideoFrame
    from streamflow.nodes import MediaSink
    from streamflow.testing import NodeRunner

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    noise = np.random.default_rng(1)
    frames = [
        VideoFrame.from_ndarray(
            noise.integers(0, 256, (216, 192), np.uint8),
            format="yuv420p", pts=n, time_base=Fraction(1, 25),
        )
        for n in range(40)
    ]
    try:
        with NodeRunner(MediaSink(sys.argv[1], **eval(sys.argv[2])), connected=["video"]) as runner:
            runner.run([("video", frame) for frame in frames])
    except MediaError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
@pytest.mark.parametrize("params", [{"crf": 1}, {"codec": "ffv1", "format": "matroska"}])
def test_a_full_disk_is_said_in_one_sentence_and_no_file_is_left(
    tmp_path: Path, params: dict[str, Any]
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(LIMITED),
            str(tmp_path / "a.mp4"),
            repr(params),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    expected = f"{tmp_path / 'a.mp4'}: the file would be larger than the system allows\n"
    assert done.stdout == expected
    assert left_over(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_said_in_one_sentence() -> None:
    with pytest.raises(MediaError, match="/dev/full: the disk is full"):
        write(Path("/dev/full"), pictures(), format="matroska")


def test_a_disk_that_fills_up_at_the_very_end_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(MediaError, match="the disk is full"):
        write(path, pictures())

    assert path.read_text() == "old"
    assert left_over(tmp_path, "a.mp4") == []
