"""The distribution: pyproject.toml says of the tree what the tree says of itself."""

from __future__ import annotations

import importlib
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import streamflow
import streamflow.nodes
from streamflow.node import Node

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
NODES: dict[str, str] = PROJECT["entry-points"]["streamflow.nodes"]


def packages_of(folder: Path, name: str) -> set[str]:
    """Names of the packages in a folder, links not followed."""
    found = {name}
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink() and (entry / "__init__.py").exists():
            found |= packages_of(entry, f"{name}.{entry.name}")
    return found


def test_packages_match_the_tree() -> None:
    tree = (
        packages_of(ROOT / "streamflow", "streamflow")
        | packages_of(ROOT / "nodes", "streamflow.nodes")
        | packages_of(ROOT / "ipc", "streamflow.ipc")
    )

    listed = PYPROJECT["tool"]["setuptools"]["packages"]

    assert sorted(listed) == sorted(tree)


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert PROJECT["version"] == streamflow.__version__
    assert f"## [{streamflow.__version__}]" in changelog


def test_each_node_of_the_library_is_an_entry_point_and_no_other_but_merges() -> None:
    exported = set(streamflow.nodes.__all__)

    # Symbia's components have names that only its graphs use.
    assert {name for name in NODES if "." not in name} == exported | {"Merge"}


def test_merges_are_made_by_name_too() -> None:
    made = streamflow.registry.create("Merge", policy="zip", inputs=3)

    assert list(made.inputs) == ["in_0", "in_1", "in_2"]


@pytest.mark.parametrize("name", sorted(name for name in NODES if "." in name))
def test_an_entry_point_of_symbia_leads_to_a_component(name: str) -> None:
    loaded = EntryPoint(name, NODES[name], "streamflow.nodes").load()

    assert issubclass(loaded, Node)
    assert loaded.__name__.lower() == name.rpartition(".")[2].replace("-", "")


@pytest.mark.parametrize("name", sorted(n for n in NODES if n != "Merge" and "." not in n))
def test_an_entry_point_leads_to_the_node_of_its_name(name: str) -> None:
    point = EntryPoint(name, NODES[name], "streamflow.nodes")

    loaded = point.load()

    assert loaded is getattr(streamflow.nodes, name)
    assert loaded.__name__ == name


def test_the_console_script_can_be_called() -> None:
    module, _, function = PROJECT["scripts"]["streamflow"].partition(":")

    assert callable(getattr(importlib.import_module(module), function))


def test_every_python_from_3_11_to_3_14_is_named() -> None:
    named = {line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if "Python :: 3." in line}

    assert named == {"3.11", "3.12", "3.13", "3.14"}
    assert PROJECT["requires-python"] == ">=3.11"
