"""Hostile texts: a clear error, soon, and nothing run. The watchdog ends what hangs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamflow.errors import ManifestError
from streamflow.manifest import load, parse_launch
from streamflow.registry import Registry

pytestmark = pytest.mark.timeout(20)

Faults = Callable[..., dict[str, str]]

LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b'{"nodes": "\xff"}', "is not UTF-8: the byte 0xff at offset 11 cannot be"),
        ('{"nodes": [}', "line 1, column 12: expecting value"),
        ("nodes: [", "line 2, column 1: did not find expected node content"),
        ("nodes: \0", "control characters are not allowed"),
        ("nodes: \ud800", "surrogates not allowed"),
        ('{"nodes": NaN}', "NaN is no JSON number"),
        ('{"nodes": -Infinity}', "-Infinity is no JSON number"),
        ('{"nodes": 1e999}', "1e999 is too large for a number"),
        ('{"nodes": ' + "9" * 100_000 + "}", "an integer of 100000 digits"),
        ("nodes: " + "9" * 100_000, "line 1, column 8: an integer of 100000 digits"),
        ("nodes: .nan", "line 1, column 8: .nan is no number that a manifest may hold"),
        ('{"nodes":' + "[" * 100_000, "is nested far too deep"),
        ('{"nodes":' * 1_000 + "1" + "}" * 1_000, "nested"),
        ("nodes: " + "[" * 1_000 + "]" * 1_000, "more than 200 levels deep"),
        ("nodes:\n " + "- " * 1_000 + "1", "more than 200 levels deep"),
        ("nodes: " + "{a: " * 100_000, "more than 200 levels deep"),
        (LAUGHS, "line 6, column"),
        ("nodes: &a [*a]", "line 1, column 12: *a holds itself"),
        ("nodes: *a", "line 1, column 8: *a is not there"),
        ("nodes: !!python/object/apply:os.system [exit]", "tags run code"),
        ("? !!str a\n: 1", "tags run code"),
        ("!x a: 1", "tags run code"),
        ("a: 1\n---\nb: 2", "a second document begins"),
        ("? [a]\n: 1", "a key must be text"),
        ("<<: 3", "<< must merge a mapping"),
        ("x" * 9_000_000, "is larger than 8 MiB"),
        ("x: y\n" * 300_000, "is larger than 1 MiB, the most that is read of YAML"),
        ("- 1\n" * 200_000, "more than 150000 values"),
        ('{"nodes": [' + "1," * 600_000 + "1]}", "holds more than 500000 values"),
        ('{"nodes": [' + "1," * 60_000 + "1]}", "nodes: holds 60001 entries; 50000 may be"),
        ('{"x": "' + "${A:-}" * 100_001 + '"}', "is one of more than 100000 variables"),
        ("", "a manifest must be a mapping, got null"),
        ("pipeline", "a path must end in .json, .yaml or .yml"),
        ("[]", "a manifest must be a mapping, got a list"),
        ("gone.json", "gone.json: cannot be read: No such file or directory"),
        ("a\0.json", "cannot be read: embedded null byte"),
        (Path("/"), "/: cannot be read: Is a directory"),
    ],
)
def test_a_text_that_cannot_be_read_is_one_clear_error(source: Any, sentence: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load(source)

    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_is_no_source_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a manifest must be a path, a text, bytes"):
        load(3)  # type: ignore[arg-type]  # what is tried


@pytest.mark.parametrize(
    "text",
    [
        '{"nodes": [],\n "a": {"b": 1,\n "c": "\\"b\\": {", "b": [2, {"b": 3}]},\n "nodes": []}',
        "nodes: []\na:\n  b: 1\n  b: [2, {b: 3}]\nnodes: []\n",
    ],
)
def test_keys_that_stand_twice_are_told_with_their_lines(text: str, faults: Faults) -> None:
    last = text.count("\n") + (not text.endswith("\n"))
    second = last - 1

    assert faults(text) == {
        "a.b": f"stands twice, in lines {2 if text[0] == '{' else 3} and {second}",
        "nodes": f"stands twice, in lines 1 and {last}",
    }


def test_keys_within_lists_are_told_with_their_index(faults: Faults) -> None:
    assert faults('{"nodes": [1, {"x": [0, 0]}, {"id": 1, "id": 2}]}') == {
        "nodes[2].id": "stands twice, in lines 1 and 1"
    }
    assert len(faults("a: 1\n" * 1_000)) == 1


def test_aliases_and_merges_of_a_sane_size_are_read(types: Registry) -> None:
    text = """
    version: v1
    base: &base {node_type: Step, params: {factor: 2}}
    more: &more {params: {factor: 3}, host: x}
    nodes:
    - {<<: *base, id: a}
    - {id: b, <<: [*more, *base]}
    """

    manifest = load(text, registry=types)

    assert [node.params for node in manifest.graph.nodes] == [{"factor": 2}, {"factor": 3}]


def test_a_path_is_read_by_its_ending(tmp_path: Path, types: Registry) -> None:
    nodes = {"nodes": [{"id": "a", "node_type": "Step"}]}
    for name in ("a.json", "b.yaml", "c.YML", "d.txt"):
        (tmp_path / name).write_text(json.dumps(nodes), encoding="utf-8-sig")

    read = [load(str(tmp_path / name), registry=types) for name in ("a.json", "b.yaml", "c.YML")]

    assert read == [load(tmp_path / "d.txt", registry=types)] * 3
    assert load(bytearray(json.dumps(nodes), "utf-8"), registry=types) == read[0]


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("nodes: 3", encoding="utf-8")

    with pytest.raises(ManifestError) as caught:
        load(path)

    assert caught.value.source == str(path)


def test_nesting_without_end_in_a_mapping_is_a_fault(faults: Faults) -> None:
    nested: Any = 1
    for _ in range(10_000):
        nested = {"x": nested}

    found = faults({"nodes": [], "a": nested})

    assert found == {"a.x.x": "is nested more than 100 levels deep"}


@pytest.mark.slow
def test_ten_thousand_nodes_load(types: Registry) -> None:
    nodes = [{"id": f"n{n}", "type": "step"} for n in range(10_000)]
    edges = [{"source": f"n{n}", "target": f"n{n + 1}"} for n in range(9_999)]
    text = json.dumps({"streamflow": "2", "nodes": nodes, "edges": edges})

    assert len(load(text, registry=types).graph.nodes) == 10_000


def test_more_faults_than_anybody_reads_are_not_told(faults: Faults) -> None:
    nodes = [{"id": f"n{n}", "node_type": f"Step{n}", "parms": 1} for n in range(20_000)]

    found = faults({"nodes": nodes})

    assert found[""] == "there may be more than these"
    assert len(found) == 1_000


@pytest.mark.slow
def test_a_ring_of_ten_thousand_is_found(faults: Faults) -> None:
    nodes = [{"id": f"n{n}", "node_type": "Step"} for n in range(10_000)]
    edges = [{"from": f"n{n}", "to": f"n{(n + 1) % 5_000}"} for n in range(5_000)]
    tail = [{"from": f"n{n}", "to": f"n{n + 1}"} for n in range(4_999, 9_999)]

    found = faults({"nodes": nodes, "edges": edges + tail})

    assert found["edges"].startswith("the graph has a cycle: n0 -> n1 -> n2")


def test_names_without_end_are_faults(faults: Faults) -> None:
    long = "x" * 1_000_000

    found = faults({"nodes": [{"id": long, "node_type": long}]})

    assert [*found] == ["nodes[0].id", "nodes[0].node_type"]
    assert all(words.startswith("must not be longer than 500 letters") for words in found.values())


def test_numbers_of_any_kind_are_shown_short(faults: Faults) -> None:
    found = faults({"streamflow": "2", "nodes": [{"id": 10**5_000, "type": object()}]})

    assert found["nodes[0].id"] == "must be text, got a huge number"
    assert len(found["nodes[0].type"]) < 100


@pytest.mark.parametrize(
    "text",
    ["a'" * 40_001, "\\" * 99_999, " " * 100_000, "!" * 1_000, "= " * 50_000, "a " * 50_001],
)
def test_a_hostile_launch_string_is_one_clear_error(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_launch(text)

    assert len(str(caught.value)) < 500


def test_importing_streamflow_loads_neither_pydantic_nor_yaml() -> None:
    import subprocess

    code = "import sys, streamflow.manifest; print({'pydantic', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_the_package_names_what_it_has() -> None:
    import streamflow.manifest as package

    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=r"streamflow\.manifest has no 'nothing'"):
        package.nothing  # noqa: B018 - the access is what is tried
