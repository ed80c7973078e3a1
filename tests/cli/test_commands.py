"""The commands: run and graph, and what they say of themselves."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import streamflow as sf
from streamflow.cli import main
from tests.cli.conftest import Invoke, Write

COUNT = """
@sf.node
def numbers():
    yield from range(200)

@sf.node
def fail_on_seven(number):
    if number == 7:
        raise ValueError("seven is too hard")

pipeline = sf.Pipeline("count", numbers, sf.node(lambda x: x if x % 2 else None))
@sf.node
def nine():
    yield from range(9)

failing = sf.Pipeline("failing", nine, fail_on_seven)
empty = sf.Pipeline("empty")

@sf.node
async def forever():
    import asyncio
    yield 1
    await asyncio.Event().wait()

endless = sf.Pipeline("endless", forever)
"""


def test_the_version_is_that_of_the_code(invoke: Invoke) -> None:
    done = invoke("--version")

    assert (done.exit_code, done.stdout) == (0, f"streamflow {sf.__version__}\n")


@pytest.fixture
def not_yet_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's module, which another test may have imported, is forgotten."""
    monkeypatch.delitem(sys.modules, "streamflow.__main__", raising=False)


@pytest.mark.usefixtures("not_yet_imported")
def test_the_package_runs_as_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("streamflow", run_name="__main__")

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"streamflow {sf.__version__}\n"


def test_ctrl_c_while_the_commands_are_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting:
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "streamflow.cli.commands", Interrupting())

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.usefixtures("not_yet_imported")
def test_importing_the_program_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("streamflow", run_name="streamflow.__main__")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "command", ["bench", "demo", "graph", "nodes", "run", "schema", "upgrade", "validate"]
)
def test_each_command_has_help_and_takes_a_traceback_option(command: str, invoke: Invoke) -> None:
    done = invoke(command, "-h")

    assert done.exit_code == 0
    assert "--traceback" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("graph",),
        ("bogus",),
        ("run", "a.py", "--clock", "fast"),
        ("run", "a.py", "--timeout", "0"),
        ("graph", "a.py", "--format", "png"),
        ("bench", "a.py", "--items", "0"),
        ("validate",),
        ("upgrade", "nowhere.json"),
    ],
)
def test_what_is_not_understood_is_exit_code_2(arguments: tuple[str, ...], invoke: Invoke) -> None:
    done = invoke(*arguments)

    assert done.exit_code == 2
    assert "Usage: " in done.stderr


def test_run_prints_a_row_per_node_and_per_edge(invoke: Invoke, program: Write) -> None:
    done = invoke("run", f"{program(COUNT)}:pipeline")

    words = " ".join(done.stdout.split())
    assert done.exit_code == 0
    assert words.startswith("count completed in ")
    assert "numbers 0 200 0 0" in words
    assert "function 200 100 100 filtered 0" in words
    assert "numbers.out -> function.in 200 0 0 0" in words


def test_run_takes_clock_and_timing(invoke: Invoke, program: Write) -> None:
    done = invoke("run", program(COUNT), "--clock", "live", "--timing", "exact", "--timeout", 50)

    assert done.exit_code == 0
    assert " –" not in done.stdout


def test_a_node_that_fails_is_named(invoke: Invoke, program: Write) -> None:
    done = invoke("run", f"{program(COUNT)}:failing")

    assert done.exit_code == 1
    assert done.stderr == (
        "Error: node 'fail_on_seven' failed in process on int 7: ValueError: seven is too hard\n"
    )


def test_a_traceback_shows_the_line_that_raised(invoke: Invoke, program: Write) -> None:
    done = invoke("run", "--traceback", f"{program(COUNT)}:failing")

    assert done.exit_code == 1
    assert 'raise ValueError("seven is too hard")' in done.stderr


def test_a_run_that_takes_too_long_is_ended(invoke: Invoke, program: Write) -> None:
    done = invoke("run", f"{program(COUNT)}:endless", "--timeout", "0.05")

    assert (done.exit_code, done.stderr) == (1, "Error: endless has not ended after 0.05 s\n")


@pytest.mark.parametrize("command", ["run", "graph"])
def test_a_pipeline_without_nodes_is_refused(command: str, invoke: Invoke, program: Write) -> None:
    done = invoke(command, f"{program(COUNT)}:empty")

    assert (done.exit_code, done.stderr) == (1, "Error: pipeline 'empty' has no nodes\n")


@pytest.mark.parametrize(
    ("format", "begin"), [("mermaid", "flowchart LR"), ("dot", "digraph"), ("svg", "<svg ")]
)
def test_graph_prints_a_drawing(format: str, begin: str, invoke: Invoke, program: Write) -> None:
    done = invoke("graph", program(COUNT), "--format", format)

    assert done.exit_code == 0
    assert done.stdout.startswith(begin)
    assert done.stdout.count("\n") > 3


