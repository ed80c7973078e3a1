"""MediaSource goes on from any frame with the very frames that would have followed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamflow as sf
from streamflow.context import NodeContext
from streamflow.nodes import MediaSink, MediaSource, TestAudio, TestVideo


def clip(path: Path, *, video: bool = True, audio: bool = True, **params: Any) -> Path:
    """A clip of two seconds."""
    pipeline = sf.Pipeline("clip")
    sink = pipeline.add(MediaSink(path, **params), id="sink")
    if video:
        small = TestVideo(64, 48, rate=25, frames=50)
        pipeline.add(small, id="pictures") >> sink["video"]
    if audio:
        pipeline.add(TestAudio(waveform="noise", duration=2.0), id="sound") >> sink["audio"]
    pipeline.run()
    return path


def started(path: Path, *, live: bool = False, **params: Any) -> MediaSource:
    source = MediaSource(path, **params)
    ports = frozenset({"video", "audio", "metadata"})
    clock = sf.LiveClock() if live else sf.OfflineClock()
    source.initialize(NodeContext("source", "MediaSource", clock=clock, connected=ports))
    return source


def essence(out: sf.Out) -> tuple[str, Any]:
    """Port, and everything that makes a frame this one."""
    value: Any = out.value
    if out.port == "metadata":
        return out.port, repr(value)
    arrays = value.planes if out.port == "video" else (value.samples,)
    return out.port, (value.pts, value.time_base, *(np.asarray(a).tobytes() for a in arrays))


def by_port(outs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    return {port: [item for name, item in outs if name == port] for port, _ in outs}


@pytest.mark.parametrize(
    ("name", "streams", "params"),
    [
        ("sound and pictures.mp4", {}, {}),
        ("sound and pictures.mkv", {"codec": "mpeg4"}, {}),
        ("twice.mp4", {}, {"loop": 2}),
        ("a part.mp4", {}, {"start": 0.5, "duration": 1.0}),
        ("pictures.mp4", {"audio": False}, {}),
        ("pictures.webm", {"audio": False}, {}),
        ("raw.h264", {"audio": False, "format": "h264"}, {}),
        ("sound.wav", {"video": False}, {}),
        ("sound.mp3", {"video": False}, {}),
    ],
)
def test_it_goes_on_from_any_frame(
    tmp_path: Path, name: str, streams: dict[str, Any], params: dict[str, Any]
) -> None:
    path = clip(tmp_path / name, **streams)
    source = started(path, **params)
    whole: list[tuple[str, Any]] = []
    states: list[bytes] = []
    for out in source.process():
        whole.append(essence(out))
        states.append(pickle.dumps(source.get_state()))
    source.cleanup()

    for place in {0, 1, len(whole) // 3, len(whole) * 2 // 3, len(whole) - 2, len(whole) - 1}:
        again = started(path, **params)
        again.set_state(pickle.loads(states[place]))  # noqa: S301 - ours
        rest = [essence(out) for out in again.process()]
        again.cleanup()

        assert by_port(rest) == by_port(whole[place + 1 :])


def test_under_a_live_clock_what_was_read_ahead_is_not_taken_for_emitted(tmp_path: Path) -> None:
    path = clip(tmp_path / "live.mp4", audio=False)
    source = started(path, live=True)
    outs = source.process()
    seen = [essence(next(outs)) for _ in range(4)]

    again = started(path)
    again.set_state(source.get_state())
    rest = [essence(out) for out in again.process()]

    whole = [essence(out) for out in started(path).process()]
    assert seen + rest == whole


@pytest.mark.parametrize("source", [TestVideo(64, 48, frames=5), TestAudio(frames=5)])
async def test_test_signals_go_on_and_under_a_live_clock_at_once(source: Any) -> None:
    class Told(sf.OfflineClock):
        live = True

        async def sleep_until(self, time: float) -> None:
            waits.append(time)

    waits: list[float] = []
    source.initialize(NodeContext("source", "", clock=Told()))
    frames = [frame async for frame in source.process()]
    source.initialize(NodeContext("source", "", clock=Told()))
    source.set_state(3 if isinstance(source, TestVideo) else 3 * 960)
    waits.clear()

    rest = [frame async for frame in source.process()]

    assert [frame.pts for frame in rest] == [frame.pts for frame in frames[3:]]
    assert waits[0] == 0.0
    assert source.get_state() == (5 if isinstance(source, TestVideo) else 5 * 960)
