"""Dumping: what is written loads as what it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamflow.errors import ManifestError
from streamflow.graph import NodeOptions, Queue
from streamflow.manifest import (
    EdgeSpec,
    GraphSpec,
    Manifest,
    NodeSpec,
    RunSpec,
    dump,
    load,
    schema,
)
from streamflow.node import Node
from streamflow.process import Process
from streamflow.registry import Registry
from streamflow.retry import CircuitBreaker, Retry

ROOT = Path(__file__).parents[2]


class Free(Node):
    def __init__(self, **options: Any) -> None: ...

    def process(self, item: Any) -> Any:
        return item


REGISTRY = Registry(discover=False)
REGISTRY.register(Free)

# Texts that mean something in YAML 1.1, YAML 1.2, JSON or a shell, beside any others.
tricky = st.sampled_from(
    ["on", "yes", "null", "~", "1e3", "0o14", "010", "12:30", "1_000", ".5", "0x1F", "2001-01-01",
     "=", "<<", "!x", "&a", "*a", "- a", "a: b", "#", "${A}", "$${A}", "${", " a ", "", "\n",
     "true"]
)  # fmt: skip
texts = tricky | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
mappings = st.dictionaries(texts, plain, max_size=3)
seconds = st.floats(0.001, 1e6)
counts = st.integers(1, 10**6)
words = st.from_regex(r"[a-z][a-z0-9_/é-]{0,5}", fullmatch=True)

processes = st.builds(
    Process,
    name=st.none() | words,
    memory=st.none() | st.integers(2**20, 2**40),
    cpu=st.none() | st.lists(st.integers(0, 63), min_size=1, max_size=3),
    nice=st.integers(-20, 19),
    restart=st.integers(0, 9),
    on_death=st.sampled_from(["error", "skip"]),
)
retries = st.builds(
    Retry,
    max_retries=counts,
    backoff=seconds,
    factor=st.floats(1, 10),
    jitter=st.floats(0, 1),
    max_backoff=seconds,
    on=st.lists(st.sampled_from([OSError, ManifestError, ValueError]), min_size=1).map(tuple),
)
options = st.builds(
    NodeOptions,
    on=st.sampled_from(["inline", "thread", "process"]) | processes,
    error=st.sampled_from(["fail", "skip", "route"]),
    timeout=st.none() | seconds,
    concurrency=counts,
    retry=st.none() | retries,
    breaker=st.none() | st.builds(CircuitBreaker, max_failures=counts, reset_after=seconds),
)
queues = st.builds(
    Queue,
    max_items=st.none() | counts,
    max_bytes=st.none() | counts,
    max_time=st.none() | seconds,
    policy=st.sampled_from(["block", "drop_oldest", "drop_newest", "latest", "error"]),
)
runs = st.builds(
    RunSpec,
    clock=st.sampled_from([None, "live", "offline"]),
    max_bytes=st.none() | counts,
    timeout=st.none() | seconds,
    checkpoint=st.none() | words,
    every=st.none() | seconds,
    items=st.none() | counts,
)


@st.composite
def graphs(draw: st.DrawFn, inner: tuple[str, ...] = (), *, ports: bool = False) -> GraphSpec:
    ids = draw(st.lists(words, min_size=1, max_size=5, unique=True))
    nodes: list[NodeSpec] = []
    for id in ids:
        if bool(inner) and draw(st.booleans()):
            nodes.append(NodeSpec(id, graph=draw(st.sampled_from(inner)), metadata=draw(mappings)))
        else:
            params, how = draw(mappings), draw(options)
            nodes.append(NodeSpec(id, "Free", params, how, metadata=draw(mappings)))
    pairs = [(a, b) for n, a in enumerate(ids) for b in ids[n + 1 :]]
    edges = tuple(
        EdgeSpec(a, b, None, None, draw(st.none() | queues))
        for a, b in pairs
        if draw(st.booleans())
    )
    ends = {"in": (ids[0], None)} if ports else {}
    return GraphSpec(
        tuple(nodes), edges, ends, dict.fromkeys(("out", "x.y"), (ids[-1], None)) if ports else {}
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    named = {name: draw(graphs(ports=True)) for name in draw(st.sets(words, max_size=2))}
    name = draw(texts.filter(bool))
    return Manifest(name, draw(graphs(inner=tuple(named))), named, draw(runs), draw(mappings))


@settings(max_examples=10)
@given(manifests(), st.sampled_from(["json", "yaml", "dict"]))
def test_load_dump_load_is_the_identity(
    manifest: Manifest, format: Literal["json", "yaml", "dict"]
) -> None:
    written = dump(manifest, format)

    read = load(written, registry=REGISTRY, environ={})

    # A node that stands for a graph may leave open which port of it an edge means.
    assert read.graph.nodes == manifest.graph.nodes
    assert (read.name, read.run, read.metadata) == (manifest.name, manifest.run, manifest.metadata)
    assert read.graphs == manifest.graphs
    again = load(dump(read, format), registry=REGISTRY, environ={})
    assert again == read


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=500)
@given(manifests(), st.sampled_from(["json", "yaml"]))
def test_load_dump_load_is_the_identity_at_length(
    manifest: Manifest, format: Literal["json", "yaml"]
) -> None:
    read = load(dump(manifest, format), registry=REGISTRY, environ={})

    assert load(dump(read, format), registry=REGISTRY, environ={}) == read


def one(**params: Any) -> Manifest:
    return Manifest(graph=GraphSpec((NodeSpec("a", "Free", params),)))


def test_paths_fractions_and_tuples_are_written_as_text_and_lists() -> None:
    params = {"path": Path("a/b"), "rate": Fraction(30_000, 1_001), "size": (1, 2), "flag": True}

    data = dump(one(**params), "dict")

    assert data["nodes"][0]["params"] == {
        "path": str(Path("a/b")),
        "rate": "30000/1001",
        "size": [1, 2],
        "flag": True,
    }


def test_what_no_text_can_say_is_named_all_at_once() -> None:
    params = {"call": print, "rows": [1, {"x": b"bytes"}], "limit": float("inf"), "keys": {1: 2}}
    nodes = (NodeSpec("a", "Free", params), NodeSpec("b", instance=Free()))

    with pytest.raises(ManifestError) as caught:
        dump(Manifest("mine", GraphSpec(nodes)))

    assert caught.value.source == "mine"
    assert dict(caught.value.faults) == {
        "nodes[0].params.call": "a value of type builtin_function_or_method cannot be said in text",
        "nodes[0].params.rows[1].x": "a value of type bytes cannot be said in text",
        "nodes[0].params.limit": "inf cannot be said in text",
        "nodes[0].params.keys": "a value of type dict cannot be said in text",
        "nodes[1]": "'b' is an instance of Free, which no text can say",
    }


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format must be 'json', 'yaml' or 'dict', not 'xml'"):
        dump(one(), "xml")  # type: ignore[call-overload]  # what is tried


def test_yaml_keeps_on_a_word_for_every_reader() -> None:
    import yaml

    manifest = Manifest(graph=GraphSpec((NodeSpec("a", "Free", options=NodeOptions("thread")),)))

    assert yaml.safe_load(dump(manifest, "yaml"))["nodes"][0]["on"] == "thread"


def test_the_published_schema_is_the_one_there_is() -> None:
    published = ROOT / "docs" / "manifest.v2.schema.json"

    assert json.loads(published.read_text(encoding="utf-8")) == schema()


def test_the_schema_names_its_draft_and_what_is_needed() -> None:
    made = schema()

    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["required"] == ["streamflow", "nodes"]
    assert made["additionalProperties"] is False


@settings(max_examples=10)
@given(manifests())
def test_what_is_written_fits_the_schema(manifest: Manifest) -> None:
    validator = pytest.importorskip("jsonschema", reason="in the dev extra").Draft202012Validator(
        schema()
    )

    assert [error.message for error in validator.iter_errors(dump(manifest, "dict"))] == []


def test_the_schema_refuses_what_loading_refuses(faults: Callable[..., dict[str, str]]) -> None:
    validator = pytest.importorskip("jsonschema", reason="in the dev extra").Draft202012Validator(
        schema()
    )
    node = {"id": "a", "type": "step"}
    bad: list[dict[str, Any]] = [
        {"streamflow": "2"},
        {"streamflow": "3", "nodes": []},
        {"streamflow": "2", "nodes": [{"id": "a b", "type": "step"}]},
        {"streamflow": "2", "nodes": [{**node, "timeout": "soon"}]},
        {"streamflow": "2", "nodes": [{**node, "on": {"process": {"cpu": []}}}]},
        {"streamflow": "2", "nodes": [{**node, "on": "moon"}]},
        {"streamflow": "2", "nodes": [node], "edges": [{"source": "a"}]},
        {"streamflow": "2", "nodes": [node], "extra": 1},
    ]

    for data in bad:
        assert faults(data)
        assert not validator.is_valid(data), data


def test_values_that_hold_themselves_are_told() -> None:
    endless: list[Any] = []
    endless += [endless, endless]

    with pytest.raises(ManifestError, match="is nested more than 100 levels deep"):
        dump(one(rows=endless))
    with pytest.raises(ManifestError, match="is nested more than 100 levels deep"):
        load({"nodes": [], "rows": endless})
