"""Manifests: pipelines as text."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from streamflow.manifest.dumping import dump, schema
    from streamflow.manifest.launch import parse_launch
    from streamflow.manifest.loading import load, upgrade
    from streamflow.manifest.spec import (
        EdgeSpec,
        GraphSpec,
        Manifest,
        NodeSpec,
        RunSpec,
    )

__all__ = [
    "EdgeSpec",
    "GraphSpec",
    "Manifest",
    "NodeSpec",
    "RunSpec",
    "dump",
    "load",
    "parse_launch",
    "schema",
    "upgrade",
]

_HOMES: Final = {
    **dict.fromkeys(("EdgeSpec", "GraphSpec", "Manifest", "NodeSpec", "RunSpec"), "spec"),
    "dump": "dumping",
    "load": "loading",
    "parse_launch": "launch",
    "schema": "dumping",
    "upgrade": "loading",
}


def __getattr__(name: str) -> Any:
    # Reading takes pydantic; a pipeline that is built in Python needs none of it.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"streamflow.manifest has no {name!r}")
    return getattr(importlib.import_module(f"streamflow.manifest.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
