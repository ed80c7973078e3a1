"""Variables: filled in from the environment, with the type that their value reads as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamflow.manifest import dump, load, upgrade
from streamflow.registry import Registry

Faults = Callable[..., dict[str, str]]


def params_of(params: dict[str, Any], types: Registry, **environ: str) -> Any:
    source = {"nodes": [{"id": "a", "node_type": "Step", "params": params}]}
    return load(source, registry=types, environ=environ).graph.nodes[0].params


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", 640),
        ("${A:-1}", 640),
        ("${B:-1.5}", 1.5),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", None),
        ("${B:-}", None),
        ("${A}x${B:-360}", "640x360"),
        ("${T}", True),
        ("$${A}", "${A}"),
        ("$A {A} $", "$A {A} $"),
    ],
)
def test_a_variable_takes_the_type_its_value_reads_as(
    text: str, value: Any, types: Registry
) -> None:
    params = params_of({"anything": [text]}, types, A="640", EMPTY="", T="true")

    assert params == {"anything": [value]}


def test_a_variable_stays_text_where_text_is_needed(types: Registry) -> None:
    params = params_of({"path": "${A}", "factor": "${A}"}, types, A="640")

    assert params == {"path": "640", "factor": 640}


def test_a_renamed_param_takes_text_too() -> None:
    source = {"nodes": [{"id": "a", "node_type": "MediaReader", "config": {"filePath": "${A}"}}]}

    assert load(source, environ={"A": "12"}).graph.nodes[0].params == {"path": "12"}


def test_variables_stand_anywhere_in_strings(types: Registry) -> None:
    text = "{streamflow: 2, name: '${N}', nodes: [{id: '${N}_1', type: step, timeout: '${T:-5s}'}]}"

    manifest = load(text, registry=types, environ={"N": "x"})

    assert (manifest.name, manifest.graph.nodes[0].id) == ("x", "x_1")
    assert manifest.graph.nodes[0].options.timeout == 5.0


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A", "${A-b}", "${A:-${B}}"])
def test_what_is_no_variable_is_a_fault(text: str, faults: Faults) -> None:
    assert faults({"nodes": [], "name": text}, environ={})["name"].startswith(
        "a variable is ${NAME} or ${NAME:-default}"
    )


def test_a_variable_that_is_not_set_is_a_fault(faults: Faults) -> None:
    assert faults({"nodes": [], "name": "${A}"}, environ={}) == {
        "name": "the variable A is not set, and there is no default"
    }


def test_an_upgrade_keeps_variables_in_params(types: Registry) -> None:
    params = {
        "path": "${A:-b}",
        "weights": ["${W:-1}"],
        "table": {"x": "${X:-2}"},
        "anything": "$${A}",
    }
    inner = {"inner": {"nodes": [{"id": "b", "type": "step", "params": {"path": "${A:-c}"}}]}}
    node = {"id": "a", "type": "step", "params": params}
    source = {"streamflow": "2", "nodes": [node], "graphs": inner}

    text = dump(upgrade(source, registry=types, environ={}))

    assert '"path": "${A:-b}"' in text
    assert '"path": "${A:-c}"' in text
    assert load(text, registry=types, environ={}) == load(source, registry=types, environ={})
    assert load(text, registry=types, environ={"A": "z", "W": "3"}).graph.nodes[0].params == {
        "path": "z",
        "weights": [3],
        "table": {"x": 2},
        "anything": "${A}",
    }


def test_an_upgrade_gives_version_1_as_version_2() -> None:
    source = {
        "version": "v1",
        "nodes": [
            {"id": "a", "node_type": "AudioLevelNode", "params": {"window_size_ms": "${MS:-100}"}},
            {"id": "b", "node_type": "VideoResizer", "config": {"targetWidth": "${W:-640}"}},
        ],
    }

    data = dump(upgrade(source, environ={}), "dict")

    assert [node["type"] for node in data["nodes"]] == ["AudioLevel", "Scale"]
    assert [node["params"] for node in data["nodes"]] == [{"window": 0.1}, {"width": "${W:-640}"}]


def test_an_upgrade_of_specs_is_themselves(types: Registry) -> None:
    manifest = load({"nodes": [{"id": "a", "node_type": "Step"}]}, registry=types)

    assert upgrade(manifest, registry=types) == manifest
