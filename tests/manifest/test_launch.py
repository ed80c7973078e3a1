"""Launch strings: chains, names, branches, quotes, and faults with a caret."""

from __future__ import annotations

from typing import Any

import pytest

from streamflow.errors import ManifestError
from streamflow.graph import NodeOptions, Queue
from streamflow.manifest import EdgeSpec, GraphSpec, NodeSpec, parse_launch
from streamflow.process import Process
from streamflow.registry import Registry
from streamflow.retry import CircuitBreaker, Retry


def graph(text: str, types: Registry) -> GraphSpec:
    return parse_launch(text, registry=types).graph


def test_a_chain_is_nodes_and_what_joins_them(types: Registry) -> None:
    made = graph("source ! picture width=640 mode=good ! sink", types)

    assert made.nodes == (
        NodeSpec("source", "Source"),
        NodeSpec("picture", "Picture", {"width": 640, "mode": "good"}),
        NodeSpec("sink", "Sink"),
    )
    assert made.edges == (
        EdgeSpec("source", "picture", "video", "in"),
        EdgeSpec("picture", "sink", "out", "video"),
    )


def test_the_issues_own_launch_string_is_read() -> None:
    text = "test-video ! scale width=640 height=360 ! media-sink path=out.mp4"

    made = parse_launch(text).graph

    assert [node.type for node in made.nodes] == ["TestVideo", "Scale", "MediaSink"]
    assert made.nodes[2].params == {"path": "out.mp4"}


def test_branches_begin_and_end_with_names(types: Registry) -> None:
    text = """
        source name=t
        t.video ! queue max-items=4 max-bytes=64KB policy=latest ! picture width=1 ! s.video
        t.audio ! s.
        sink name=s
    """

    made = graph(text, types)

    assert [node.id for node in made.nodes] == ["t", "picture", "s"]
    assert made.edges == (
        EdgeSpec("t", "picture", "video", None, Queue(4, 64_000, None, "latest")),
        EdgeSpec("picture", "s", None, "video"),
        EdgeSpec("t", "s", "audio", "audio"),
    )


def test_a_chain_goes_on_behind_a_name(types: Registry) -> None:
    made = graph("step name=a ! b. ! step  step name=b", types)

    assert made.edges == (EdgeSpec("a", "b"), EdgeSpec("b", "step"))


@pytest.mark.parametrize(
    ("said", "params"),
    [
        ("factor=1", {"factor": 1}),
        ("factor=1e3", {"factor": 1000.0}),
        ("flag=true", {"flag": True}),
        ("path=null", {"path": None}),
        ("path=12", {"path": "12"}),
        ("path='12'", {"path": "12"}),
        ("path=", {"path": ""}),
        ("path=a=b", {"path": "a=b"}),
        ("path='my clip.mp4'", {"path": "my clip.mp4"}),
        (r'path="a \"b\" \\ c"', {"path": r'a "b" \ c'}),
        (r"path=a\ b\!", {"path": "a b!"}),
        ("path=a'b c'd", {"path": "ab cd"}),
        ("path='!' ", {"path": "!"}),
        ("'path'=x", {"path": "x"}),
        ("weights=[1,2.5]", {"weights": [1, 2.5]}),
        ('table={"a": 1}', {"table": {"a": 1}}),
        ("anything='[1]'", {"anything": "[1]"}),
        ("any-thing=1", None),
        ("anything=on", {"anything": "on"}),
    ],
)
def test_values_read_as_in_yaml_and_quoted_ones_as_text(
    said: str, params: dict[str, Any] | None, types: Registry
) -> None:
    if params is None:
        with pytest.raises(ManifestError):
            graph(f"step {said}", types)
    else:
        assert graph(f"step {said}", types).nodes[0].params == params


def test_options_are_written_with_an_at(types: Registry) -> None:
    text = (
        "step @on=thread @error=skip @timeout=2s @concurrency=3 ! "
        'step @on={"process": {"nice": 5}} @retry={"max_retries": 1} @breaker={"max_failures": 2}'
    )

    made = graph(text, types)

    assert made.nodes[0].options == NodeOptions("thread", "skip", 2.0, 3)
    assert made.nodes[1].options == NodeOptions(
        Process(nice=5), retry=Retry(1), breaker=CircuitBreaker(2)
    )


