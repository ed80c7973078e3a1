"""What holds for every node of the basic, video, audio and filter families."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from streamflow import nodes
from streamflow.node import Node

MAKERS: dict[str, Callable[[], Node]] = {
    "Accumulator": lambda: nodes.Accumulator(2),
    "Add": nodes.Add,
    "AudioBufferAccumulator": nodes.AudioBufferAccumulator,
    "AudioLevel": lambda: nodes.AudioLevel(window=0.5),
    "AudioTransform": nodes.AudioTransform,
    "Calculator": lambda: nodes.Calculator("add", 1),
    "ChannelBalance": lambda: nodes.ChannelBalance(window=0.5),
    "ChannelSplit": lambda: nodes.ChannelSplit(6),
    "Chunk": lambda: nodes.Chunk(480),
    "ClippingDetector": nodes.ClippingDetector,
    "Convert": lambda: nodes.Convert("rgb24"),
    "Crop": lambda: nodes.Crop(2, 2),
    "Delay": lambda: nodes.Delay(1),
    "Echo": nodes.Echo,
    "Filter": lambda: nodes.Filter(bool),
    "FilterGraph": lambda: nodes.FilterGraph("[a][b]hstack[out]"),
    "Flip": lambda: nodes.Flip(vertical=True),
    "FrameRate": lambda: nodes.FrameRate("30000/1001"),
    "Gain": lambda: nodes.Gain(-6),
    "Logger": nodes.Logger,
    "Map": lambda: nodes.Map(str),
    "Mix": lambda: nodes.Mix(3),
    "Multiply": nodes.Multiply,
    "PassThrough": nodes.PassThrough,
    "Overlay": lambda: nodes.Overlay("{count}"),
    "Resample": lambda: nodes.Resample(16_000),
    "Scale": lambda: nodes.Scale(32),
    "SilenceDetector": nodes.SilenceDetector,
    "Snapshot": lambda: nodes.Snapshot("a.png"),
    "Split": lambda: nodes.Split(bool),
    "TextCollector": nodes.TextCollector,
    "TestAudio": lambda: nodes.TestAudio(frames=1),
    "TestVideo": lambda: nodes.TestVideo(64, 48, frames=1),
    "Waveform": nodes.Waveform,
}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_node_that_does_not_run_can_be_pickled(name: str) -> None:
    node = MAKERS[name]()

    copy = pickle.loads(pickle.dumps(node))  # noqa: S301 - made right here

    assert type(copy) is type(node)
    assert (copy.inputs, copy.outputs) == (node.inputs, node.outputs)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_node_tells_what_it_is(name: str) -> None:
    info = type(MAKERS[name]()).info()

    assert info.name == name
    assert info.description
    assert set(info.params["properties"]) <= set(info.description.split("Args:")[-1].split()) | {
        word.rstrip(":") for word in info.description.split()
    }


def test_all_nodes_of_the_package_are_named() -> None:
    assert set(nodes.__all__) >= set(MAKERS)
    assert set(dir(nodes)) >= set(MAKERS)
