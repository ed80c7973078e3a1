"""What FFmpeg's own filters measure of a sound, to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import av
from av.filter import Graph

from streamflow.frames import AudioFrame


def measured(frames: Sequence[AudioFrame], filter: str, options: str) -> list[dict[str, str]]:
    """The metadata that a filter puts on each frame, without ``lavfi.``."""
    first, graph = frames[0].to_av(), Graph()
    source = graph.add_abuffer(
        template=None,
        sample_rate=first.sample_rate,
        format=first.format.name,
        layout=first.layout.name,
        time_base=frames[0].time_base,
    )
    measuring, sink = graph.add(filter, options), graph.add("abuffersink")
    source.link_to(measuring)
    measuring.link_to(sink)
    graph.configure()
    found: list[dict[str, str]] = []
    for frame in frames:
        graph.push(frame.to_av())
        pulled = graph.pull()
        assert isinstance(pulled, av.AudioFrame)
        found.append({key.removeprefix("lavfi."): value for key, value in pulled.metadata.items()})
    return found
