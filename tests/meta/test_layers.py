"""The import contracts: they hold, they are complete, and each catches what it forbids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("importlinter", reason="import-linter is in the dev extra")

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {c["id"]: c for c in PYPROJECT["tool"]["importlinter"]["contracts"]}

# What a node may import. `nodes` themselves stand here too: families are kept apart elsewhere.
NODE_API = {"context", "errors", "events", "frames", "node", "nodes", "packet", "ports"}

VIOLATIONS = {
    "layers": ("streamflow/clock.py", "from streamflow.registry import Registry"),
    "no-root": ("streamflow/registry.py", "import streamflow"),
    "node-api": ("nodes/basic/passthrough.py", "from streamflow.registry import Registry"),
    "no-concrete-node": ("streamflow/scheduler/__init__.py", "import streamflow.nodes.basic"),
    "media-libraries": ("streamflow/registry.py", "def f():\n    import av"),
    "families": ("nodes/basic/passthrough.py", "from streamflow.nodes import video"),
    "acyclic": ("streamflow/frames/memory.py", "from streamflow.frames import video"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts in a folder that holds a copy of the tree."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package, its links and its contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("streamflow", "nodes", "ipc"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ignore)
    return tmp_path


def test_the_tree_keeps_every_contract() -> None:
    done = lint(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_a_contract_catches_a_deliberate_violation(contract: str, tree: Path) -> None:
    path, statement = VIOLATIONS[contract]
    with (tree / path).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")

    done = lint(tree)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{CONTRACTS[contract]['name']} BROKEN" in " ".join(done.stdout.split())


def test_a_new_module_must_take_a_place_in_the_layers(tree: Path) -> None:
    (tree / "streamflow" / "newcomer.py").touch()

    done = lint(tree)

    assert done.returncode == 1
    assert "newcomer" in done.stdout


def test_whatever_is_not_the_node_api_is_forbidden_to_nodes() -> None:
    modules = {
        path.stem
        for path in (ROOT / "streamflow").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }

    forbidden = CONTRACTS["node-api"]["forbidden_modules"]

    assert sorted(forbidden) == sorted(f"streamflow.{name}" for name in modules - NODE_API)


def test_every_family_of_nodes_is_kept_apart_from_the_others() -> None:
    packages = {f"streamflow.nodes.{path.parent.name}" for path in ROOT.glob("nodes/*/__init__.py")}

    apart = set(CONTRACTS["families"]["modules"])

    # It stands beside the families, for all of them.
    assert packages - {"streamflow.nodes.javascript"} <= apart
