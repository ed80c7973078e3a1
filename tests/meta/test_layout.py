"""The tree: which file may be how long, and which folder stands where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("streamflow", "nodes", "ipc", "tests", "benchmarks", "examples", "docs", ".ci")
MAX_LINES = 400

MODULES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if not path.is_relative_to(ROOT / "streamflow" / "nodes")
    and not path.is_relative_to(ROOT / "streamflow" / "ipc")
)


def test_the_folders_are_there() -> None:
    missing = [folder for folder in FOLDERS if not (ROOT / folder).is_dir()]

    assert missing == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= MAX_LINES, f"{path.relative_to(ROOT)} has {lines} lines; split it"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows checks links out as text files")
@pytest.mark.parametrize("name", ["nodes", "ipc"])
def test_the_folders_beside_the_package_are_linked_into_it(name: str) -> None:
    link = ROOT / "streamflow" / name

    assert link.is_symlink()
    assert link.readlink() == Path("..", name)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is not a git checkout")
@pytest.mark.parametrize("name", ["nodes", "ipc"])
def test_the_links_are_committed_as_links(name: str) -> None:
    command = ["git", "ls-files", "--stage", f"streamflow/{name}"]

    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert listed.split()[:1] == ["120000"]
