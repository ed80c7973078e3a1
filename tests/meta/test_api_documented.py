"""The public API: every name has a docstring and a place in the reference."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "reference").glob("*.md"))
)
DIRECTIVES = set(re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE))
PUBLIC_MODULES = ("streamflow", "streamflow.nodes", "streamflow.testing")


def public_names() -> list[str]:
    """Every name of every public module's ``__all__``, with its module."""
    return [
        f"{module}.{name}"
        for module in PUBLIC_MODULES
        for name in importlib.import_module(module).__all__
    ]


def resolve(path: str) -> Any:
    """The object that a public name stands for."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_has_a_place_in_the_reference(name: str) -> None:
    found = resolve(name)

    # A module that is documented whole documents what it defines.
    homes = {name, name.rpartition(".")[0], getattr(found, "__module__", "")}

    assert homes & DIRECTIVES, f"add `::: {name}` to a page of docs/reference/"


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_has_a_docstring_of_its_own(name: str) -> None:
    found = resolve(name)

    if inspect.isclass(found):
        assert found.__dict__.get("__doc__"), f"{name} has no docstring"
        methods = [m for n, m in vars(found).items() if not n.startswith("_") and callable(m)]
        bare = [m.__qualname__ for m in methods if inspect.isfunction(m) and not m.__doc__]
        assert bare == []
    elif inspect.isroutine(found) or inspect.ismodule(found):
        assert found.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("name", sorted(DIRECTIVES))
def test_the_reference_names_only_what_is_there(name: str) -> None:
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError:
        found = resolve(name)

    assert found is not None
