"""Targets: Python files, manifests and launch strings, on every command that takes one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamflow.cli.targets import is_launch, is_manifest
from tests.cli.conftest import Invoke, Write

DOUBLING: dict[str, Any] = {
    "version": "v1",
    "metadata": {"name": "doubling"},
    "nodes": [
        {"id": "in", "node_type": "PassThroughNode", "params": {}},
        {"id": "double", "node_type": "MultiplyNode", "params": {"factor": 2}},
    ],
    "connections": [{"from": "in", "to": "double"}],
}

FAULTY = """
version: v1
nodes:
  - {id: a, node_type: PassThrogh}
  - {id: b, node_type: Scale, params: {width: wide}}
connections:
  - {from: a, to: c}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "doubling.json"
    path.write_text(json.dumps(DOUBLING))
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    return path


def test_a_manifest_is_measured_and_drawn(invoke: Invoke, manifest: Path) -> None:
    measured = invoke("bench", manifest, "--items", 20, "--repeat", 1)
    drawn = invoke("graph", manifest)

    assert (measured.exit_code, drawn.exit_code) == (0, 0), measured.stderr + drawn.stderr
    assert measured.stdout.startswith("doubling handles ")
    assert "<b>double</b><br/>Multiply" in drawn.stdout


def test_a_launch_string_is_run(invoke: Invoke) -> None:
    done = invoke("run", "test-video width=64 height=48 frames=5 ! scale width=32")

    assert done.exit_code == 0
    assert "scale 5 5" in " ".join(done.stdout.split())


def test_a_single_node_is_a_launch_string(invoke: Invoke) -> None:
    done = invoke("run", "test-video width=64 height=48 frames=5")

    assert done.exit_code == 0
    assert "test_video 0 5" in " ".join(done.stdout.split())


def test_what_a_manifest_says_of_its_run_holds_unless_the_command_says_otherwise(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "endless.json"
    endless = {"id": "video", "type": "TestVideo", "params": {"width": 64, "height": 48}}
    path.write_text(
        json.dumps(
            {"version": "v2", "name": "endless", "nodes": [endless], "run": {"timeout": 0.05}}
        )
    )

    said = invoke("run", path)
    otherwise = invoke("run", path, "--timeout", "0.06")

    assert said.stderr == "Error: endless has not ended after 0.05 s\n"
    assert otherwise.stderr == "Error: endless has not ended after 0.06 s\n"


@pytest.mark.parametrize("command", ["run", "graph", "bench", "upgrade"])
def test_all_faults_of_a_manifest_are_told_without_a_traceback(
    command: str, invoke: Invoke, faulty: Path
) -> None:
    done = invoke(command, faulty)

    assert (done.exit_code, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].endswith("faulty.yaml has 3 faults:")
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "nodes[0].node_type",
        "nodes[1].params.width",
        "connections[0].to",
    ]


def test_validate_tells_all_faults_of_all_targets(
    invoke: Invoke, faulty: Path, manifest: Path
) -> None:
    done = invoke("validate", faulty, manifest, "test-video ! scalee")

    assert done.exit_code == 2
    assert done.stdout == f"{manifest}: doubling, 2 nodes, 1 edge\n"
    assert done.stderr.count(f"{faulty}: ") == 3
    assert "test-video ! scalee: " in done.stderr
    assert "did you mean Scale?" in done.stderr


def test_a_traceback_of_a_faulty_manifest_is_there_for_who_asks(
    invoke: Invoke, faulty: Path
) -> None:
    done = invoke("run", faulty, "--traceback")

    assert done.exit_code == 2
    assert "Traceback (most recent call last)" in done.stderr


def test_a_class_path_needs_leave(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    node: dict[str, Any] = {
        "id": "a",
        "node_type": "streamflow.nodes.basic.passthrough:PassThrough",
        "params": {},
    }
    path.write_text(json.dumps({"version": "v1", "nodes": [node]}))

    refused = invoke("validate", path)
    allowed = invoke("validate", path, "--allow-imports")

    assert (refused.exit_code, allowed.exit_code) == (2, 0), allowed.stderr


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere.yaml", "nowhere.yaml: No such file or directory"),
        ("nowhere.py", "nowhere.py: there is no such file"),
        (" ", "a target is needed: a Python file, a manifest or a launch string"),
    ],
)
def test_a_target_that_is_not_there_is_exit_code_1(target: str, words: str, invoke: Invoke) -> None:
    done = invoke("run", target)

    assert (done.exit_code, done.stderr) == (1, f"Error: {words}\n")


def test_upgrade_prints_json_and_writes_yaml_and_both_say_the_same(
    invoke: Invoke, manifest: Path, tmp_path: Path
) -> None:
    printed = invoke("upgrade", manifest)
    written = invoke("upgrade", manifest, "-o", "new.yaml")
    (tmp_path / "new.json").write_text(printed.stdout)
    found = invoke("validate", "new.json", "new.yaml")

    assert (printed.exit_code, written.exit_code, written.stdout) == (0, 0, "")
    assert json.loads(printed.stdout)
    assert found.stdout == (
        "new.json: doubling, 2 nodes, 1 edge\nnew.yaml: doubling, 2 nodes, 1 edge\n"
    )


def test_schema_prints_a_json_schema(invoke: Invoke) -> None:
    done = invoke("schema")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["$schema"].startswith("https://json-schema.org/")


def test_a_file_with_the_name_of_a_node_is_a_file(
    tmp_path: Path, program: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program("", name="scale")

    assert not is_launch("scale")
    assert is_launch("scale width=64")


@pytest.mark.parametrize("path", ["a.json", "a.YAML", "folder/a.yml"])
def test_a_manifest_is_told_by_its_name(path: str) -> None:
    assert is_manifest(path)
    assert not is_launch(path)