def test_dotted_names_and_import_paths_are_types(types: Registry) -> None:
    made = graph("symbia.core.step ! symbia.core.step", types)

    assert [(node.id, node.type) for node in made.nodes] == [
        ("step", "symbia.core.step"),
        ("step_2", "symbia.core.step"),
    ]
    path = "streamflow.nodes.basic.echo:Echo"
    imported = parse_launch(path, registry=types, allow_imports=True)
    assert imported.graph.nodes[0] == NodeSpec("echo", path)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", {1: "there is nothing"}),
        ("! step", {1: "a node must stand before this '!'"}),
        ("step ! ! step", {8: "a node must stand before this '!'"}),
        ("step !", {6: "a node must stand behind this '!'"}),
        ("factor=1 step", {1: "a node type must stand before its params"}),
        ("step ! factor=1", {8: "a node type must stand before its params"}),
        ("step name=a a. factor=1", {16: "params stand where a. is named"}),
        ("step 'a b", {6: "this quote does not end"}),
        ('step "a', {6: "this quote does not end"}),
        ("step a\\", {7: "a backslash escapes nothing"}),
        ("step factor=1 factor=2", {15: "factor stands twice"}),
        ("step name=a name=b", {13: "name stands twice"}),
        (
            "step @off=1",
            {
                6: "there is no option @off; there are @on, @error, @timeout, "
                "@concurrency, @retry, @breaker"
            },
        ),
        ("queue ! step", {1: "a queue must stand between two nodes"}),
        ("step ! queue", {8: "a queue must stand between two nodes"}),
        ("step ! queue ! queue ! step", {16: "a queue must stand between two nodes"}),
        ("step step", {6: "step is joined to nothing: is a '!' missing?"}),
        ("step table={x}", {12: "a list or a mapping must be JSON"}),
        ("step weights=[1]x", {17: "a space must stand behind a list or a mapping"}),
        ("step ! setp", {8: "unknown node type 'setp'; did you mean Step?"}),
        ("step ! picture", {8: "params.width: is missing; Picture needs it"}),
        ("step ! gone.", {8: "there is no node 'gone'"}),
        ("step name=a ! a.", {15: "the graph has a cycle: a -> a"}),
        (
            "step name=a ! step name=a",
            {20: "nodes[0] has the id 'a' already", 15: "the graph has a cycle: a -> a"},
        ),
        ("source ! step", {1: "name the output port of node 'source': it has video, audio"}),
        (
            "step ! queue policy=oldest ! step",
            {
                8: (
                    'policy: must be one of "block", "drop_oldest", "drop_newest", '
                    '"latest" or "error", got "oldest"'
                )
            },
        ),
        (
            "step fctor=1 factor=wide @on=moon",
            {
                6: "Step has no such parameter; did you mean 'factor'?",
                14: 'must be a number, got "wide"',
                26: 'must be one of "inline", "thread" or "process", got "moon"',
            },
        ),
    ],
)
def test_a_fault_has_its_column_and_a_caret(
    text: str, faults: dict[int, str], types: Registry
) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_launch(text, registry=types)

    told = {
        int(path.removeprefix("column ")): words.split("\n") for path, words in caught.value.faults
    }
    assert {column: words[0] for column, words in told.items()} == faults
    for column, (_, line, caret) in told.items():
        assert line == f"    {text}"
        assert caret == "    " + " " * (column - 1) + "^"


def test_the_caret_stands_in_the_line_of_the_fault(types: Registry) -> None:
    text = "step name=a\n  ! step fctor=1\n  ! step"

    with pytest.raises(ManifestError) as caught:
        parse_launch(text, registry=types)

    ((_, words),) = caught.value.faults
    assert words.split("\n")[1:] == ["      ! step fctor=1", "             ^"]
