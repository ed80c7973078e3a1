"""Names: what the original runtime calls node types and parameters that we have under others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from streamflow.manifest.models import LONGEST
from streamflow.manifest.nodetypes import NodeTypes
from streamflow.registry import snake_case


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a node type.

    Attributes:
        type: our name.
        renames: the original's parameter → ours; one in milliseconds → ours, in seconds.
        defaults: parameters where the original's own defaults differ.
    """

    type: str
    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])


RESAMPLE: Final = {
    "target_sample_rate": "rate",
    "target_rate": "rate",
    "output_rate": "rate",
    "sample_rate": "rate",
}
UTTERANCE: Final = {
    "min_utterance_duration_ms": "min_duration",
    "max_utterance_duration_ms": "max_duration",
}
SIZE: Final = {"target_width": "width", "target_height": "height"}

ALIASES: Final[Mapping[str, Alias]] = {
    "media_reader": Alias("MediaSource", {"file": "path", "file_path": "path", "uri": "path"}),
    "media_writer": Alias("MediaSink", {"output_path": "path", "file_path": "path"}),
    "video_resizer": Alias("Scale", SIZE),
    "video_resize": Alias("Scale", SIZE),
    "video_scaler": Alias("Scale", SIZE),
    "video_flip": Alias("Flip", {}, {"horizontal": True}),
    "fast_resample": Alias("Resample", RESAMPLE),
    "auto_resample": Alias("Resample", RESAMPLE),
    "audio_resample": Alias("Resample", RESAMPLE),
    "audio_chunker": Alias("Chunk", {"chunk_size": "samples"}),
    "audio_buffer": Alias("AudioBufferAccumulator", UTTERANCE),
    "audio_buffer_accumulator": Alias("AudioBufferAccumulator", UTTERANCE),
    "audio_channel_splitter": Alias("ChannelSplit"),
    "silence_detector": Alias(
        "SilenceDetector",
        {"silence_threshold_db": "threshold", "sustained_silence_ms": "min_duration"},
    ),
    "clipping_detector": Alias("ClippingDetector", {"clipping_threshold": "threshold"}),
    "channel_balance": Alias("ChannelBalance", {"imbalance_threshold_db": "max_difference"}),
    "audio_level": Alias("AudioLevel", {"window_size_ms": "window"}),
    "multiply": Alias("Multiply", {"multiplier": "factor"}),
}
"""By the original's name in snake case, without ``Node`` at its end."""


class Meant(NamedTuple):
    """What a node of the original runtime is for us.

    Attributes:
        type: our name; the original's where we have none.
        params: with our names.
        renamed: our name → the original's, where they differ.
    """

    type: str
    params: Mapping[str, Any]
    renamed: Mapping[str, str]


class Translator:
    """Finds what nodes of the original runtime are for us, each type once.

    Args:
        types: knows which types there are. One of that very name goes before an alias.
    """

    def __init__(self, types: NodeTypes) -> None:
        self._types = types
        self._found: dict[str, tuple[Alias, Mapping[str, Any]]] = {}

    def translate(self, name: str, params: Mapping[str, Any]) -> Meant:
        """What a node type and its params mean."""
        if name not in self._found:
            alias = _alias(name, self._types) if len(name) <= LONGEST else Alias(name)
            self._found[name] = alias, _parameters(alias.type, self._types)
        return _translate(*self._found[name], params)


def _translate(alias: Alias, known: Mapping[str, Any], params: Mapping[str, Any]) -> Meant:
    meant: dict[str, Any] = {k: v for k, v in alias.defaults.items() if k not in params}
    renamed: dict[str, str] = {}
    for key, value in params.items():
        ours, put = key, value
        if key not in known:
            snake = snake_case(key)
            ours = alias.renames.get(snake, snake if snake in known else key)
            if snake.endswith("_ms") and ours != snake and isinstance(value, int | float):
                put = value / 1000
        if ours in params and ours != key:
            ours = key  # both are given: the one that nobody knows is a fault
        meant[ours] = put
        if ours != key:
            renamed[ours] = key
    return Meant(alias.type, meant, renamed)


def _alias(name: str, types: NodeTypes) -> Alias:
    short = snake_case(name).removesuffix("_node")
    alias = ALIASES.get(short)
    if types.has(name):
        ours = alias is not None and snake_case(alias.type) == snake_case(name)
        return alias if alias is not None and ours else Alias(name)
    if alias is not None:
        return alias
    bare = name.removesuffix("Node").removesuffix("_node").removesuffix("-node")
    return Alias(bare if bare != name and types.has(bare) else name)


def _parameters(name: str, types: NodeTypes) -> Mapping[str, Any]:
    # A type that is unknown, or cannot be imported, is a fault where types are checked.
    try:
        return types.find(name).parameters
    except (ValueError, LookupError):
        return {}