def test_graph_writes_a_file(invoke: Invoke, program: Write, tmp_path: Path) -> None:
    done = invoke("graph", program(COUNT), "--format", "svg", "-o", tmp_path / "graph.svg")

    assert (done.exit_code, done.stdout) == (0, "")
    assert ET.parse(tmp_path / "graph.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_graph_says_where_it_cannot_write(invoke: Invoke, program: Write) -> None:
    done = invoke("graph", program(COUNT), "-o", "nowhere/graph.svg")

    assert (done.exit_code, done.stderr) == (
        1,
        "Error: nowhere/graph.svg: No such file or directory\n",
    )


def test_run_keeps_a_file_of_metrics(invoke: Invoke, program: Write, tmp_path: Path) -> None:
    done = invoke("run", program(COUNT), "--metrics", "m.json")

    said = json.loads((tmp_path / "m.json").read_text())
    assert done.exit_code == 0
    assert (said["state"], said["nodes"]["numbers"]["emitted"]) == ("completed", 200)


def test_a_run_that_fails_keeps_its_metrics_too(
    invoke: Invoke, program: Write, tmp_path: Path
) -> None:
    done = invoke("run", f"{program(COUNT)}:failing", "--metrics", "m.prom")

    assert done.exit_code == 1
    assert 'state="failed"' in (tmp_path / "m.prom").read_text()


def test_metrics_are_refused_before_anything_runs(invoke: Invoke, program: Write) -> None:
    done = invoke("run", program(COUNT), "--metrics", "nowhere/m.prom")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: nowhere/m.prom: there is no directory nowhere\n"


def test_a_watched_run_ends_with_a_line_where_there_is_no_terminal(
    invoke: Invoke, program: Write
) -> None:
    done = invoke("run", program(COUNT), "--watch")

    assert done.exit_code == 0
    assert re.match(r"count completed after [\d.]+ s: 400 items, [\d,]+/s, 0 waiting", done.stderr)
    assert done.stdout.startswith("count completed in ")


def test_the_name_of_the_output_says_the_format(
    invoke: Invoke, program: Write, tmp_path: Path
) -> None:
    for name in ("a.svg", "a.dot", "a.gv", "a.mmd"):
        invoke("graph", program(COUNT), "-o", name)

    begins = {path.name: path.read_text()[:7] for path in tmp_path.glob("a.*")}
    assert begins == {
        "a.svg": "<svg xm",
        "a.dot": "digraph",
        "a.gv": "digraph",
        "a.mmd": "flowcha",
    }


def test_a_live_graph_has_the_counters_of_the_run(
    invoke: Invoke, program: Write, tmp_path: Path
) -> None:
    printed = invoke("graph", program(COUNT), "--live", "-o", "-")
    written = invoke("graph", program(COUNT), "--live", "-o", "graph.svg")

    assert (printed.exit_code, written.exit_code) == (0, 0)
    assert "200 in, 100 out" in printed.stdout
    assert written.stdout == ""
    assert "200 in, 100 out" in (tmp_path / "graph.svg").read_text()


def test_a_live_graph_that_fails_is_drawn_as_far_as_it_came(
    invoke: Invoke, program: Write, tmp_path: Path
) -> None:
    done = invoke("graph", f"{program(COUNT)}:failing", "--live", "-o", "graph.svg")

    assert done.exit_code == 1
    assert "1 lost" in (tmp_path / "graph.svg").read_text()


def test_validate_tells_what_is_there(invoke: Invoke, program: Write) -> None:
    path = program(COUNT)

    done = invoke("validate", path, f"{path}:endless")

    assert (done.exit_code, done.stderr) == (0, "")
    assert (
        done.stdout == f"{path}: count, 2 nodes, 1 edge\n{path}:endless: endless, 1 node, 0 edges\n"
    )


def test_validate_tells_what_is_wrong(invoke: Invoke, program: Write) -> None:
    done = invoke("validate", f"{program(COUNT)}:empty")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("program.py:empty: pipeline 'empty' has no nodes\n")


def test_a_run_goes_on_from_its_last_checkpoint(
    invoke: Invoke, program: Write, tmp_path: Path
) -> None:
    words = ("run", program(COUNT), "--checkpoint", "state", "--every", "1m", "--items", 50)

    first = invoke(*words)
    second = invoke(*words, "--resume")

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("words", [("--resume",), ("--items", "5"), ("--every", "10s")])
def test_checkpoints_need_a_directory(
    words: tuple[str, ...], invoke: Invoke, program: Write
) -> None:
    done = invoke("run", program(COUNT), *words)

    assert done.exit_code == 1
    assert "checkpoint" in done.stderr


def test_a_timeout_that_a_node_raises_itself_is_told_as_its_own(
    invoke: Invoke, program: Write
) -> None:
    text = "@sf.node\ndef late():\n    yield 1\n    raise TimeoutError('too late')\n"

    done = invoke("run", f"{program(text + 'pipeline = sf.Pipeline(late)')}")

    assert done.exit_code == 1
    assert "node 'late' failed in process: TimeoutError: too late" in done.stderr
