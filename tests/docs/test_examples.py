"""Every program in examples/ runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ARGUMENTS = {"shrink.py": ["in.mp4", "out.mp4"]}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_example_runs(path: Path, page_folder: Path) -> None:
    command = [sys.executable, "-W", "error", str(path), *ARGUMENTS.get(path.name, [])]

    done = subprocess.run(command, cwd=page_folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout
