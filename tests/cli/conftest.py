"""Programs for the command line to run, and the command line without a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamflow.cli.commands import streamflow

Invoke = Callable[..., Result]
Write = Callable[..., Path]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs ``streamflow ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    runner = CliRunner()
    return lambda *arguments: runner.invoke(streamflow, [str(word) for word in arguments])


@pytest.fixture
def program(tmp_path: Path) -> Write:
    """Writes a Python file that begins with the usual imports."""

    def write(text: str, name: str = "program.py") -> Path:
        path = tmp_path / name
        path.write_text(f"import streamflow as sf\n{text}", encoding="utf-8")
        return path

    return write
