"""The command line as a process: signals, pipes, and both of its names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Write

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "streamflow"]

ENDLESS = """
import os, sys
from streamflow.nodes import MediaSink, TestVideo

pipeline = sf.Pipeline("endless")

class Tell(sf.Node):
    count = 0

    def process(self, frame):
        self.count += 1
        if self.count == 40:
            print("running", *os.listdir(), flush=True)
        return frame

    def cleanup(self):
        print("cleaned up", flush=True)

sink = pipeline.add(MediaSink("out.mp4"))
pipeline.add(TestVideo(64, 48)) >> Tell() >> sink["video"]
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkout is what runs."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)


def start(*arguments: object, folder: Path) -> subprocess.Popen[str]:
    """A process of the command line, whose ends are pipes."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("environment")
def test_python_m_streamflow_is_the_command_line(tmp_path: Path) -> None:
    done = start("--version", folder=tmp_path)

    out, errors = done.communicate()

    assert (out.split()[0], errors, done.returncode) == ("streamflow", "", 0)


@pytest.mark.usefixtures("environment")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_ctrl_c_cleans_up_says_stopped_and_leaves_no_file(program: Write, tmp_path: Path) -> None:
    path = program(ENDLESS)
    process = start("run", path, folder=tmp_path)
    assert process.stdout is not None
    running = process.stdout.readline()

    process.send_signal(signal.SIGINT)
    out, errors = process.communicate()

    assert "partial" in running
    assert (out, errors, process.returncode) == ("cleaned up\n", "stopped\n", 130)
    assert [name.name for name in tmp_path.iterdir() if name.suffix == ".mp4"] == []


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("arguments", [("nodes",), ("graph", "program.py")])
def test_a_reader_that_went_away_is_no_error(
    arguments: tuple[str, ...], program: Write, tmp_path: Path
) -> None:
    program("pipeline = sf.Pipeline()\nfor n in range(2000): pipeline.add(sf.node(lambda x: x))")
    process = start(*arguments, folder=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None

    errors = process.stderr.read()

    assert (errors, process.wait()) == ("", 1)
    process.stderr.close()


@pytest.mark.usefixtures("environment")
def test_a_terminal_that_knows_only_ascii_is_no_error(
    program: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    program("@sf.node\ndef one():\n    yield 1\npipeline = sf.Pipeline(one)")

    process = start("run", "program.py", folder=tmp_path)
    out, errors = process.communicate()

    assert (errors, process.returncode) == ("", 0)
    assert "one" in out


@pytest.mark.usefixtures("environment")
def test_a_pipe_gets_no_colour(program: Write, tmp_path: Path) -> None:
    program("@sf.node\ndef one():\n    yield 1\npipeline = sf.Pipeline(one)")

    process = start("run", "program.py", folder=tmp_path)
    out, _ = process.communicate()

    assert "\x1b" not in out
